/**
 * The reference values of {@code ../shared/golden} for the fitter's tests, and the small extract of them that is
 * committed. Test sources only.
 */
package io.calibrant.fitter.golden;
