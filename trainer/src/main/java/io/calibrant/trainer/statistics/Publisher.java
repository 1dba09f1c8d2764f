package io.calibrant.trainer.statistics;

import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.statistics.TransactionalSender.Transaction;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.Serializer;

/**
 * What one trainer process publishes of a run: which records, in which order, and which of them in one transaction. A
 * reader of committed records sees all blocks of a batch or none. How transactions are sent, and sent again, is the
 * business of {@link TransactionalSender}.
 *
 * <p>A rerun sends the same records byte for byte (except the time the process started, and those of progress), and
 * each (run, checkpoint, block, batch) counts once at the fitter. Not thread-safe.
 */
public final class Publisher implements AutoCloseable {
    /** Key, headers and batch overhead in a record of the largest size take less than this. */
    private static final int OVERHEAD = 4096;

    private final TransactionalSender sender;
    private final Topics topics;
    private final RunDescription run;
    private final Records.Source source;
    private final Serializer<Run> runs;
    private final Serializer<AdapterBlock> adapters;
    private final Serializer<Statistics> statistics;
    private final Serializer<Progress> progress;
    private final Serializer<io.calibrant.schemas.avro.Question> questions;
    private final Serializer<Label> labels;

    /** @param sender closed with this */
    Publisher(TransactionalSender sender, Connection connection, RunDescription run, Records.Source source) {
        this.sender = sender;
        this.run = run;
        this.source = source;
        topics = connection.topics();
        runs = connection.serializer(Run.class);
        adapters = connection.serializer(AdapterBlock.class);
        statistics = connection.serializer(Statistics.class);
        progress = connection.serializer(Progress.class);
        questions = connection.serializer(io.calibrant.schemas.avro.Question.class);
        labels = connection.serializer(Label.class);
    }

    /**
     * Checks that the topics are there, and that this client may do all that it will do: before anything is sent.
     *
     * @param source the shard, for example 0/1
     * @param asking whether questions will be sent, for the noise of a logit at least
     * @param validating whether validation questions and labels will be sent
     * @throws PublishingException naming the topics that are missing
     * @throws io.calibrant.schemas.AccessDeniedException naming the rights that are missing
     */
    public static void requireAccess(
            Connection connection, String runId, String source, boolean asking, boolean validating) {
        AccessCheck.require(connection, rights(connection, runId, source, asking, validating));
        TrainerTopics.require(connection);
    }

    /** All that a trainer must be allowed to do; for the arguments see {@link #requireAccess}. */
    public static List<AccessRight> rights(
            Connection connection, String runId, String source, boolean asking, boolean validating) {
        Topics topics = connection.topics();
        List<AccessRight> rights = new ArrayList<>(AccessRight.topics("READ", topics.runs(), topics.progress()));
        rights.addAll(
                AccessRight.topics("WRITE", topics.runs(), topics.adapters(), topics.progress(), topics.statistics()));
        if (validating) {
            rights.addAll(AccessRight.topics("READ", topics.questions()));
            rights.addAll(AccessRight.topics("WRITE", topics.questions(), topics.labels()));
        } else {
            rights.addAll(AccessRight.topics(asking ? "WRITE" : "DESCRIBE", topics.questions()));
            rights.addAll(AccessRight.topics("DESCRIBE", topics.labels()));
        }
        rights.add(AccessRight.transactionalIds(TransactionalSender.transactionalId(connection, runId, source)));
        return rights;
    }

    /**
     * Opens a producer; nothing is sent yet. A process that publishes the same shard of the same run is fenced.
     *
     * @param source the shard, for example 0/1
     * @param rowType how rows go over the wire
     * @throws PublishingException naming the address if the broker does not answer, or a topic that is missing
     */
    public static Publisher open(Connection connection, RunDescription run, String source, RowType rowType) {
        return open(connection, run, source, rowType, ProducerListener.SILENT);
    }

    /** The same, and a listener hears of each producer. */
    public static Publisher open(
            Connection connection, RunDescription run, String source, RowType rowType, ProducerListener listener) {
        TrainerTopics.require(connection);
        return new Publisher(
                TransactionalSender.open(connection, run.runId(), source, listener),
                connection,
                run,
                new Records.Source(source, System.currentTimeMillis(), rowType));
    }

    /**
     * A queue in front of this publisher's sender; see {@link SendQueue}.
     *
     * @param capacity bytes that may wait to be sent
     * @param stopping whether the caller is to stop waiting
     * @param lines hears that the caller waits, and that it goes on
     */
    public SendQueue queue(long capacity, BooleanSupplier stopping, Consumer<String> lines) {
        return new SendQueue(capacity, sender, stopping, lines);
    }

    private String name(Checkpoint checkpoint) {
        return Keys.checkpoint(run.generation(), checkpoint.name());
    }

    /** Publishes what the run is. */
    public void run() {
        sender.send(transaction -> add(transaction, topics.runs(), run.runId(), runs, Records.run(run)));
    }

    /** Publishes the run and, in the same transaction, the weights of a checkpoint. */
    public void checkpoint(Checkpoint checkpoint) {
        sender.send(transaction -> {
            add(transaction, topics.runs(), run.runId(), runs, Records.run(run));
            Map<String, Records.Weight> all = new LinkedHashMap<>(checkpoint.weights());
            all.putAll(checkpoint.saved());
            all.forEach((block, weight) -> add(
                    transaction,
                    topics.adapters(),
                    Keys.block(run.runId(), name(checkpoint), block),
                    adapters,
                    Records.adapterBlock(
                            run.runId(),
                            name(checkpoint),
                            block,
                            weight,
                            checkpoint.initial().get(block))));
        });
    }

    /**
     * Publishes one batch of a curvature pass or of fine-tuning, or several folded ones: all blocks in one transaction.
     * Blocks that read the same input share one record, under the key of the first of them. A run that has no inputs
     * sends none.
     *
     * @param batches which batches they are
     */
    public void statistics(Checkpoint checkpoint, BatchRange batches, CurvatureSum curvature) {
        Records.Origin origin =
                new Records.Origin(name(checkpoint), checkpoint.squaredNorms(), checkpoint.squaredDistances());
        CurvatureSum sent = run.layers() == 0 ? curvature.withoutInputs() : curvature;
        sender.send(transaction -> Records.statistics(run.runId(), source, origin, batches, sent)
                .forEach(record -> add(transaction, topics.statistics(), Records.key(record), statistics, record)));
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
                .setCheckpoint(name(checkpoint))
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
                .setSource(source.shard())
                .setTimestamp(Instant.ofEpochMilli(System.currentTimeMillis()));
    }

    private void send(Progress record) {
        sender.send(transaction -> add(transaction, topics.progress(), run.runId(), progress, record));
    }

    /**
     * Sends labelled validation questions and their labels.
     *
     * @param validation every one with an answer
     */
    public void validation(List<Question> validation) {
        sender.send(transaction -> {
            for (Question question : validation) {
                io.calibrant.schemas.avro.Question asked =
                        Records.question(run.runId(), question.id(), question, Purpose.VALIDATION);
                String key = Keys.question(run.runId(), question.id());
                add(transaction, topics.questions(), key, questions, asked);
                Label label = new Label(
                        question.answer(), run.runId(), QuestionText.of(asked).digest());
                add(transaction, topics.labels(), question.id(), labels, label);
            }
        });
    }

    /**
     * Sends training questions, without labels, whose covariances tell the noise of a logit. Their ids are their own,
     * so that nobody takes them for the questions that they are.
     */
    public void noise(List<Question> training) {
        sender.send(transaction -> {
            for (Question question : training) {
                String id = "noise-" + question.id();
                io.calibrant.schemas.avro.Question asked = Records.question(run.runId(), id, question, Purpose.NOISE);
                add(transaction, topics.questions(), Keys.question(run.runId(), id), questions, asked);
            }
        });
    }

    private <T extends SpecificRecord> void add(
            Transaction transaction, String topic, String key, Serializer<T> serializer, T value) {
        byte[] bytes = serializer.serialize(topic, value);
        int size = bytes.length + key.length() + OVERHEAD;
        if (size > Topics.MAX_RECORD_BYTES) {
            throw new PublishingException(
                    new OversizedRecord(topic, key, size)
                            .message(
                                    OptionalLong.of(Topics.MAX_RECORD_BYTES),
                                    TransactionalSender.smaller(topics, topic)),
                    null);
        }
        transaction.send(topic, key, bytes);
    }

    @Override
    public void close() {
        sender.close();
        runs.close();
        adapters.close();
        statistics.close();
        progress.close();
        questions.close();
        labels.close();
    }
}
