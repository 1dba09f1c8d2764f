package io.calibrant.fitter.labels;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.monitoring.AccuracySums;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.kafka.common.serialization.Serde;

/**
 * What one record of topic calibration counts, or what changes in it. All of it can be subtracted exactly.
 *
 * @param waiting answers that wait for a label
 * @param unusable labels that are none of their question's choices
 * @param contradicting labels that replaced another
 * @param unanswered labels whose question has no answer
 * @param map figures of the MAP probabilities
 * @param temperature figures of the temperature-scaled ones, of the answers that carry them
 * @param served figures of the probabilities as served
 * @param newest timestamp of the newest answer that was ever part of it, milliseconds
 * @param otherTexts answers and labels that were refused, because their id stands for another text
 * @param accuracy what estimates of accuracy need besides
 * @param evidence what the labels say against the probabilities as served
 * @param mapAlone figures of the MAP probabilities, of the answers that carry no temperature-scaled ones
 * @param servedAlone figures of the probabilities as served, of the same answers
 */
public record CalibrationCounts(
        long waiting,
        long unusable,
        long contradicting,
        long unanswered,
        MetricSums map,
        MetricSums temperature,
        MetricSums served,
        long newest,
        long otherTexts,
        AccuracyParts accuracy,
        CalibrationEvidence evidence,
        MetricSums mapAlone,
        MetricSums servedAlone) {
    public static final CalibrationCounts NONE = of(0, 0, 0, 0, 0);

    public static final Serde<CalibrationCounts> SERDE =
            BinaryForm.serde(CalibrationCounts::writeAll, in -> read(in).withAlone(in));

    private static final int COUNTS = 4;
    private static final int OTHER_TEXTS = COUNTS + 3 * MetricSums.LENGTH;
    private static final int LENGTH = OTHER_TEXTS + 1 + AccuracyParts.LENGTH;

    /** In place of a time: no answer comes, what was counted is forgotten. */
    private static final long FORGOTTEN = -1;

    /** Without any figures. */
    static CalibrationCounts of(long waiting, long unusable, long contradicting, long unanswered, long otherTexts) {
        return new CalibrationCounts(
                waiting,
                unusable,
                contradicting,
                unanswered,
                MetricSums.NONE,
                MetricSums.NONE,
                MetricSums.NONE,
                0,
                otherTexts,
                AccuracyParts.NONE,
                CalibrationEvidence.NONE,
                MetricSums.NONE,
                MetricSums.NONE);
    }

    /**
     * Figures of the answers that carry temperature-scaled probabilities, so that all three methods are compared on the
     * same questions: nothing where an earlier version has counted some of the others.
     *
     * @param all of one method, of all answers
     * @param alone of the same method, of those without
     */
    Optional<MetricSums> besideTemperature(MetricSums all, MetricSums alone) {
        return temperature.n() > 0 && alone.n() > 0 && all.n() - alone.n() == temperature.n()
                ? Optional.of(all.minus(alone))
                : Optional.empty();
    }

    /** The sums that estimates of accuracy are made of. */
    public AccuracySums accuracySums() {
        return accuracy.sums(served);
    }

    public CalibrationCounts plus(CalibrationCounts other) {
        return new CalibrationCounts(
                waiting + other.waiting,
                unusable + other.unusable,
                contradicting + other.contradicting,
                unanswered + other.unanswered,
                map.plus(other.map),
                temperature.plus(other.temperature),
                served.plus(other.served),
                Math.max(newest, other.newest),
                otherTexts + other.otherTexts,
                accuracy.plus(other.accuracy),
                evidence.plus(other.evidence),
                mapAlone.plus(other.mapAlone),
                servedAlone.plus(other.servedAlone));
    }

    /** What takes it out of a window for good: a window that is empty after it is deleted. */
    public CalibrationCounts forgotten() {
        CalibrationCounts gone = NONE.minus(this);
        return new CalibrationCounts(
                gone.waiting,
                gone.unusable,
                gone.contradicting,
                gone.unanswered,
                gone.map,
                gone.temperature,
                gone.served,
                FORGOTTEN,
                gone.otherTexts,
                gone.accuracy,
                gone.evidence,
                gone.mapAlone,
                gone.servedAlone);
    }

    /**
     * What takes it out of the total, where it waited and is forgotten: nothing waits any more. Estimates of accuracy
     * keep the answers, as they keep the labelled ones: otherwise labels would seem to have come for all that are left.
     */
    public CalibrationCounts noLongerWaiting() {
        return of(-waiting, 0, -contradicting, -unanswered, -otherTexts);
    }

    boolean isForgetting() {
        return newest == FORGOTTEN;
    }

    public CalibrationCounts minus(CalibrationCounts other) {
        return new CalibrationCounts(
                waiting - other.waiting,
                unusable - other.unusable,
                contradicting - other.contradicting,
                unanswered - other.unanswered,
                map.minus(other.map),
                temperature.minus(other.temperature),
                served.minus(other.served),
                Math.max(newest, other.newest),
                otherTexts - other.otherTexts,
                accuracy.minus(other.accuracy),
                evidence.minus(other.evidence),
                mapAlone.minus(other.mapAlone),
                servedAlone.minus(other.servedAlone));
    }

    /**
     * Whether nothing is counted. What is counted apart where there is no temperature does not decide: it is a part of
     * map and served, and an earlier version has not counted it there, so that less than nothing of it may be left.
     */
    public boolean isEmpty() {
        return waiting == 0
                && unusable == 0
                && contradicting == 0
                && unanswered == 0
                && otherTexts == 0
                && map.equals(MetricSums.NONE)
                && temperature.equals(MetricSums.NONE)
                && served.equals(MetricSums.NONE)
                && accuracy.equals(AccuracyParts.NONE)
                && evidence.isEmpty();
    }

    static void write(CalibrationCounts counts, BinaryEncoder out) throws IOException {
        long[] all = new long[LENGTH];
        all[0] = counts.waiting;
        all[1] = counts.unusable;
        all[2] = counts.contradicting;
        all[3] = counts.unanswered;
        MetricSums[] sums = {counts.map, counts.temperature, counts.served};
        for (int i = 0; i < sums.length; i++) {
            System.arraycopy(sums[i].toLongs(), 0, all, COUNTS + i * MetricSums.LENGTH, MetricSums.LENGTH);
        }
        // At the end, so that what an earlier version wrote keeps its places.
        all[OTHER_TEXTS] = counts.otherTexts;
        System.arraycopy(counts.accuracy.toLongs(), 0, all, OTHER_TEXTS + 1, AccuracyParts.LENGTH);
        out.writeLong(counts.newest);
        BinaryForm.sparse(all, out);
        ServedEvidence.write(counts.evidence, out);
    }

    private static void writeAll(CalibrationCounts counts, BinaryEncoder out) throws IOException {
        write(counts, out);
        counts.writeAlone(out);
    }

    /** Writes what {@link #write} leaves out: at the end of a record, behind all that an earlier version reads. */
    void writeAlone(BinaryEncoder out) throws IOException {
        if (!mapAlone.equals(MetricSums.NONE) || !servedAlone.equals(MetricSums.NONE)) {
            BinaryForm.sparse(mapAlone.toLongs(), out);
            BinaryForm.sparse(servedAlone.toLongs(), out);
        }
    }

    /** With what {@link #writeAlone} wrote, where there is something left to read. */
    CalibrationCounts withAlone(BinaryDecoder in) throws IOException {
        if (in.isEnd()) {
            return this;
        }
        return new CalibrationCounts(
                waiting,
                unusable,
                contradicting,
                unanswered,
                map,
                temperature,
                served,
                newest,
                otherTexts,
                accuracy,
                evidence,
                MetricSums.ofLongs(BinaryForm.sparse(MetricSums.LENGTH, in)),
                MetricSums.ofLongs(BinaryForm.sparse(MetricSums.LENGTH, in)));
    }

    static CalibrationCounts read(BinaryDecoder in) throws IOException {
        long newest = in.readLong();
        long[] all = BinaryForm.sparse(LENGTH, in);
        MetricSums[] sums = new MetricSums[3];
        for (int i = 0; i < sums.length; i++) {
            long[] own = new long[MetricSums.LENGTH];
            System.arraycopy(all, COUNTS + i * MetricSums.LENGTH, own, 0, MetricSums.LENGTH);
            sums[i] = MetricSums.ofLongs(own);
        }
        // What an earlier version counted tells nothing of accuracy, and is left out of it.
        boolean earlier = in.isEnd();
        AccuracyParts accuracy = earlier
                ? AccuracyParts.ofValidation(sums[2])
                : AccuracyParts.ofLongs(Arrays.copyOfRange(all, OTHER_TEXTS + 1, LENGTH));
        CalibrationEvidence evidence = earlier ? CalibrationEvidence.NONE : ServedEvidence.read(in);
        return new CalibrationCounts(
                all[0],
                all[1],
                all[2],
                all[3],
                sums[0],
                sums[1],
                sums[2],
                newest,
                all[OTHER_TEXTS],
                accuracy,
                evidence,
                MetricSums.NONE,
                MetricSums.NONE);
    }
}
