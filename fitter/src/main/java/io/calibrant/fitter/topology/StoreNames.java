package io.calibrant.fitter.topology;

import java.util.List;
import java.util.stream.Stream;

/**
 * The names of the state stores and of the repartition topics. Some are older than the words of the code, and stay:
 * they are part of what is stored in Kafka: another name is another changelog or repartition topic, and what the old
 * one holds is lost to the fit.
 */
public final class StoreNames {
    /** Topic runs as a global table: run id to the record's bytes. */
    static final String RUNS = "runs";

    /**
     * Factors of a block, by run, checkpoint, block and fit; beside those of an input, until its pass is complete, the
     * rows that are held out of it, by batch.
     */
    static final String FACTORS = "factors";

    /** The latest spectra of a block, by run, checkpoint, fit and block. */
    static final String SPECTRA = "spectra";

    /** The latest posterior of a fit, by run, checkpoint and fit. */
    static final String POSTERIORS = "posteriors";

    /** Answers and label of a question, by its id. */
    static final String QUESTIONS = "questions";

    /** What topic calibration counts, by that topic's key. */
    static final String CALIBRATION = "calibration";

    /** The next offset of the repartition topic of counts, by the word {@code next}. */
    static final String COUNTED = "counted";

    /** The latest posterior before calibration, by run, checkpoint and fit. */
    static final String BASES = "bases";

    /** Labelled validation answers, by run, checkpoint, fit and question. */
    static final String LABELLED_ANSWERS = "tuning-answers";

    /** Predictive statistics, by run, checkpoint, fit and question. */
    static final String PREDICTIVE = "predictive-statistics";

    /** Repartition topic: spectra by run, checkpoint and fit. */
    static final String SPECTRA_BY_FIT = "spectra";

    /** Repartition topic: labelled validation answers by run, checkpoint and fit. */
    static final String LABELLED_ANSWERS_BY_FIT = "tuning-answers";

    /** Repartition topic: predictive statistics by run, checkpoint and fit. */
    static final String PREDICTIVE_BY_FIT = "predictive-statistics";

    /** Repartition topic: changes of topic calibration by that topic's key. */
    static final String COUNTS = "tallies";

    /** Repartition topic: statistics that lie in another partition than their key's. */
    static final String STATISTICS_BY_BLOCK = "statistics";

    /** Repartition topic: answers that lie in another partition than their key's. */
    static final String ANSWERS_BY_QUESTION = "answers";

    /** Repartition topic: labels that lie in another partition than their key's. */
    static final String LABELS_BY_QUESTION = "labels";

    private StoreNames() {}

    /** The repartition topics of an application. Which of them exist depends on its settings. */
    public static List<String> repartitionTopics(String applicationId) {
        return Stream.concat(inputTopics(applicationId).stream(), resultTopics(applicationId).stream())
                .toList();
    }

    /** The repartition topics that carry input to its partition: what they hold is processed before the results are. */
    public static List<String> inputTopics(String applicationId) {
        return repartition(applicationId, STATISTICS_BY_BLOCK, ANSWERS_BY_QUESTION, LABELS_BY_QUESTION);
    }

    /** The repartition topics that carry what was made of the input. */
    public static List<String> resultTopics(String applicationId) {
        return repartition(applicationId, SPECTRA_BY_FIT, LABELLED_ANSWERS_BY_FIT, PREDICTIVE_BY_FIT, COUNTS);
    }

    private static List<String> repartition(String applicationId, String... names) {
        return Stream.of(names)
                .map(name -> applicationId + '-' + name + "-repartition")
                .toList();
    }

    /** The changelog of the factors: it has as many partitions as topic statistics. */
    public static String factorsChangelog(String applicationId) {
        return changelog(applicationId, FACTORS);
    }

    /** The changelog of the questions: it has as many partitions as topic answers. */
    public static String questionsChangelog(String applicationId) {
        return changelog(applicationId, QUESTIONS);
    }

    private static String changelog(String applicationId, String store) {
        return applicationId + '-' + store + "-changelog";
    }

    /** The changelog topics of an application's state stores. Which of them exist depends on its settings. */
    public static List<String> changelogTopics(String applicationId) {
        return Stream.of(
                        FACTORS,
                        SPECTRA,
                        POSTERIORS,
                        QUESTIONS,
                        CALIBRATION,
                        COUNTED,
                        BASES,
                        LABELLED_ANSWERS,
                        PREDICTIVE)
                .map(store -> changelog(applicationId, store))
                .toList();
    }
}
