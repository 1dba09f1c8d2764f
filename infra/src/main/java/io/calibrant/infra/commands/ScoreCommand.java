package io.calibrant.infra.commands;

import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.trainer.llama.ComputeDevice;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "score",
        description = {
            "The scorer: answers the questions of the topic with calibrated probabilities.",
            "A service: runs until interrupted. Waits for the run's first complete posterior, and changes to a newer one by"
                    + " itself. Several of the same --run share the questions."
        },
        footer = {
            "  calibrant score --run news --model SmolLM2-135M",
            "  calibrant score --run news --model SmolLM2-135M --fit layerwise --link MEAN_FIELD"
        })
final class ScoreCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--run", paramLabel = "R", required = true, description = "The run to answer with.")
    private String run;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "The run's base model: config.json, *.safetensors, tokenizer.json.")
    private Path model;

    @Option(
            names = "--fit",
            paramLabel = "NAME",
            defaultValue = ScorerSettings.DEFAULT_FIT,
            description = "The fit to answer with. Default: ${DEFAULT-VALUE}.")
    private String fit;

    @Option(
            names = "--link",
            defaultValue = "MC",
            description = "From the Gaussian over logits to probabilities: ${COMPLETION-CANDIDATES}."
                    + " Default: ${DEFAULT-VALUE}.")
    private LinkFunction link;

    @Option(
            names = "--points",
            paramLabel = "N",
            defaultValue = "4096",
            description = "Sobol points of the link MC. Default: ${DEFAULT-VALUE}.")
    private int points;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "8",
            description = "Most questions in one forward pass. Default: ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(
            names = "--tier",
            paramLabel = "TIER",
            defaultValue = ScorerSettings.ALL_BLOCKS,
            description = "Which blocks carry the covariance: all. Default: ${DEFAULT-VALUE}.")
    private String tier;

    @Option(
            names = "--device",
            paramLabel = "D",
            defaultValue = "cpu",
            description = "cpu, gpu or gpu:N. Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(names = "--create-topics", description = "Create topics that are missing.")
    private boolean createTopics;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        ScorerSettings settings =
                new ScorerSettings(run, model, fit, link, points, batchSize, tier, ComputeDevice.parse(device));
        Connection connection = connectionOptions.reachable();
        if (createTopics) {
            TopicAdmin.createMissing(connection);
        }
        Output output = new Output(spec);
        try (Scorer scorer = new Scorer(connection, settings, new Progress(output))) {
            return UntilInterrupted.run(scorer, () -> {
                scorer.run();
                return ExitCode.OK;
            });
        }
    }

    /** Progress of the service, on standard error. */
    private static final class Progress implements ScorerListener {
        private final Output output;
        private long answered;
        private long rejected;

        Progress(Output output) {
            this.output = output;
        }

        @Override
        public void waiting(String reason) {
            output.note("waiting: " + reason);
        }

        @Override
        public void serving(String checkpoint, String fit, long posteriorVersion) {
            output.note("answering with checkpoint " + checkpoint + ", fit " + fit + ", posterior version "
                    + posteriorVersion);
        }

        @Override
        public void committed(int nowAnswered, int nowRejected) {
            answered += nowAnswered;
            rejected += nowRejected;
            if (nowAnswered + nowRejected > 0) {
                output.note("answered " + answered + ", dead letters " + rejected);
            }
        }
    }
}
