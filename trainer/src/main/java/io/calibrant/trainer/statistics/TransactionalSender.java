package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.Topics;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends records in transactions of one producer, and retries for as long as broker or registry are away. A commit that
 * timed out is asked for again. A transaction that is lost is sent again by a new producer, which aborts what the old
 * one left open. Delivery is at least once: a transaction may be duplicated, is never lost.
 *
 * <p>The transactional id is made of run and shard: a second process with the same ones fences this one, which then
 * stops. Not thread-safe, except {@link #trouble} and {@link #giveUp}.
 */
final class TransactionalSender implements SendQueue.Receiver, AutoCloseable {
    /** How long the client itself waits for a broker before it throws. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** The broker ends a transaction that is open for longer; Kafka's default. */
    private static final Duration TRANSACTION = Duration.ofMinutes(1);
    /** Between two attempts that fail at once, for example where a connection is refused. */
    private static final long PAUSE_MILLIS = 100;
    /**
     * The records of a step in as few batches as there are partitions: a record fills several of Kafka's default size,
     * and producer and broker have most of their work with a batch.
     */
    private static final int BATCH_BYTES = 1 << 20;

    private final Supplier<Producer<String, byte[]>> open;
    private final String address;
    private final String runId;
    private final String shard;
    private final Duration transactionTimeout;
    private final Function<OversizedRecord, String> refusal;
    private final ProducerListener listener;
    private final AtomicReference<OversizedRecord> oversized = new AtomicReference<>();
    private Producer<String, byte[]> producer;
    private volatile String trouble;
    private volatile boolean givenUp;

    /** Takes the records of one transaction, in order. */
    @FunctionalInterface
    interface Transaction {
        /** Adds a record; whether it was stored is known when the transaction is committed. */
        void send(String topic, String key, byte[] value);
    }

    /**
     * Opens the first producer.
     *
     * @param open opens a producer whose transactions are initialised, and aborts those that an earlier one left open
     * @param address of the broker, for messages
     * @param shard for example 0/1, for messages
     * @param transactionTimeout after which the broker ends a transaction of these producers
     * @param refusal says in a line why a record is too large for its topic
     * @param listener hears of each producer
     */
    TransactionalSender(
            Supplier<Producer<String, byte[]>> open,
            String address,
            String runId,
            String shard,
            Duration transactionTimeout,
            Function<OversizedRecord, String> refusal,
            ProducerListener listener) {
        this.listener = listener;
        this.open = open;
        this.address = address;
        this.runId = runId;
        this.shard = shard;
        this.transactionTimeout = transactionTimeout;
        this.refusal = refusal;
        producer = open.get();
        listener.opened(producer);
    }

    /** The same, and nobody hears of the producers. */
    TransactionalSender(
            Supplier<Producer<String, byte[]>> open,
            String address,
            String runId,
            String shard,
            Duration transactionTimeout,
            Function<OversizedRecord, String> refusal) {
        this(open, address, runId, shard, transactionTimeout, refusal, ProducerListener.SILENT);
    }

    /** The same, and nobody hears of the producers. */
    static TransactionalSender open(Connection connection, String runId, String shard) {
        return open(connection, runId, shard, ProducerListener.SILENT);
    }

    /**
     * Opens a producer and fences the process that sends the same shard of the same run, if there is one.
     *
     * @throws PublishingException naming the address if the broker does not answer
     */
    static TransactionalSender open(Connection connection, String runId, String shard, ProducerListener listener) {
        Map<String, Object> configs = configs(connection, runId, shard);
        try {
            return new TransactionalSender(
                    () -> open(configs),
                    connection.bootstrapServers(),
                    runId,
                    shard,
                    TRANSACTION,
                    record -> refusal(connection, record),
                    listener);
        } catch (KafkaException e) {
            throw new PublishingException(
                    "broker " + connection.bootstrapServers() + ": no transaction can be opened: " + e.getMessage(), e);
        }
    }

    /** What the connection says, where that says nothing large batches, and transactions. */
    static Map<String, Object> configs(Connection connection, String runId, String shard) {
        Map<String, Object> configs = connection.producer();
        configs.putIfAbsent(ProducerConfig.BATCH_SIZE_CONFIG, Integer.toString(BATCH_BYTES));
        configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId(connection, runId, shard));
        configs.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        configs.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, Long.toString(TRANSACTION.toMillis()));
        return configs;
    }

    private static String refusal(Connection connection, OversizedRecord record) {
        return record.message(
                OversizedRecord.limit(connection, record.topic()), smaller(connection.topics(), record.topic()));
    }

    /** What makes the records of a topic smaller. */
    static String smaller(Topics topics, String topic) {
        String raise = "raise " + TopicConfig.MAX_MESSAGE_BYTES_CONFIG + " of the topic";
        if (topic.equals(topics.statistics())) {
            return "use a smaller --rank, --batch-size or --batches-per-record, or --statistics-dtype BF16, or "
                    + raise;
        }
        return topic.equals(topics.adapters())
                ? "use a smaller --lora-rank or fewer --lora-targets, or " + raise
                : raise;
    }

    /** One process at a time sends a shard of a run. */
    static String transactionalId(Connection connection, String runId, String shard) {
        return connection.topicPrefix() + "calibrant-trainer-" + runId + '-' + shard.replace("/", "-of-");
    }

    private static Producer<String, byte[]> open(Map<String, Object> configs) {
        KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(configs, new StringSerializer(), new ByteArraySerializer());
        try {
            producer.initTransactions();
            return producer;
        } catch (KafkaException e) {
            producer.close(Duration.ZERO);
            throw e;
        }
    }

    /**
     * Sends records in one transaction, and returns when it is committed.
     *
     * @param records gives the records; called again where the transaction must be sent again
     * @throws PublishingException if another process has taken over, retrying cannot help, or {@link #giveUp} was
     *     called while the broker did not answer
     * @throws RuntimeException what {@code records} throws, if retrying cannot help; nothing of it is then committed
     */
    void send(Consumer<Transaction> records) {
        while (true) {
            long begun = System.nanoTime();
            try {
                producer.beginTransaction();
                records.accept(this::add);
                commit();
                trouble = null;
                return;
            } catch (KafkaException e) {
                recover(e, System.nanoTime() - begun >= transactionTimeout.toNanos());
            } catch (RuntimeException e) {
                abort(e);
                throw e;
            }
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // commitTransaction throws what a send has failed with
    private void add(String topic, String key, byte[] value) {
        producer.send(new ProducerRecord<>(topic, key, value), (metadata, failure) -> {
            if (OversizedRecord.isCauseOf(failure)) {
                // Of several the first one: those after it may have failed for its sake.
                oversized.compareAndSet(null, new OversizedRecord(topic, key, (long) value.length + key.length()));
            }
        });
    }

    /** A commit that took too long may be asked for again: it resumes where it was. */
    private void commit() {
        while (true) {
            try {
                producer.commitTransaction();
                return;
            } catch (TimeoutException e) {
                trouble = e.getMessage();
                checkGivenUp(e);
            }
        }
    }

    /**
     * Makes a new producer, or throws.
     *
     * @param timedOut whether the broker may have ended the transaction for its age, which looks like a fence
     */
    private void recover(KafkaException e, boolean timedOut) {
        if (isFence(e) && !timedOut) {
            throw new PublishingException(
                    "another process has started to publish shard " + shard + " of run '" + runId + "': this one stops",
                    e);
        }
        OversizedRecord tooLarge = oversized.getAndSet(null);
        if (tooLarge != null) {
            abort(e);
            throw new PublishingException(refusal.apply(tooLarge), e);
        }
        if (!isTransient(e) && !(timedOut && has(e, InvalidTxnStateException.class))) {
            abort(e);
            throw new PublishingException("records of run '" + runId + "' cannot be sent: " + e.getMessage(), e);
        }
        trouble = e.getMessage();
        checkGivenUp(e);
        reopen();
    }

    /** A new producer aborts what the old one has left open. */
    private void reopen() {
        producer.close(Duration.ZERO);
        while (true) {
            pause();
            try {
                producer = open.get();
                listener.opened(producer);
                return;
            } catch (KafkaException e) {
                if (!isTransient(e)) {
                    throw new PublishingException(
                            "no transaction of run '" + runId + "' can be opened again: " + e.getMessage(), e);
                }
                trouble = e.getMessage();
                checkGivenUp(e);
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    private static boolean isFence(KafkaException e) {
        return has(e, ProducerFencedException.class) || has(e, InvalidProducerEpochException.class);
    }

    /**
     * Whether retrying may help. A fence that reaches this is one of the broker's own: the transaction was open for too
     * long. (From transaction version 2 on the broker says then that the transaction's state is invalid.)
     */
    private static boolean isTransient(KafkaException e) {
        return has(e, RetriableException.class) || isFence(e);
    }

    private static boolean has(Throwable failure, Class<? extends Throwable> type) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (type.isInstance(cause)) {
                return true;
            }
        }
        return false;
    }

    private void checkGivenUp(KafkaException e) {
        if (givenUp) {
            throw new PublishingException(
                    "records of run '" + runId + "' are not sent: stopped while the broker did not answer: "
                            + e.getMessage(),
                    e);
        }
    }

    private void abort(RuntimeException reason) {
        try {
            producer.abortTransaction();
        } catch (KafkaException e) {
            reason.addSuppressed(e);
        }
    }

    @Override
    public String address() {
        return address;
    }

    /** What keeps the broker from taking records at the moment, in its client's words. */
    @Override
    public Optional<String> trouble() {
        return Optional.ofNullable(trouble);
    }

    /** From here on a broker or registry that is away is an error. */
    @Override
    public void giveUp() {
        givenUp = true;
    }

    @Override
    public void close() {
        listener.opened(null);
        producer.close(givenUp ? Duration.ZERO : PATIENCE);
    }
}
