package io.calibrant.fitter.calibration;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * What labels are worth: the NLL of the average on labels that it has not seen, against the number of labels that it
 * has, by repeated subsampling of the known ones. Of that number n the mean follows a + b / n closely, by which it is
 * carried on to more labels than there are. Immutable.
 */
public final class LearningCurve {
    /** Fewer labels make no curve: half of them is judged by. */
    public static final int FEWEST = 50;

    private static final int[] SIZES = {0, 10, 25, 50, 100, 200, 400, 800};

    /** Points of the fits: differences of many splits are wanted, not the last digit of one. */
    private static final int POINTS = 128;

    private final List<Point> points;

    /**
     * A point of the curve.
     *
     * @param labels n
     * @param nll mean over the splits of the mean NLL of the rest, nats
     */
    public record Point(int labels, double nll) {}

    private LearningCurve(List<Point> points) {
        this.points = List.copyOf(points);
    }

    /**
     * The curve, the same for the same answers whatever their order.
     *
     * @param answers labelled, at least {@link #FEWEST}; not modified
     * @param labelFree what is known without labels
     * @param forward whether the average is that of tier forward, else that of tier all
     * @param splits how often each number of labels is drawn
     * @throws IllegalArgumentException if there are fewer answers
     */
    public static LearningCurve of(
            Collection<LabelledContrasts> answers, LabelFree labelFree, boolean forward, int splits) {
        if (answers.size() < FEWEST) {
            throw new IllegalArgumentException(
                    "a learning curve needs " + FEWEST + " labelled answers or more, got " + answers.size());
        }
        Calibrator calibrator = new Calibrator(POINTS);
        List<Calibrator.Sampled> all = calibrator.sample(
                answers.stream()
                        .sorted(Comparator.comparing(LabelledContrasts::questionId))
                        .toList(),
                labelFree.variance());
        List<Point> points = new ArrayList<>();
        for (int size : SIZES) {
            if (2 * size <= all.size()) {
                double nll = IntStream.range(0, splits)
                        .parallel()
                        .mapToDouble(split -> nll(calibrator, all, size, labelFree, forward, split))
                        .average()
                        .orElseThrow();
                points.add(new Point(size, nll));
            }
        }
        return new LearningCurve(points);
    }

    private static double nll(
            Calibrator calibrator,
            List<Calibrator.Sampled> all,
            int size,
            LabelFree labelFree,
            boolean forward,
            long split) {
        List<Calibrator.Sampled> order = new ArrayList<>(all);
        Collections.shuffle(order, new Random(split));
        int[] fold = IntStream.range(0, size).map(i -> i % Calibrator.FOLDS).toArray();
        CalibrationResult found = calibrator.calibrate(order.subList(0, size), fold, labelFree);
        List<Member> members = forward ? found.forward() : found.all();
        return order.subList(size, order.size()).stream()
                .mapToDouble(answer -> answer.negativeLogLikelihood(members))
                .average()
                .orElseThrow();
    }

    /** By number of labels, 0 first; that has no label to go by, and is what serves before there are any. */
    public List<Point> points() {
        return points;
    }

    /**
     * By how much more labels would lower the NLL, nats; 0 where the curve does not fall.
     *
     * @param labels that there are
     * @param more labels
     */
    public double worth(int labels, int more) {
        double meanX = 0;
        double meanY = 0;
        int n = points.size() - 1;
        for (Point point : points.subList(1, points.size())) {
            meanX += 1.0 / point.labels / n;
            meanY += point.nll / n;
        }
        double xx = 0;
        double xy = 0;
        for (Point point : points.subList(1, points.size())) {
            double x = 1.0 / point.labels - meanX;
            xx += x * x;
            xy += x * (point.nll - meanY);
        }
        double slope = xx == 0 ? 0 : Math.max(0, xy / xx);
        double after = meanY + slope * (1.0 / (labels + more) - meanX);
        double now = labels < SIZES[1] ? points.get(0).nll : meanY + slope * (1.0 / labels - meanX);
        return Math.max(0, now - after);
    }
}
