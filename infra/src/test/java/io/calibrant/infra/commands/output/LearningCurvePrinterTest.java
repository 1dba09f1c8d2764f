package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.fitter.calibration.LabelFree;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.LearningCurve;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class LearningCurvePrinterTest {
    private static final int KNOWN = 60;
    private static final int LABELS = 25;
    private final LearningCurve curve = curve();

    @Command(name = "any")
    private static final class Any {}

    /** Answers that are far too sure: a few labels tell that. */
    private static LearningCurve curve() {
        Random random = new Random(1);
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < KNOWN; i++) {
            double mean = 4 * random.nextGaussian();
            int label = random.nextDouble() < 1 / (1 + Math.exp(-mean / 8)) ? 0 : 1;
            answers.add(new LabelledContrasts("q" + i, new double[] {mean}, new double[][] {{1}}, label));
        }
        return LearningCurve.of(answers, LabelFree.NONE, true, 2, share -> {});
    }

    private String printed(boolean json) {
        StringWriter out = new StringWriter();
        CommandLine line = new CommandLine(new Any()).setOut(new PrintWriter(out));
        LearningCurvePrinter.print(new Output(line.getCommandSpec()), curve, KNOWN, LABELS, json);
        return out.toString();
    }

    @Test
    void shouldSayWhatFiftyMoreLabelsThanThePosteriorHasAreWorth() {
        assertThat(curve.worth(LABELS, 50)).isGreaterThan(.0005).isNotEqualTo(curve.worth(KNOWN, 50));
        List<String> lines = printed(false).lines().toList();
        assertThat(lines)
                .hasSize(6) // an empty one first; tier all has no covariances here
                .contains("NLL against the number of labels, mean of 50 subsamples of the 60 that are known:")
                .contains("labels               0     10     25")
                .last()
                .isEqualTo(LearningCurvePrinter.sentence(LABELS, curve.worth(LABELS, 50)));
        assertThat(LearningCurvePrinter.sentence(100, .0034))
                .isEqualTo("50 more labels would be worth about .003 of NLL; the posterior has 100 now.");
        assertThat(LearningCurvePrinter.sentence(0, 1.25))
                .isEqualTo("50 more labels would be worth about 1.250 of NLL; the posterior has 0 now.");
        assertThat(LearningCurvePrinter.sentence(300, .0002))
                .isEqualTo("50 more labels would be worth less than .001 of NLL; the posterior has 300 now.");
    }

    @Test
    void shouldSayTheSameToAMachine() throws Exception {
        JsonNode json = new ObjectMapper().readTree(printed(true));
        assertThat(json.get("worth").asDouble()).isEqualTo(curve.worth(LABELS, 50));
        assertThat(json.get("more").asInt()).isEqualTo(50);
        assertThat(json.get("labels").asInt()).isEqualTo(LABELS);
        assertThat(json.get("known").asInt()).isEqualTo(KNOWN);
        assertThat(json.get("splits").asInt()).isEqualTo(50);
        JsonNode points = json.get("learningCurve");
        assertThat(points).hasSize(3);
        for (int i = 0; i < 3; i++) {
            LearningCurve.Point point = curve.points().get(i);
            assertThat(points.get(i).get("labels").asInt()).isEqualTo(point.labels());
            assertThat(points.get(i).get("temperature").asDouble()).isEqualTo(point.temperature());
            assertThat(points.get(i).get("forward").asDouble()).isEqualTo(point.forward());
            assertThat(points.get(i).has("all")).isFalse();
        }
    }
}
