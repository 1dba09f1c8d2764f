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

    /** Factors of a block, by run, checkpoint, block and fit. */
    static final String FACTORS = "factors";

    /** The latest spectra of a block, by run, checkpoint, fit and block. */
    static final String SPECTRA = "spectra";

    /** The latest posterior of a fit, by run, checkpoint and fit. */
    static final String POSTERIORS = "posteriors";

    /** Answers and label of a question, by its id. */
    static final String QUESTIONS = "questions";

    /** What topic calibration counts, by that topic's key. */
    static final String CALIBRATION = "calibration";

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

    private StoreNames() {}

    /** The repartition topics of an application. Which of them exist depends on its settings. */
    public static List<String> repartitionTopics(String applicationId) {
        return Stream.of(SPECTRA_BY_FIT, LABELLED_ANSWERS_BY_FIT, PREDICTIVE_BY_FIT, COUNTS)
                .map(name -> applicationId + '-' + name + "-repartition")
                .toList();
    }

    /** The changelog topics of an application's state stores. Which of them exist depends on its settings. */
    public static List<String> changelogTopics(String applicationId) {
        return Stream.of(FACTORS, SPECTRA, POSTERIORS, QUESTIONS, CALIBRATION, BASES, LABELLED_ANSWERS, PREDICTIVE)
                .map(store -> applicationId + '-' + store + "-changelog")
                .toList();
    }
}
