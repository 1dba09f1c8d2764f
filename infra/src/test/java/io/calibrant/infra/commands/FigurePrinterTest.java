package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.bench.Figure;
import io.calibrant.infra.commands.output.Output;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

class FigurePrinterTest {
    private static final Figure RATIO = new Figure("base.bf16.resident", 0.5, "ratio", "F32", 5000, "MB", "a model");
    private static final Figure ALONE = new Figure("trainer.forward.seconds", 0.25, "s", "", Double.NaN, "", "");

    private final StringWriter text = new StringWriter();

    private FigurePrinter printer(boolean json) {
        CommandSpec spec = CommandSpec.create();
        new CommandLine(spec).setOut(new PrintWriter(text));
        return new FigurePrinter(new Output(spec), json);
    }

    @Test
    void shouldSayInATableWhatWasMeasuredAgainstWhatAndOnWhat() {
        FigurePrinter printer = printer(false);
        printer.row(RATIO);
        printer.row(ALONE);
        assertThat(text.toString()).as("a table is printed whole").isEmpty();
        printer.table();
        assertThat(text.toString().lines())
                .containsExactly(
                        "figure                   value    unit   against  which is   on",
                        "base.bf16.resident       0.50000  ratio  F32      5000.0 MB  a model",
                        "trainer.forward.seconds  0.25000  s");
    }

    @Test
    void shouldPrintAnObjectForEveryFigureAtOnce() {
        FigurePrinter printer = printer(true);
        printer.row(RATIO);
        printer.line(ALONE);
        printer.table();
        assertThat(text.toString().lines())
                .containsExactly(
                        "{\"name\":\"base.bf16.resident\",\"value\":0.5,\"unit\":\"ratio\",\"comparedWith\":\"F32\","
                                + "\"comparedValue\":5000.0,\"comparedUnit\":\"MB\",\"on\":\"a model\"}",
                        "{\"name\":\"trainer.forward.seconds\",\"value\":0.25,\"unit\":\"s\"}");
    }
}
