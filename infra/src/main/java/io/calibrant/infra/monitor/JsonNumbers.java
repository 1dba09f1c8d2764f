package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.function.Function;

/** Numbers in JSON, which has neither NaN nor infinity: these are null. */
final class JsonNumbers {
    private JsonNumbers() {}

    static void put(ObjectNode object, String name, Double value) {
        object.put(name, value == null || !Double.isFinite(value) ? null : value);
    }

    /** Adds one number of every point. */
    static <P> void add(ArrayNode array, Collection<P> points, Function<P, Double> of) {
        for (P each : points) {
            Double value = of.apply(each);
            array.add(value == null || !Double.isFinite(value) ? null : value);
        }
    }
}
