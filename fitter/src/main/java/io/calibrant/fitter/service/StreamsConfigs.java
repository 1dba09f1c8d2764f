package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.PromptCommits;
import io.calibrant.schemas.BrokerLimits;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Replication;
import io.calibrant.schemas.Topics;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.streams.StreamsConfig;

/** The Kafka Streams configuration of the fitter. */
public final class StreamsConfigs {
    /** A member that died is replaced after this time. */
    private static final int SESSION_TIMEOUT_MS = 6_000;

    /** An abandoned transaction holds up its readers for this long. */
    private static final int TRANSACTION_TIMEOUT_MS = 10_000;

    /** Statistics are large: a few make a poll, a few wait in memory. */
    private static final int RECORDS_AT_ONCE = 16;

    /** So many bytes to a partition go as one request. */
    private static final int BATCH_BYTES = 1 << 20;

    /** A backlog is committed so many times less often than what is recent, see {@link PromptCommits}. */
    private static final int BACKLOG_COMMITS = 5;

    /** Well within a transaction's time. */
    private static final long MOST_COMMIT_MS = 5_000;

    private StreamsConfigs() {}

    public static Properties of(Connection connection, FitterSettings settings, Path stateDir) {
        Properties configs = new Properties();
        configs.putAll(connection.admin());
        configs.put(StreamsConfig.APPLICATION_ID_CONFIG, settings.applicationId(connection.topics()));
        configs.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        configs.put(StreamsConfig.ENSURE_EXPLICIT_INTERNAL_RESOURCE_NAMING_CONFIG, true);
        configs.put(StreamsConfig.STATE_DIR_CONFIG, stateDir.toString());
        configs.put(
                StreamsConfig.NUM_STREAM_THREADS_CONFIG, settings.streaming().threads());
        configs.put(
                StreamsConfig.COMMIT_INTERVAL_MS_CONFIG,
                Math.min(
                        MOST_COMMIT_MS,
                        BACKLOG_COMMITS * settings.streaming().commitInterval().toMillis()));
        configs.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, CompactState.class);
        configs.put(
                StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG,
                settings.streaming().cacheBytes());
        // Internal topics carry what ours carry, and are kept as often.
        Replication replication = Replication.of(connection);
        replication.factor().ifPresent(factor -> configs.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, (int) factor));
        replication
                .minInsync()
                .ifPresent(least -> configs.put(StreamsConfig.topicPrefix(Replication.MIN_INSYNC_REPLICAS), least));
        configs.put(StreamsConfig.topicPrefix(TopicConfig.MAX_MESSAGE_BYTES_CONFIG), Topics.MAX_RECORD_BYTES);
        configs.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, RECORDS_AT_ONCE);
        configs.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, DeadLetterUndecodable.class);
        configs.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, DeadLetterUnusable.class);
        configs.put("processing.exception.handler.global.enabled", true);
        configs.put(StreamsConfig.PRODUCTION_EXCEPTION_HANDLER_CLASS_CONFIG, RefusedOutputs.class);
        configs.put(
                StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG,
                connection.topics().fitterDeadLetters());
        configs.put(DeadLetterLog.LIMIT_CONFIG, Topics.MAX_RECORD_BYTES);

        Map<String, Object> consumer = connection.consumer(null);
        for (String key : new String[] {
            ConsumerConfig.FETCH_MAX_BYTES_CONFIG,
            ConsumerConfig.RECEIVE_BUFFER_CONFIG,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG
        }) {
            configs.put(StreamsConfig.consumerPrefix(key), consumer.get(key));
        }
        configs.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), RECORDS_AT_ONCE);
        int session = given(connection, ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, SESSION_TIMEOUT_MS);
        configs.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), session);
        configs.put(
                StreamsConfig.mainConsumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG),
                given(connection, ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, Math.max(1, session / 4)));
        configs.put(StreamsConfig.globalConsumerPrefix(ConsumerConfig.ISOLATION_LEVEL_CONFIG), "read_committed");
        String theirs = connection.properties().get(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG);
        configs.put(
                StreamsConfig.globalConsumerPrefix(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG),
                RunTimestamps.class.getName() + (theirs == null || theirs.isBlank() ? "" : "," + theirs));
        configs.put(StreamsConfig.producerPrefix(ProducerConfig.MAX_REQUEST_SIZE_CONFIG), Topics.MAX_RECORD_BYTES);
        configs.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 4L * Topics.MAX_RECORD_BYTES);
        // No consumer sees a record before its commit, which flushes all batches: so let them grow large.
        configs.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), BATCH_BYTES);
        configs.put(StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), TRANSACTION_TIMEOUT_MS);
        return configs;
    }

    /** What the user says of the main consumer, in the order in which Kafka Streams looks, or else our own. */
    private static int given(Connection connection, String key, int otherwise) {
        for (String name : List.of(StreamsConfig.mainConsumerPrefix(key), StreamsConfig.consumerPrefix(key), key)) {
            String value = connection.properties().get(name);
            if (value != null) {
                return Integer.parseInt(value.strip());
            }
        }
        return otherwise;
    }

    /**
     * What a cluster allows of a configuration. Where users say nothing of the session timeout, it is the nearest one
     * to what is best; internal topics take records as large as ours do.
     *
     * @param configs changed
     * @param recordBytes the largest record of our own topics
     * @return the configuration
     */
    static Properties within(Properties configs, Connection connection, BrokerLimits limits, int recordBytes) {
        int session = given(connection, ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, limits.session(SESSION_TIMEOUT_MS));
        configs.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), session);
        configs.put(
                StreamsConfig.mainConsumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG),
                given(connection, ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, Math.max(1, session / 4)));
        configs.put(StreamsConfig.topicPrefix(TopicConfig.MAX_MESSAGE_BYTES_CONFIG), recordBytes);
        return configs;
    }
}
