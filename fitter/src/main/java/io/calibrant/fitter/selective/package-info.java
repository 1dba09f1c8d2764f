/**
 * Selective prediction (method.md section 7): answer where one may be sure, ask where not. The accuracy-coverage curve
 * with its band and the area above it; thresholds above which a wanted share of the answers is right, guaranteed for
 * any number of labels.
 *
 * <p>How to use it:
 *
 * <pre>
 * List&lt;GradedAnswer&gt; graded = ...                     // labelled answers whose labels tuned nothing
 * AccuracyCoverage curve = AccuracyCoverage.of(graded);
 * curve.aurc(), curve.bestAurc(), curve.randomAurc()
 * Acceptance found = SelectiveCounts.of(graded).acceptance(new TargetAccuracy(0.95, 0.95));
 * found.accepts(confidence)                           // above the threshold; never where none is guaranteed
 * </pre>
 *
 * <p>Letters: n labelled answers, k of them accepted, t a threshold of the confidence, a the wanted accuracy, delta the
 * probability that a guarantee fails. Everything here depends on the answers alone, and but for ties not on their
 * order.
 *
 * <p>May depend on: {@code io.calibrant.fitter.metrics}, {@code org.hipparchus}.
 */
package io.calibrant.fitter.selective;
