package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.bench.Figure;
import io.calibrant.infra.commands.output.Output;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Figures of benchmarks: for machines one object each, for people a line each as they come, or one table. */
final class FigurePrinter {
    private static final List<String> HEADER = List.of("figure", "value", "unit", "against", "which is", "on");

    private final Output output;
    private final boolean json;
    private final List<List<String>> rows = new ArrayList<>();

    FigurePrinter(Output output, boolean json) {
        this.output = output;
        this.json = json;
    }

    /** Prints a figure as a line. */
    void line(Figure figure) {
        if (json) {
            object(figure);
            return;
        }
        String compared = figure.comparedWith().isEmpty()
                ? ""
                : String.format(
                        Locale.ROOT,
                        "  of %.4g %s (%s)",
                        figure.comparedValue(),
                        figure.comparedUnit(),
                        figure.comparedWith());
        output.line(String.format(
                Locale.ROOT, "%-44s %10.4g %-6s%s", figure.name(), figure.value(), figure.unit(), compared));
    }

    /** Takes a figure as a row of {@link #table}; for machines it is printed at once. */
    void row(Figure figure) {
        if (json) {
            object(figure);
            return;
        }
        String compared = figure.comparedWith().isEmpty()
                ? ""
                : String.format(Locale.ROOT, "%.5g %s", figure.comparedValue(), figure.comparedUnit());
        rows.add(List.of(
                figure.name(),
                String.format(Locale.ROOT, "%.5g", figure.value()),
                figure.unit(),
                figure.comparedWith(),
                compared,
                figure.on()));
    }

    /** Prints what {@link #row} took. */
    void table() {
        if (!rows.isEmpty()) {
            output.table(HEADER, rows);
        }
    }

    private void object(Figure figure) {
        ObjectNode object = Output.object();
        object.put("name", figure.name());
        object.put("value", figure.value());
        object.put("unit", figure.unit());
        if (!figure.comparedWith().isEmpty()) {
            object.put("comparedWith", figure.comparedWith());
            object.put("comparedValue", figure.comparedValue());
            object.put("comparedUnit", figure.comparedUnit());
        }
        if (!figure.on().isEmpty()) {
            object.put("on", figure.on());
        }
        output.json(object);
    }
}
