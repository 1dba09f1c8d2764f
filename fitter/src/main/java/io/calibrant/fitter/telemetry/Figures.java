package io.calibrant.fitter.telemetry;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Gauges of records that come and go: a record that is not among those shown last has no series.
 *
 * @param <T> the records
 */
final class Figures<T> {
    private final MeterRegistry registry;
    private final Function<T, Tags> names;
    private final Map<MultiGauge, Function<T, Map<Tags, Double>>> gauges = new LinkedHashMap<>();

    /** @param names the labels of every series of a record */
    Figures(MeterRegistry registry, Function<T, Tags> names) {
        this.registry = registry;
        this.names = names;
    }

    /**
     * Adds a gauge.
     *
     * @param unit at the end of the name; null for none
     * @param values by further labels; empty where a record has none
     */
    void add(String name, String unit, String description, Function<T, Map<Tags, Double>> values) {
        gauges.put(
                MultiGauge.builder(name).baseUnit(unit).description(description).register(registry), values);
    }

    /** A value without further labels; none for null. */
    static Map<Tags, Double> value(Number number) {
        return number == null ? Map.of() : Map.of(Tags.empty(), number.doubleValue());
    }

    void show(Collection<T> records) {
        gauges.forEach((gauge, values) -> {
            List<Row<?>> rows = new ArrayList<>();
            for (T each : records) {
                values.apply(each)
                        .forEach((tags, value) ->
                                rows.add(Row.of(names.apply(each).and(tags), value)));
            }
            gauge.register(rows, true);
        });
    }
}
