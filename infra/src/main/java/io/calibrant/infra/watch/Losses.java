package io.calibrant.infra.watch;

import io.calibrant.infra.live.RunHistory;
import java.util.List;

/**
 * The loss of fine-tuning by step.
 *
 * @param points ascending; finite losses
 */
record Losses(List<Point> points) {
    /** Nothing was heard of it. */
    static final Losses NONE = new Losses(List.of());

    /** A step and its loss. */
    record Point(long step, double loss) {}

    /** Copies. */
    Losses {
        points = List.copyOf(points);
    }

    /** @param trainer null where it has said nothing */
    static Losses of(RunHistory trainer) {
        return trainer == null
                ? NONE
                : new Losses(trainer.losses().points().stream()
                        .map(each -> new Point(each.getStep(), each.getLoss()))
                        .filter(point -> Double.isFinite(point.loss()))
                        .toList());
    }

    /** Whether there is a curve to draw. */
    boolean isCurve() {
        return points.size() > 1;
    }

    /**
     * Means of the losses in equal stretches of the steps; a stretch without a point is NaN.
     *
     * @param count of the stretches, at least 1
     */
    double[] means(int count) {
        double[] sums = new double[count];
        int[] counts = new int[count];
        long first = points.get(0).step();
        long last = points.get(points.size() - 1).step();
        for (Point point : points) {
            int at = last == first ? 0 : (int) Math.min(count - 1, (point.step() - first) * count / (last - first));
            sums[at] += point.loss();
            counts[at]++;
        }
        for (int i = 0; i < count; i++) {
            sums[i] /= counts[i]; // 0 / 0 where there is none
        }
        return sums;
    }
}
