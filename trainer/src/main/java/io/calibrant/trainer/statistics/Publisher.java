package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
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
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.prompts.Question;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends what one trainer process has to say about a run. Everything goes in transactions of one producer, so that a reader
 * of committed records sees all blocks of a batch or none, in order. Not for use by several threads.
 *
 * <p>The transactional id is made of run and shard: a second process with the same ones fences this one off. A rerun sends
 * the same records byte for byte (but for the process's start and progress times), and each (run, checkpoint, block, batch)
 * counts once at the fitter.
 */
public final class Publisher implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** A topic that was just created is not known to every broker at once. */
    private static final Duration TOPIC_PATIENCE = Duration.ofSeconds(5);
    /** Room for key, headers and batch overhead in a record of the largest size. */
    private static final int OVERHEAD = 4096;

    private final Producer<String, byte[]> producer;
    private final Topics topics;
    private final RunDescription run;
    private final String source;
    private final long epoch;
    private final Serializer<Run> runs;
    private final Serializer<AdapterBlock> adapters;
    private final Serializer<Statistics> statistics;
    private final Serializer<Progress> progress;
    private final Serializer<io.calibrant.schemas.avro.Question> questions;
    private final Serializer<Label> labels;

    /** @param epoch start of this process, milliseconds */
    Publisher(Producer<String, byte[]> producer, Connection connection, RunDescription run, String source, long epoch) {
        this.producer = producer;
        this.run = run;
        this.source = source;
        this.epoch = epoch;
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
     * @throws PublishingException naming the address if the broker does not answer, or a topic that is missing
     */
    public static Publisher open(Connection connection, RunDescription run, String source) {
        checkTopics(connection);
        Map<String, Object> configs = connection.producer();
        configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId(connection, run.runId(), source));
        configs.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(configs, new StringSerializer(), new ByteArraySerializer());
        try {
            producer.initTransactions();
            return new Publisher(producer, connection, run, source, System.currentTimeMillis());
        } catch (KafkaException e) {
            producer.close(Duration.ZERO);
            throw new PublishingException(
                    "broker " + connection.bootstrapServers() + ": no transaction can be opened: " + e.getMessage(), e);
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
     * Publishes one batch of the curvature pass, all its blocks in one transaction.
     *
     * @param batch sequence number in the pass, over all shards
     * @param batchesExpected of the whole pass, over all shards
     */
    public void statistics(Checkpoint checkpoint, long batch, long batchesExpected, BatchCurvature curvature) {
        Map<String, Double> norms = checkpoint.squaredNorms();
        Map<String, Double> distances = checkpoint.squaredDistances();
        transaction(() -> {
            for (BlockStatistics block : curvature.blocks()) {
                Statistics record = Statistics.newBuilder()
                        .setRunId(run.runId())
                        .setCheckpoint(checkpoint.name())
                        .setBlock(block.block())
                        .setBatch(batch)
                        .setBatchesExpected(batchesExpected)
                        .setSource(source)
                        .setEpoch(epoch)
                        .setRows(Tensors.of(
                                block.rows().values(),
                                block.rows().count(),
                                block.rows().width()))
                        .setSmall(Tensors.of(block.small(), block.smallWidth(), block.smallWidth()))
                        .setN(block.n())
                        .setExamples((double) curvature.examples())
                        .setTrace(block.rows().trace())
                        .setLogLikelihood(curvature.logLikelihood())
                        .setSquaredNorm(norms.get(block.block()))
                        .setSquaredDistance(distances.get(block.block()))
                        .build();
                send(
                        topics.statistics(),
                        Keys.block(run.runId(), checkpoint.name(), block.block()),
                        statistics,
                        record);
            }
        });
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
     * @param done whether the pass is complete
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
                            + Topics.MAX_RECORD_BYTES + ": set --rank, or a smaller --batch-size",
                    null);
        }
        producer.send(new ProducerRecord<>(topic, key, bytes));
    }

    private void transaction(Runnable work) {
        try {
            producer.beginTransaction();
            work.run();
            producer.commitTransaction();
        } catch (ProducerFencedException e) {
            throw new PublishingException(
                    "another process has started to publish shard " + source + " of run '" + run.runId()
                            + "': this one stops",
                    e);
        } catch (KafkaException e) {
            abort(e);
            throw new PublishingException("records of run '" + run.runId() + "' cannot be sent: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            abort(e);
            throw e;
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
    public void close() {
        producer.close(PATIENCE);
        runs.close();
        adapters.close();
        statistics.close();
        progress.close();
        questions.close();
        labels.close();
    }
}
