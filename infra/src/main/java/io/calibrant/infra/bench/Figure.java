package io.calibrant.infra.bench;

/**
 * One measured figure.
 *
 * @param name as the contract of the commands has it, for example {@code scorer.all.batch4.forwards}
 * @param value the figure
 * @param unit of the value: {@code s}, {@code ratio}, {@code MB}
 * @param comparedWith what a ratio is a ratio to, in words; empty for an absolute figure
 * @param comparedValue the figure that {@code value} is compared with
 * @param comparedUnit its unit
 * @param on what was measured, in words; empty where one thing is measured, which the benchmark's title says
 */
public record Figure(
        String name,
        double value,
        String unit,
        String comparedWith,
        double comparedValue,
        String comparedUnit,
        String on) {

    static Figure absolute(String name, double value, String unit) {
        return new Figure(name, value, unit, "", Double.NaN, "", "");
    }

    static Figure ratio(String name, double value, String comparedWith, double comparedValue, String unit) {
        return new Figure(name, value / comparedValue, "ratio", comparedWith, comparedValue, unit, "");
    }

    /** The same as a figure and what it is compared with, side by side. */
    static Figure beside(String name, double value, String comparedWith, double comparedValue, String unit) {
        return new Figure(name, value, unit, comparedWith, comparedValue, unit, "");
    }

    /** The same, of one of several things that are measured. */
    Figure on(String measured) {
        return new Figure(name, value, unit, comparedWith, comparedValue, comparedUnit, measured);
    }
}
