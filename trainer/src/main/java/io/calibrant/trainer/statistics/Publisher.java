package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.TopicDifference;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.prompts.Question;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends what one trainer process has to say about a run. Everything goes in transactions of one producer, so that a
 * reader of committed records sees all blocks of a batch or none, in order. Not for use by several threads, but for
 * {@link #trouble} and {@link #giveUp}.
 *
 * <p>A broker that does not answer is waited for, as long as it takes: a transaction of which it is not known whether
 * it was committed is sent again, by a new producer where it must be. So a record may be there twice, never not at all.
 *
 * <p>The transactional id is made of run and shard: a second process with the same ones fences this one off. A rerun
 * sends the same records byte for byte (but for the process's start and progress times), and each (run, checkpoint,
 * block, batch) counts once at the fitter.
 */
public final class Publisher implements SendQueue.Receiver, AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** The broker ends a transaction that is open for longer; Kafka's default. */
    private static final Duration TRANSACTION = Duration.ofMinutes(1);
    /** A topic that was just created is not known to every broker at once. */
    private static final Duration TOPIC_PATIENCE = Duration.ofSeconds(5);
    /**
     * The records of a step in as few batches as there are partitions: a record fills several of Kafka's default size,
     * and producer and broker have most of their work with a batch.
     */
    private static final int BATCH_BYTES = 1 << 20;
    /** Room for key, headers and batch overhead in a record of the largest size. */
    private static final int OVERHEAD = 4096;

    private final Supplier<Producer<String, byte[]>> open;
    private final Topics topics;
    private final RunDescription run;
    private final String address;
    private final String source;
    private final Records.Sender sender;
    private final Duration transactionTimeout;
    private final Serializer<Run> runs;
    private final Serializer<AdapterBlock> adapters;
    private final Serializer<Statistics> statistics;
    private final Serializer<Progress> progress;
    private final Serializer<io.calibrant.schemas.avro.Question> questions;
    private final Serializer<Label> labels;
    private Producer<String, byte[]> producer;
    private volatile String trouble;
    private volatile boolean givenUp;

    /**
     * Opens its first producer.
     *
     * @param open opens a producer whose transactions are initialised, and ends those that an earlier one left open
     * @param rowType how rows go over the wire
     * @param epoch start of this process, milliseconds
     */
    Publisher(
            Supplier<Producer<String, byte[]>> open,
            Connection connection,
            RunDescription run,
            String source,
            RowType rowType,
            long epoch) {
        this(open, connection, run, source, rowType, epoch, TRANSACTION);
    }

    /** With the time after which the broker ends a transaction of these producers. */
    Publisher(
            Supplier<Producer<String, byte[]>> open,
            Connection connection,
            RunDescription run,
            String source,
            RowType rowType,
            long epoch,
            Duration transactionTimeout) {
        this.open = open;
        producer = open.get();
        this.run = run;
        this.source = source;
        this.transactionTimeout = transactionTimeout;
        sender = new Records.Sender(source, epoch, rowType);
        address = connection.bootstrapServers();
        topics = connection.topics();
        runs = connection.serializer(Run.class);
        adapters = connection.serializer(AdapterBlock.class);
        statistics = connection.serializer(Statistics.class);
        progress = connection.serializer(Progress.class);
        questions = connection.serializer(io.calibrant.schemas.avro.Question.class);
        labels = connection.serializer(Label.class);
    }

    /**
     * Opens a producer; nothing is sent yet. A process that publishes the same shard of the same run is fenced off.
     *
     * @param source the shard, for example 0/1
     * @param rowType how rows go over the wire
     * @throws PublishingException naming the address if the broker does not answer, or a topic that is missing
     */
    public static Publisher open(Connection connection, RunDescription run, String source, RowType rowType) {
        checkTopics(connection);
        Map<String, Object> configs = configs(connection, run.runId(), source);
        try {
            return new Publisher(() -> open(configs), connection, run, source, rowType, System.currentTimeMillis());
        } catch (KafkaException e) {
            throw new PublishingException(
                    "broker " + connection.bootstrapServers() + ": no transaction can be opened: " + e.getMessage(), e);
        }
    }

    /** What the connection says, where that says nothing large batches, and transactions. */
    static Map<String, Object> configs(Connection connection, String runId, String source) {
        Map<String, Object> configs = connection.producer();
        configs.putIfAbsent(ProducerConfig.BATCH_SIZE_CONFIG, Integer.toString(BATCH_BYTES));
        configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId(connection, runId, source));
        configs.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        configs.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, Long.toString(TRANSACTION.toMillis()));
        return configs;
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

    /** One process at a time publishes a shard of a run. */
    static String transactionalId(Connection connection, String runId, String source) {
        return connection.topicPrefix() + "calibrant-trainer-" + runId + '-' + source.replace("/", "-of-");
    }

    static void checkTopics(Connection connection) {
        Topics topics = connection.topics();
        Set<String> needed = Set.of(
                topics.runs(),
                topics.adapters(),
                topics.progress(),
                topics.statistics(),
                topics.questions(),
                topics.labels());
        List<TopicDefinition> definitions = topics.definitions().stream()
                .filter(topic -> needed.contains(topic.name()))
                .toList();
        try (Admin admin = Admin.create(connection.admin())) {
            long deadline = System.nanoTime() + TOPIC_PATIENCE.toNanos();
            for (List<String> missing = missing(admin, definitions);
                    !missing.isEmpty();
                    missing = missing(admin, definitions)) {
                if (System.nanoTime() > deadline) {
                    throw new PublishingException(
                            "topic '" + missing.get(0) + "' does not exist on " + connection.bootstrapServers()
                                    + ": create it with 'calibrant topics --apply' or --create-topics",
                            null);
                }
                Thread.sleep(TOPIC_PATIENCE.toMillis() / 50);
            }
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (KafkaException e) {
            throw new PublishingException("broker " + connection.bootstrapServers() + ": " + e.getMessage(), e);
        }
    }

    private static List<String> missing(Admin admin, List<TopicDefinition> definitions) {
        return new TopicAdmin(admin)
                .compare(definitions).stream()
                        .filter(TopicDifference::missing)
                        .map(difference -> difference.definition().name())
                        .toList();
    }

    /** Publishes what the run is. */
    public void run() {
        transaction(() -> send(topics.runs(), run.runId(), runs, Records.run(run)));
    }

    /** Publishes the run and, in the same transaction, the weights of a checkpoint. */
    public void checkpoint(Checkpoint checkpoint) {
        transaction(() -> {
            send(topics.runs(), run.runId(), runs, Records.run(run));
            checkpoint
                    .weights()
                    .forEach((block, weight) -> send(
                            topics.adapters(),
                            Keys.block(run.runId(), checkpoint.name(), block),
                            adapters,
                            Records.adapterBlock(
                                    run.runId(),
                                    checkpoint.name(),
                                    block,
                                    weight,
                                    checkpoint.initial().get(block))));
        });
    }

    /**
     * Publishes one batch of a curvature pass or of fine-tuning, or several folded ones: all blocks in one transaction.
     * Blocks that read the same input share one record, under the key of the first of them.
     *
     * @param place which batches they are
     */
    public void statistics(Checkpoint checkpoint, BatchRange place, CurvatureSum curvature) {
        Records.Origin origin =
                new Records.Origin(checkpoint.name(), checkpoint.squaredNorms(), checkpoint.squaredDistances());
        transaction(() -> Records.statistics(run.runId(), sender, origin, place, curvature)
                .forEach(record -> send(topics.statistics(), Records.key(record), statistics, record)));
    }

    /**
     * Publishes how far fine-tuning is.
     *
     * @param loss mean of the step, nats
     */
    public void fineTuning(long step, long steps, double loss, double learningRate, long examples) {
        send(progressOf(Phase.FINE_TUNING)
                .setStep(step)
                .setSteps(steps)
                .setLoss(loss)
                .setLearningRate(learningRate)
                .setExamples(examples)
                .build());
    }

    /**
     * Publishes how far the curvature pass is.
     *
     * @param logLikelihood of this shard's questions so far, nats
     * @param done whether everything is done, and not this pass alone
     */
    public void curvature(
            Checkpoint checkpoint, long batch, long batches, long examples, double logLikelihood, boolean done) {
        Map<String, Double> distances = checkpoint.squaredDistances();
        send(progressOf(done ? Phase.DONE : Phase.CURVATURE)
                .setCheckpoint(checkpoint.name())
                .setStep(batch)
                .setSteps(batches)
                .setExamples(examples)
                .setLogLikelihood(logLikelihood)
                .setSquaredNorm(sum(checkpoint.squaredNorms()))
                .setSquaredDistance(distances.isEmpty() ? null : sum(distances))
                .build());
    }

    private static double sum(Map<String, Double> values) {
        return values.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    private Progress.Builder progressOf(Phase phase) {
        return Progress.newBuilder()
                .setRunId(run.runId())
                .setPhase(phase)
                .setSource(source)
                .setTimestamp(java.time.Instant.ofEpochMilli(System.currentTimeMillis()));
    }

    private void send(Progress record) {
        transaction(() -> send(topics.progress(), run.runId(), progress, record));
    }

    /**
     * Sends labelled validation questions and their labels.
     *
     * @param validation every one with an answer
     */
    public void validation(List<Question> validation) {
        transaction(() -> {
            for (Question question : validation) {
                send(topics.questions(), question.id(), questions, Records.validation(run.runId(), question));
                send(topics.labels(), question.id(), labels, new Label(question.answer()));
            }
        });
    }

    @SuppressWarnings("FutureReturnValueIgnored") // commitTransaction throws what a send has failed with
    private <T extends SpecificRecord> void send(String topic, String key, Serializer<T> serializer, T value) {
        byte[] bytes = serializer.serialize(topic, value);
        int size = bytes.length + key.length() + OVERHEAD;
        if (size > Topics.MAX_RECORD_BYTES) {
            throw new PublishingException(
                    "record " + key + " for topic " + topic + " takes " + size + " bytes, accepted are "
                            + Topics.MAX_RECORD_BYTES + ": set --rank, a smaller --batch-size or --batches-per-record",
                    null);
        }
        producer.send(new ProducerRecord<>(topic, key, bytes));
    }

    private void transaction(Runnable work) {
        while (true) {
            long begun = System.nanoTime();
            try {
                producer.beginTransaction();
                work.run();
                commit();
                trouble = null;
                return;
            } catch (KafkaException e) {
                boolean timedOut = System.nanoTime() - begun >= transactionTimeout.toNanos();
                if (has(e, ProducerFencedException.class, InvalidProducerEpochException.class) && !timedOut) {
                    throw new PublishingException(
                            "another process has started to publish shard " + source + " of run '" + run.runId()
                                    + "': this one stops",
                            e);
                }
                if (!mayPass(e) && !(timedOut && has(e, InvalidTxnStateException.class))) {
                    abort(e);
                    throw new PublishingException(
                            "records of run '" + run.runId() + "' cannot be sent: " + e.getMessage(), e);
                }
                trouble = e.getMessage();
                reopen();
            } catch (RuntimeException e) {
                abort(e);
                throw e;
            }
        }
    }

    /** A commit that took too long may be asked for again: it goes on where it was. */
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

    /** A new producer ends what the old one has left open. */
    private void reopen() {
        producer.close(Duration.ZERO);
        while (true) {
            try {
                producer = open.get();
                return;
            } catch (KafkaException e) {
                if (!mayPass(e)) {
                    throw new PublishingException(
                            "no transaction of run '" + run.runId() + "' can be opened again: " + e.getMessage(), e);
                }
                trouble = e.getMessage();
                checkGivenUp(e);
            }
        }
    }

    /**
     * What a broker may recover from. A fence is one that it made itself here: the transaction was open for too long.
     * (From transaction version 2 on it says then that the transaction's state is invalid.)
     */
    private static boolean mayPass(KafkaException e) {
        return has(e, RetriableException.class, ProducerFencedException.class, InvalidProducerEpochException.class);
    }

    @SafeVarargs
    private static boolean has(Throwable failure, Class<? extends Throwable>... types) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (matches(cause, types)) {
                return true;
            }
        }
        return false;
    }

    @SafeVarargs
    private static boolean matches(Throwable cause, Class<? extends Throwable>... types) {
        for (Class<? extends Throwable> type : types) {
            if (type.isInstance(cause)) {
                return true;
            }
        }
        return false;
    }

    private void checkGivenUp(KafkaException e) {
        if (givenUp) {
            throw new PublishingException(
                    "records of run '" + run.runId() + "' are not sent: stopped while the broker did not answer: "
                            + e.getMessage(),
                    e);
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

    /** From here on a broker that does not answer is not waited for any longer. */
    @Override
    public void giveUp() {
        givenUp = true;
    }

    private void abort(RuntimeException reason) {
        try {
            producer.abortTransaction();
        } catch (KafkaException e) {
            reason.addSuppressed(e);
        }
    }

    @Override
    public void close() {
        producer.close(givenUp ? Duration.ZERO : PATIENCE);
        runs.close();
        adapters.close();
        statistics.close();
        progress.close();
        questions.close();
        labels.close();
    }
}
