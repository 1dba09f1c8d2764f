package io.calibrant.fitter.calibration;

/** A function of (a, b) = (log T, log c) at a point, to second order; a sum that grows. */
final class Slopes {
    double value;
    double a;
    double b;
    double aa;
    double ab;
    double bb;

    void add(Slopes other) {
        value += other.value;
        a += other.a;
        b += other.b;
        aa += other.aa;
        ab += other.ab;
        bb += other.bb;
    }
}
