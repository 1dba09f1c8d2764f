package io.calibrant.fitter.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.DoubleConsumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What labels are worth: the NLL of the averages, and of temperature scaling beside them, on labels that they have not
 * seen, against the number of labels that they have, by repeated subsampling of the known ones. Of that number n the
 * mean follows a + b / n closely, by which it is carried on to more labels than there are. Immutable.
 */
public final class LearningCurve {
    /** Fewer labels make no curve: half of them is judged by. */
    public static final int FEWEST = 50;

    private static final int[] SIZES = {0, 10, 25, 50, 100, 200, 300, 500, 1000};

    /** Points of the fits: differences of many splits are wanted, not the last digit of one. */
    private static final int POINTS = 128;

    private final List<Point> points;

    /**
     * A point of the curve: means over the splits of the mean NLL of the rest, nats.
     *
     * @param labels n
     * @param temperature of temperature scaling on the same labels; without labels MAP's
     * @param all of the average of tier all; absent where the answers have no covariance
     * @param forward of the average of tier forward
     */
    public record Point(int labels, double temperature, OptionalDouble all, double forward) {
        /** Of the average that serves: tier forward's where there is no other. */
        double served() {
            return all.orElse(forward);
        }
    }

    LearningCurve(List<Point> points) {
        this.points = List.copyOf(points);
    }

    /**
     * The curve, the same for the same answers whatever their order.
     *
     * @param answers labelled, at least {@link #FEWEST}; not modified
     * @param labelFree what is known without labels
     * @param forward whether tier forward serves, so that the answers have no covariance; else tier all
     * @param splits how often each number of labels is drawn
     * @param progress is told the share of the work that is done, in (0, 1], 1 once, from any thread
     * @throws IllegalArgumentException if there are fewer answers
     */
    public static LearningCurve of(
            Collection<LabelledContrasts> answers,
            LabelFree labelFree,
            boolean forward,
            int splits,
            DoubleConsumer progress) {
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
        int[] sizes =
                Arrays.stream(SIZES).filter(size -> 2 * size <= all.size()).toArray();
        // A subsample takes time by its labels, and some by what is left for the test.
        long whole = (long) splits * (Arrays.stream(sizes).sum() + sizes.length * FEWEST);
        AtomicLong done = new AtomicLong();
        for (int size : sizes) {
            List<Point> drawn = IntStream.range(0, splits)
                    .parallel()
                    .mapToObj(split -> {
                        Point point = point(calibrator, all, size, labelFree, forward, split);
                        progress.accept((double) done.addAndGet(size + FEWEST) / whole);
                        return point;
                    })
                    .toList();
            points.add(new Point(
                    size,
                    mean(drawn, Point::temperature),
                    forward
                            ? OptionalDouble.empty()
                            : OptionalDouble.of(mean(drawn, point -> point.all().orElseThrow())),
                    mean(drawn, Point::forward)));
        }
        return new LearningCurve(points);
    }

    private static double mean(List<Point> drawn, ToDoubleFunction<Point> figure) {
        return drawn.stream().mapToDouble(figure).average().orElseThrow();
    }

    private static Point point(
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
        List<Calibrator.Sampled> rest = order.subList(size, order.size());
        return new Point(
                size,
                nll(rest, answer -> answer.logits().negativeLogLikelihood(found.temperature())),
                forward
                        ? OptionalDouble.empty()
                        : OptionalDouble.of(nll(rest, answer -> answer.negativeLogLikelihood(found.all()))),
                nll(rest, answer -> answer.negativeLogLikelihood(found.forward())));
    }

    private static double nll(List<Calibrator.Sampled> rest, ToDoubleFunction<Calibrator.Sampled> of) {
        return rest.stream().mapToDouble(of).average().orElseThrow();
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
            meanY += point.served() / n;
        }
        double xx = 0;
        double xy = 0;
        for (Point point : points.subList(1, points.size())) {
            double x = 1.0 / point.labels - meanX;
            xx += x * x;
            xy += x * (point.served() - meanY);
        }
        double slope = xx == 0 ? 0 : Math.max(0, xy / xx);
        double after = meanY + slope * (1.0 / (labels + more) - meanX);
        double now = labels < SIZES[1] ? points.get(0).served() : meanY + slope * (1.0 / labels - meanX);
        return Math.max(0, now - after);
    }
}
