package io.calibrant.fitter.linalg;

/** How a large side is kept small. */
public enum Compression {
    /** The best K columns after every batch (the paper). No bound: a direction that grows slowly can be lost. */
    TRUNCATE,
    /** Up to 2 K columns, all of them shrunk when they are full: 0 <= A - L L^T <= delta I. */
    FREQUENT_DIRECTIONS
}
