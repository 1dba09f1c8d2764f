package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.registry.TrustedRecords;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** What records say is printed as text: no terminal obeys it, and no line of it is forged. */
class OutputTest {
    private static final String FORGED = "q1\u001b[2J\u009b31m\nq2  A  1.000  1.000";
    private static final String SHOWN = "q1\\u001b[2J\\u009b31m\\u000aq2  A  1.000  1.000";

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private Output output;

    @Command(name = "any")
    private static final class Any {}

    @BeforeEach
    void open() {
        CommandLine line =
                new CommandLine(new Any()).setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        output = new Output(line.getCommandSpec());
    }

    @Test
    void shouldEscapeTheCellsOfATable() {
        output.table(List.of("ID"), List.of(List.of(FORGED), List.of("x".repeat(540_000))));
        assertThat(out.toString().lines()).hasSize(3).element(1).isEqualTo(SHOWN);
        assertThat(out.toString()).hasSizeLessThan(2000);
    }

    @Test
    void shouldKeepANoteInALineWithoutSecrets() {
        output.note("not answered: " + FORGED + ": registry http://u:hush@r: no");
        assertThat(err.toString())
                .isEqualTo("not answered: " + SHOWN + ": registry http://********@r: no" + System.lineSeparator());
    }

    @Test
    void shouldEscapeInJsonWhatJsonDoesNot() {
        output.json(Output.object().put("id", FORGED));
        assertThat(out.toString())
                .isEqualTo("{\"id\":\"q1\\u001B[2J\\u009b31m\\nq2  A  1.000  1.000\"}" + System.lineSeparator());
    }

    @Test
    void shouldPrintAnAnswerInALine() {
        TrustedRecords.trust();
        Answer answer = Answer.newBuilder()
                .setQuestionId(FORGED)
                .setRunId("r")
                .setCheckpoint("c")
                .setFit(FORGED)
                .setPosteriorVersion(1L)
                .setLabels(List.of("A\u001b[31m", "B"))
                .setProbabilities(List.of(0.75, 0.25))
                .setMapProbabilities(List.of(0.75, 0.25))
                .setContrastMean(List.of(0.0))
                .setContrastCovariance(List.of(List.of(0.0)))
                .setEntropy(0)
                .setExpectedEntropy(0)
                .setMutualInformation(0)
                .setNovelty(0)
                .setCalibration(Calibration.EVIDENCE)
                .build();
        new AnswerPrinter(output, false).print(answer);
        assertThat(out.toString().lines()).hasSize(2).element(1).asString().startsWith(SHOWN + " A\\u001b[31m");
    }
}
