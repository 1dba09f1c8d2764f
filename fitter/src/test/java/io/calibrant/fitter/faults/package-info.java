/**
 * Faults: services as processes of their own that are killed, stopped and let go on, and what must be true after it.
 */
package io.calibrant.fitter.faults;
