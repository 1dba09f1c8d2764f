/**
 * How well a fit is doing while it serves (method.md section 7): its accuracy before labels come and with some of them,
 * and alarms that may be looked at at any time: that the questions have changed, and that the served probabilities are
 * not calibrated.
 *
 * <p>Letters: n calibration scores, of which k are at least a question's; q threshold and a stake of a bet; f the
 * served top probability, y whether it was right. Everything is immutable and a function of its arguments alone: the
 * same answers in the same order make the same bits. Of Hipparchus only the beta distribution is used.
 *
 * <p>May depend on: {@code io.calibrant.fitter.familiarity}, {@code org.hipparchus}.
 */
package io.calibrant.fitter.monitoring;
