package io.calibrant.schemas;

import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.Schema;

/**
 * Every topic of the system, the only place where their names are written. A prefix keeps several installations on one
 * cluster apart, and apart from the topics of others.
 *
 * @param prefix put before every name; empty for none
 */
public record Topics(String prefix) {
    /** The prefix where none is given: names like {@code answers} may be another team's on a cluster that is shared. */
    public static final String DEFAULT_PREFIX = "calibrant.";

    /**
     * A record may be this large, bytes, on the topics of adapters, statistics, factors and predictive statistics, and
     * on both dead-letter topics.
     */
    public static final int MAX_RECORD_BYTES = 64 << 20;

    /** A cluster that allows no records of this size, bytes, sets the limit itself: it is about Kafka's own default. */
    static final int LEAST_RECORD_BYTES = 1 << 20;

    /** How long the topics that are not compacted keep a record. */
    public static final Duration RETENTION = Duration.ofDays(90);

    /** The topic configuration that says how large a record may be, in Kafka's own words. */
    public static final String MAX_MESSAGE_BYTES = "max.message.bytes";

    private static final int PARTITIONS = 4;
    private static final String NINETY_DAYS = Long.toString(RETENTION.toMillis());

    public Topics {
        Require.that(
                prefix.matches("[A-Za-z0-9._-]{0,100}"),
                "--topic-prefix",
                prefix,
                "at most 100 letters, digits, '.', '_' and '-'");
    }

    public String runs() {
        return prefix + "runs";
    }

    public String adapters() {
        return prefix + "adapters";
    }

    public String progress() {
        return prefix + "progress";
    }

    public String statistics() {
        return prefix + "statistics";
    }

    public String factorUpdates() {
        return prefix + "factor-updates";
    }

    public String factors() {
        return prefix + "factors";
    }

    public String posteriors() {
        return prefix + "posteriors";
    }

    public String fits() {
        return prefix + "fits";
    }

    public String questions() {
        return prefix + "questions";
    }

    public String answers() {
        return prefix + "answers";
    }

    public String labels() {
        return prefix + "labels";
    }

    public String predictiveStatistics() {
        return prefix + "predictive-statistics";
    }

    public String calibration() {
        return prefix + "calibration";
    }

    /** Bad records of the fitter's inputs. */
    public String fitterDeadLetters() {
        return prefix + "calibrant-fitter.dlq";
    }

    /** Bad records of the scorer's inputs. */
    public String scorerDeadLetters() {
        return prefix + "calibrant-scorer.dlq";
    }

    /** The definitions of all topics, in the order of the data flow. */
    public List<TopicDefinition> definitions() {
        return List.of(
                compacted(
                        runs(),
                        false,
                        contract(
                                        "runId",
                                        Run.getClassSchema(),
                                        "What is trained, on what, and how its curvature is measured.")
                                .writtenBy("train", "you", "runs --delete")
                                .readBy(
                                        "fit",
                                        "refit",
                                        "score",
                                        "train",
                                        "watch",
                                        "monitor",
                                        "fits",
                                        "evaluate",
                                        "demo",
                                        "runs",
                                        "validate")),
                compacted(
                        adapters(),
                        true,
                        contract(
                                        "runId/checkpoint/block",
                                        AdapterBlock.getClassSchema(),
                                        "The weights of one block of the adapter at a checkpoint, so that a scorer"
                                                + " needs no shared file system.")
                                .writtenBy("train", "you", "runs --delete")
                                .readBy("score")),
                deleted(
                        progress(),
                        false,
                        contract(
                                        "runId",
                                        Progress.getClassSchema(),
                                        "How far fine-tuning and the curvature pass are, for people who watch.")
                                .writtenBy("train", "you", "runs --delete")
                                .readBy(
                                        "watch",
                                        "monitor",
                                        "demo",
                                        "runs",
                                        "fits",
                                        "train",
                                        "ask",
                                        "label",
                                        "validate",
                                        "evaluate")),
                deleted(
                        statistics(),
                        true,
                        contract(
                                        "runId/checkpoint/block",
                                        Statistics.getClassSchema(),
                                        "What a batch of questions adds to the two Kronecker factors of one block.")
                                .writtenBy("train", "you")
                                .readBy("fit", "refit")),
                deleted(
                        factorUpdates(),
                        false,
                        contract(
                                        "runId/checkpoint/block/fit",
                                        FactorUpdate.getClassSchema(),
                                        "The spectrum of one block after a fold: small, and one for every fold.")
                                .writtenBy("fit", "refit")
                                .readBy("watch", "monitor")),
                compacted(
                        factors(),
                        true,
                        contract(
                                        "runId/checkpoint/block/fit",
                                        Factor.getClassSchema(),
                                        "The Kronecker factors of one block: now and then during a pass, always at its"
                                                + " end.")
                                .writtenBy("fit", "refit", "fits --delete", "runs --delete")
                                .readBy("score")),
                compacted(
                        fits(),
                        false,
                        contract("fit", Fit.getClassSchema(), "The settings that the name of a fit stands for.")
                                .writtenBy("fit", "refit", "fits --delete", "runs --delete")
                                .readBy("fit", "refit", "fits", "runs")),
                compacted(
                        posteriors(),
                        false,
                        contract(
                                        "runId/checkpoint/fit",
                                        Posterior.getClassSchema(),
                                        "The prior precision chosen on the factors, its evidence, and the label"
                                                + " calibration.")
                                .writtenBy("fit", "refit", "fits --delete", "runs --delete")
                                .readBy(
                                        "score",
                                        "watch",
                                        "monitor",
                                        "fits",
                                        "evaluate",
                                        "compare",
                                        "refit",
                                        "train",
                                        "demo",
                                        "runs")),
                deleted(
                        questions(),
                        false,
                        contract(
                                        "questionId, or runId/questionId",
                                        Question.getClassSchema(),
                                        "Questions to be answered.")
                                .writtenBy("you", "ask", "validate", "evaluate", "train")
                                .readBy("score", "ask", "label", "validate", "evaluate", "train", "monitor")),
                deleted(
                        answers(),
                        false,
                        contract("questionId", Answer.getClassSchema(), "Calibrated answers.")
                                .writtenBy("score")
                                .readBy("you", "answers", "evaluate", "compare", "fit", "refit", "monitor")),
                deleted(
                        labels(),
                        false,
                        contract("questionId", Label.getClassSchema(), "True labels, when they become known.")
                                .writtenBy("you", "label", "validate", "evaluate", "train")
                                .readBy("fit", "refit", "compare", "evaluate")),
                deleted(
                        predictiveStatistics(),
                        true,
                        contract(
                                        "questionId",
                                        PredictiveStatistics.getClassSchema(),
                                        "What the predictive covariance of a validation question needs of the model,"
                                                + " whatever the prior precision.")
                                .writtenBy("score")
                                .readBy("fit")),
                definition(
                        calibration(),
                        Map.of("cleanup.policy", "compact,delete", "retention.ms", NINETY_DAYS),
                        false,
                        contract(
                                        "runId/checkpoint/fit/window",
                                        CalibrationMetrics.getClassSchema(),
                                        "How good the answers of a fit were, in total and by the hour.")
                                .writtenBy("fit", "refit", "fits --delete", "runs --delete")
                                .readBy("you", "watch", "monitor", "fits")),
                deleted(
                        fitterDeadLetters(),
                        true,
                        contract(
                                        "as received",
                                        null,
                                        "Bad records of the fitter's inputs, with the reason in the headers.")
                                .writtenBy("fit", "refit")
                                .readBy("you", "monitor")),
                deleted(
                        scorerDeadLetters(),
                        true,
                        contract(
                                        "as received",
                                        null,
                                        "Questions that cannot be answered and records that cannot be served, with the"
                                                + " reason in the headers.")
                                .writtenBy("score")
                                .readBy("you", "monitor", "evaluate", "score")));
    }

    private static TopicContract contract(String key, Schema value, String purpose) {
        return TopicContract.of(key, value, purpose);
    }

    private static TopicDefinition compacted(String name, boolean large, TopicContract contract) {
        return definition(name, Map.of("cleanup.policy", "compact"), large, contract);
    }

    private static TopicDefinition deleted(String name, boolean large, TopicContract contract) {
        return definition(name, Map.of("cleanup.policy", "delete", "retention.ms", NINETY_DAYS), large, contract);
    }

    private static TopicDefinition definition(
            String name, Map<String, String> configs, boolean large, TopicContract contract) {
        Map<String, String> all = new TreeMap<>(configs);
        if (large) {
            all.put(MAX_MESSAGE_BYTES, Integer.toString(MAX_RECORD_BYTES));
        }
        return new TopicDefinition(name, PARTITIONS, all, contract);
    }
}
