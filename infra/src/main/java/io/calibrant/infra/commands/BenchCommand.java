package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.bench.BenchSettings;
import io.calibrant.infra.bench.Figure;
import io.calibrant.infra.bench.ScorerBench;
import io.calibrant.infra.bench.TrainerBench;
import io.calibrant.trainer.llama.ComputeDevice;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "bench",
        description = {
            "Measures what fine-tuning, curvature and scoring cost, against the plain forward pass of the same run.",
            "Random weights of SmolLM-135M's shape unless a model is given. Threads: OMP_NUM_THREADS."
        },
        footer = {
            "  OMP_NUM_THREADS=2 calibrant bench trainer",
            "  OMP_NUM_THREADS=2 calibrant bench scorer --json",
            "  calibrant bench trainer --model DIR --length 256 --memory-steps 0"
        })
final class BenchCommand implements Callable<Integer> {
    /** What can be measured. */
    enum Subject {
        TRAINER,
        SCORER
    }

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "WHAT", description = "What to measure: ${COMPLETION-CANDIDATES}.")
    private Subject subject;

    @Option(names = "--model", paramLabel = "DIR", description = "A Hugging Face model directory.")
    private Path model;

    @Option(
            names = "--device",
            paramLabel = "D",
            defaultValue = "cpu",
            description = "cpu, gpu or gpu:N. Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "4",
            description = "Questions a batch (trainer). Default: 4.")
    private int batchSize;

    @Option(names = "--length", paramLabel = "N", defaultValue = "128", description = "Tokens a prompt. Default: 128.")
    private int length;

    @Option(names = "--classes", paramLabel = "N", defaultValue = "4", description = "Choices, 2 to 5. Default: 4.")
    private int classes;

    @Option(
            names = "--repetitions",
            paramLabel = "N",
            defaultValue = "5",
            description = "Runs, of which the fastest counts. Default: 5.")
    private int repetitions;

    @Option(
            names = "--memory-steps",
            paramLabel = "N",
            defaultValue = "1000",
            description = "Steps of a tiny model over which memory is watched (trainer); 0 for none. Default: 1000.")
    private int memorySteps;

    @Option(names = "--json", description = "One object a figure.")
    private boolean json;

    @Override
    public Integer call() {
        BenchSettings settings = new BenchSettings(
                model, ComputeDevice.parse(device).resolve(), batchSize, length, classes, repetitions, memorySteps);
        Output output = new Output(spec);
        output.note((model == null ? "random weights of SmolLM-135M's shape" : model.toString())
                + ", " + device + ", " + length + " tokens, " + classes + " choices, fastest of " + repetitions
                + "; OMP_NUM_THREADS=" + System.getenv().getOrDefault("OMP_NUM_THREADS", "(all cores)"));
        Consumer<Figure> sink = figure -> print(output, figure);
        switch (subject) {
            case TRAINER -> new TrainerBench(settings).run(sink);
            case SCORER -> new ScorerBench(settings).run(sink);
        }
        return ExitCode.OK;
    }

    private void print(Output output, Figure figure) {
        if (json) {
            ObjectNode object = Output.object();
            object.put("name", figure.name());
            object.put("value", figure.value());
            object.put("unit", figure.unit());
            if (!figure.comparedWith().isEmpty()) {
                object.put("comparedWith", figure.comparedWith());
                object.put("comparedValue", figure.comparedValue());
                object.put("comparedUnit", figure.comparedUnit());
            }
            output.json(object);
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
                Locale.ROOT, "%-38s %10.4g %-6s%s", figure.name(), figure.value(), figure.unit(), compared));
    }
}
