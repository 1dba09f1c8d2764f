package io.calibrant.infra.live;

import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.text.Printable;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;

/** The answers of a run: the newest ones, and how many there were when. */
public final class AnswerHistory {
    private static final int KEPT = 500;
    private static final int STRETCHES = 360;

    private final TreeMap<Place, Point> newest = new TreeMap<>();
    private final Series<Long> counts = Series.ofSums(STRETCHES, Long::sum);
    private long total;

    /**
     * An answer. Its texts are cut to a length that is shown, whoever wrote them.
     *
     * @param time when it came, milliseconds
     * @param label the answer as served
     * @param confidence its probability as served
     * @param mapConfidence the largest MAP probability
     * @param temperatureConfidence the largest temperature-scaled probability; NaN where there is none
     * @param novelty NaN where it is not known
     * @param decision whether it may be acted on; empty where nobody asked
     * @param partition of its record on topic {@code answers}
     * @param offset of its record
     */
    public record Point(
            long time,
            String question,
            FitName fit,
            long posteriorVersion,
            String label,
            double confidence,
            double mapConfidence,
            double temperatureConfidence,
            double novelty,
            String tier,
            String decision,
            int partition,
            long offset) {}

    private record Place(long time, int partition, long offset) implements Comparable<Place> {
        @Override
        public int compareTo(Place other) {
            int byTime = Long.compare(time, other.time);
            int byPartition = Integer.compare(partition, other.partition);
            return byTime != 0 ? byTime : byPartition != 0 ? byPartition : Long.compare(offset, other.offset);
        }
    }

    AnswerHistory() {}

    void add(Answer answer, long time, int partition, long offset) {
        int best = best(answer.getProbabilities());
        newest.put(
                new Place(time, partition, offset),
                new Point(
                        time,
                        Printable.name(answer.getQuestionId()),
                        new FitName(answer.getRunId(), answer.getCheckpoint(), answer.getFit()),
                        answer.getPosteriorVersion(),
                        best < answer.getLabels().size()
                                ? Printable.name(answer.getLabels().get(best))
                                : "?",
                        largest(answer.getProbabilities()),
                        largest(answer.getMapProbabilities()),
                        largest(answer.getTemperatureProbabilities()),
                        novelty(answer),
                        Printable.name(answer.getTier()),
                        answer.getDecision() == null ? "" : answer.getDecision().toString(),
                        partition,
                        offset));
        if (newest.size() > KEPT) {
            newest.pollFirstEntry();
        }
        counts.put(time / 1000, 1L);
        total++;
    }

    /** Its novelty; NaN at a tier without a covariance, of which the record says 1 and zeros. */
    public static double novelty(Answer answer) {
        boolean none = answer.getContrastCovariance().stream()
                .allMatch(row -> row.stream().allMatch(each -> each == 0));
        return none ? Double.NaN : answer.getNovelty();
    }

    private static double largest(List<Double> probabilities) {
        return probabilities == null || probabilities.isEmpty() ? Double.NaN : Collections.max(probabilities);
    }

    private static int best(List<Double> probabilities) {
        return probabilities.isEmpty() ? 0 : probabilities.indexOf(Collections.max(probabilities));
    }

    /** The newest {@value #KEPT}, the oldest of them first; a view. */
    public Collection<Point> newest() {
        return Collections.unmodifiableCollection(newest.values());
    }

    /** How many came in each second, or in each stretch of so many seconds; seconds since the epoch. */
    public Series<Long> counts() {
        return counts;
    }

    /** How many there were. */
    public long total() {
        return total;
    }
}
