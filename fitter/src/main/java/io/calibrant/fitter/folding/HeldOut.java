package io.calibrant.fitter.folding;

import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.fitter.familiarity.InputMoment;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.BatchSequence;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Statistics;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Statistics of an input that wait until the rest of its pass is folded: then their questions are scored by that fold,
 * which does not hold them, and folded last. So the fold holds every question in the end, and some have a score that
 * their own row has no part in (method.md section 6).
 *
 * <p>Which wait depends on the record alone, not on what came before it: the same topic gives the same scores.
 */
public final class HeldOut {
    /** So many questions are held out, and up to twice as many, where every second one is as many. */
    private static final int WANTED = 300;

    /** At most every second record is held out. */
    private static final int LEAST_EVERY = 2;

    /** Rows beyond this are no inputs; their squares stay finite. */
    private static final double MOST_SQUARES = 1e60;

    private HeldOut() {}

    /**
     * Whether a record waits: of a pass with an end, with a row for each of its examples, every so many records of a
     * shard.
     */
    static boolean takes(Statistics value) {
        if (value.getBatchesExpected() == null
                || value.getForgetting() != 1
                || value.getRows().getShape().get(0) != value.getExamples()) {
            return false;
        }
        double questions = value.getExamples() / value.getBatches() * value.getBatchesExpected();
        if (questions < 2 * Familiarity.FEWEST_QUESTIONS) {
            return false;
        }
        long every = Math.max(LEAST_EVERY, (long) (questions / WANTED));
        long record = value.getBatch() / value.getStride() / value.getBatches();
        return record % every == every - 1;
    }

    /**
     * Checks the rows of an input, so that one that waits can be folded when it is its turn.
     *
     * @throws io.calibrant.schemas.registry.BadRecordException if they are not finite, or too large
     */
    static void check(Statistics value) {
        double squares = 0;
        for (double x : StatisticsParser.finite(value, "rows", value.getRows())) {
            squares += x * x;
        }
        if (!(squares <= MOST_SQUARES)) {
            throw StatisticsParser.bad(value, "rows have a sum of squares of " + squares + ", too large to be folded");
        }
    }

    /** Under what a record waits, in the order of the batches; {@link #prefix} begins it. */
    static String key(String state, Statistics value) {
        return prefix(state) + String.format(Locale.ROOT, "%019d", value.getBatch());
    }

    /**
     * What the keys of the records that wait begin with.
     *
     * @param state the key of the state that waits for them
     */
    public static String prefix(String state) {
        return state + "/held-out/";
    }

    /** A record as it waits: its rows in place of columns, and what else adds up. */
    static Factor waiting(Statistics value, String fit) {
        return Factor.newBuilder()
                .setRunId(value.getRunId())
                .setCheckpoint(value.getCheckpoint())
                .setBlock(value.getBlock())
                .setFit(fit)
                .setLarge(value.getRows())
                .setSmall(value.getSmall())
                .setN(value.getN())
                .setExamples(value.getExamples())
                .setTrace(value.getTrace())
                .setLogLikelihood(value.getLogLikelihood())
                .setSquaredNorm(0)
                .setBatches(value.getBatches())
                .setBatchesExpected(value.getBatchesExpected())
                .setFoldedSequences(List.of(
                        new BatchSequence(value.getBatch(), (long) value.getBatches(), (long) value.getStride())))
                .build();
    }

    /** In the order in which they are scored and folded. */
    static List<Factor> ordered(List<Factor> held) {
        return held.stream()
                .sorted(Comparator.comparingLong(
                        each -> each.getFoldedSequences().get(0).getFirst()))
                .toList();
    }

    /**
     * The scores s_l of all questions that were held out.
     *
     * @param rest the factor of all others
     * @return in the order of the records and their rows; empty where the fold has too few questions
     */
    static List<Double> scores(KroneckerFactor rest, List<Factor> held) {
        List<Double> scores = new ArrayList<>();
        if (rest.n() < Familiarity.FEWEST_QUESTIONS || !(rest.large().trace() > 0)) {
            return scores;
        }
        InputMoment moment = InputMoment.of(rest.large(), rest.n());
        for (Factor each : held) {
            double[] rows = Tensors.doubles(each.getLarge());
            for (int i = 0; i < each.getLarge().getShape().get(0); i++) {
                scores.add(moment.score(rows, i * moment.dimension()));
            }
        }
        return scores;
    }

    /** The factor of all questions. */
    static KroneckerFactor folded(KroneckerFactor rest, List<Factor> held) {
        KroneckerFactor factor = rest;
        for (Factor each : held) {
            factor = factor.fold(
                    new BatchSums(
                            FactorRecords.rows(each.getLarge()),
                            each.getLarge().getShape().get(0),
                            each.getTrace(),
                            Tensors.doubles(each.getSmall()),
                            each.getN(),
                            each.getExamples(),
                            each.getLogLikelihood()),
                    1);
        }
        return factor;
    }
}
