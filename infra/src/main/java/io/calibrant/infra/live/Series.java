package io.calibrant.infra.live;

import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BinaryOperator;

/**
 * Points along an axis, at most so many: a series that becomes longer is thinned, evenly. The axis is cut into
 * stretches of equal length, 1 at first and twice that whenever there would be too many, and each keeps one point. What
 * is kept depends on the points alone, not on when they came, so that everybody who reads the same topics sees the
 * same.
 */
public final class Series<P> {
    private final int limit;
    private final BinaryOperator<P> together;
    private TreeMap<Long, Placed<P>> stretches = new TreeMap<>();
    private int doublings;

    private record Placed<P>(long x, P point) {}

    private Series(int limit, BinaryOperator<P> together) {
        this.limit = limit;
        this.together = together;
    }

    /** A series that keeps the last point of every stretch. */
    static <P> Series<P> ofLast(int limit) {
        return new Series<>(limit, null);
    }

    /** A series that adds up the points of a stretch. */
    static <P> Series<P> ofSums(int limit, BinaryOperator<P> together) {
        return new Series<>(limit, together);
    }

    /** Adds a point; at the place of another one it takes its place, or is added to it. */
    void put(long x, P point) {
        put(stretches, new Placed<>(x, point));
        while (stretches.size() > limit) {
            doublings++;
            TreeMap<Long, Placed<P>> wider = new TreeMap<>();
            stretches.values().forEach(each -> put(wider, each));
            stretches = wider;
        }
    }

    private void put(Map<Long, Placed<P>> into, Placed<P> placed) {
        into.merge(placed.x() >> doublings, placed, (before, next) -> {
            if (together != null) {
                return new Placed<>(Math.max(before.x(), next.x()), together.apply(before.point(), next.point()));
            }
            return next.x() >= before.x() ? next : before;
        });
    }

    /** How long a stretch is, in units of the axis. */
    public long stretch() {
        return 1L << doublings;
    }

    /** The points, ascending; a view. */
    public Collection<P> points() {
        return Collections.unmodifiableCollection(
                stretches.values().stream().map(Placed::point).toList());
    }

    /** The points by the number of their stretch, ascending. */
    public Map<Long, P> byStretch() {
        Map<Long, P> points = new TreeMap<>();
        stretches.forEach((stretch, placed) -> points.put(stretch, placed.point()));
        return points;
    }
}
