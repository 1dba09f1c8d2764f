package io.calibrant.schemas;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.RecordTooLargeException;

/**
 * A record that its topic does not take. Kafka's own exception names neither topic nor size nor limit; the message of
 * this one is the same in every service.
 *
 * @param topic that refused it
 * @param key of the record, for people; null for none
 * @param bytes of key, value and headers
 */
public record OversizedRecord(String topic, String key, long bytes) {
    private static final int KEY_CHARACTERS = 120;
    private static final String PATIENCE_MS = "5000";

    /** Whether a record that was too large is among the causes of a failure. */
    public static boolean isCauseOf(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof RecordTooLargeException || cause instanceof RecordBatchTooLargeException) {
                return true;
            }
        }
        return false;
    }

    /**
     * How large a record may be on a topic, compressed where its sender compresses. Asks the broker.
     *
     * @return empty where that may not be asked, or has no answer
     */
    public static OptionalLong limit(Connection connection, String topic) {
        Map<String, Object> configs = connection.admin();
        configs.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, PATIENCE_MS);
        configs.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, PATIENCE_MS);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = Admin.create(configs)) {
            ConfigEntry entry = admin.describeConfigs(List.of(resource))
                    .all()
                    .get()
                    .get(resource)
                    .get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG);
            return entry == null || entry.value() == null
                    ? OptionalLong.empty()
                    : OptionalLong.of(Math.min(Long.parseLong(entry.value()), Topics.MAX_RECORD_BYTES));
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException | KafkaException | NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    /**
     * The message, in one line.
     *
     * @param limit of the topic; see {@link #limit}
     * @param help what to do, for example which flag makes such records smaller
     */
    public String message(OptionalLong limit, String help) {
        return "record" + (key == null ? "" : " '" + shown() + "'") + " of " + bytes + " bytes is too large for topic "
                + topic + ", " + TopicConfig.MAX_MESSAGE_BYTES_CONFIG + " "
                + (limit.isPresent() ? limit.getAsLong() : "is smaller") + (help.isEmpty() ? "" : ": " + help);
    }

    private String shown() {
        return key.length() <= KEY_CHARACTERS ? key : key.substring(0, KEY_CHARACTERS) + "...";
    }
}
