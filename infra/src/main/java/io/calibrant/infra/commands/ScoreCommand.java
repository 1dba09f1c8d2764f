package io.calibrant.infra.commands;

import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.infra.commands.options.BaseFormatOptions;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.DeviceOptions;
import io.calibrant.infra.commands.options.MetricsOptions;
import io.calibrant.infra.commands.options.NewTopicOptions;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.ScoreProgress;
import io.calibrant.infra.commands.output.ServiceLines;
import io.calibrant.infra.telemetry.Telemetry;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.reading.BrokerWatch;
import io.calibrant.schemas.reading.GroupLag;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.LabelFreeServing;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.Unfamiliar;
import io.calibrant.scorer.service.PollSettings;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.scorer.serving.ServingSettings;
import io.calibrant.scorer.telemetry.ScorerMeters;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
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
            "A service: runs until interrupted. Waits until every run has a complete posterior, and changes to a"
                    + " newer one by itself. Several of the same --run and --fit share the questions."
        },
        footer = {
            "  calibrant score --run news --model SmolLM2-135M",
            "  calibrant score --run news --model SmolLM2-135M --tier forward",
            "  calibrant score --run news --model SmolLM2-135M --fit layerwise --link MEAN_FIELD",
            "  calibrant score --run news,sport --model SmolLM2-135M --fit latest-complete --tier last-layer"
                    + " --threads 2",
            "  calibrant score --run news --model SmolLM2-135M --target-accuracy 0.95"
        })
final class ScoreCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--run",
            paramLabel = "R",
            required = true,
            split = ",",
            description =
                    "The run to answer with; or several of the same base model, R1,R2: a question may name one of them,"
                            + " the first one answers the others.")
    private List<String> runs;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "The run's base model: config.json, *.safetensors, tokenizer.json.")
    private Path model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description =
                    "PEFT directory of the run's adapter, for one that was trained with modules_to_save or biases:"
                            + " these are not on the topics.")
    private Path adapter;

    @Option(
            names = "--fit",
            paramLabel = "NAME",
            defaultValue = ServingSettings.DEFAULT_FIT,
            description =
                    "The fit that answers questions that name none, or latest-complete: whichever was completed last."
                            + " Default: ${DEFAULT-VALUE}.")
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
            defaultValue = "all",
            description =
                    "Which blocks carry the covariance of questions that do not say: all; last-layer, those of the"
                            + " highest adapted layer and of the head; forward, none, but the noise of a logit,"
                            + " calibrated"
                            + " nearly as well by the plain forward pass; map, none. Questions for validation are"
                            + " answered with all. Default: ${DEFAULT-VALUE}.")
    private String tier;

    @Option(
            names = "--label-free",
            paramLabel = "WHAT",
            defaultValue = "average",
            description = "What serves where no labels are known: average, or evidence, the plain Laplace predictive."
                    + " Default: ${DEFAULT-VALUE}.")
    private String labelFree;

    @Option(
            names = "--unfamiliar",
            paramLabel = "MODE",
            defaultValue = "soften",
            description =
                    "Probabilities of questions that are unlike the training questions: soften, towards even odds, the"
                            + " most probable label stays; flag, left as they are. Default: ${DEFAULT-VALUE}.")
    private String unfamiliar;

    @Option(
            names = "--target-accuracy",
            paramLabel = "A",
            description =
                    "Answers carry a decision: ACCEPT where this share of those that say so is right at least, else"
                            + " UNSURE; UNFAMILIAR; NO_GUARANTEE while labels are too few. With --link MC."
                            + " Default: no decision.")
    private Double targetAccuracy;

    @Option(
            names = "--confidence",
            paramLabel = "P",
            description = "With --target-accuracy: with this probability. Default: 0.95.")
    private Double confidence;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private BaseFormatOptions base;

    @Option(
            names = "--linger-ms",
            paramLabel = "N",
            defaultValue = "5",
            description =
                    "How long a question may wait for others to share its forward pass. Default: ${DEFAULT-VALUE}.")
    private int lingerMillis;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "How many take questions at once, on one copy of the model; each computes with an equal part of"
                            + " the cores, or of OMP_NUM_THREADS where that is set. Default: ${DEFAULT-VALUE}.")
    private int threads;

    @Option(names = "--create-topics", description = "Create topics that are missing.")
    private boolean createTopics;

    @Mixin
    @SuppressWarnings("UnusedVariable") // picocli fills it
    private NewTopicOptions newTopicOptions;

    @Mixin
    private MetricsOptions metricsOptions;

    @Mixin
    private ConnectionOptions connectionOptions;

    /** System property that the engine reads when it is loaded. */
    private static final String MATH_THREADS = "ai.djl.pytorch.num_threads";

    @Override
    public Integer call() throws Exception {
        ScorerSettings settings = settings();
        shareCores();
        Connection connection = connectionOptions.reachable();
        ServiceLines lines = new ServiceLines(new Output(spec));
        if (createTopics) {
            TopicAdmin.createMissing(connection).forEach(lines::warn);
        }
        try (ServiceTelemetry telemetry = ServiceTelemetry.open(metricsOptions.settings(), Telemetry.SCORER, lines)) {
            return score(connection, settings, lines, telemetry);
        }
    }

    private int score(Connection connection, ScorerSettings settings, ServiceLines lines, ServiceTelemetry telemetry)
            throws Exception {
        AtomicBoolean brokerAway = new AtomicBoolean();
        String group = settings.group(connection);
        ScorerListener progress = new ScoreProgress(lines::info, settings.answering());
        Optional<ScorerMeters> meters =
                telemetry.registry().map(registry -> new ScorerMeters(registry, connection.topics(), group));
        try (Scorer scorer = new Scorer(
                        connection, settings, meters.map(progress::and).orElse(progress));
                GroupLag lag = new GroupLag(
                        connection, group, List.of(connection.topics().questions()))) {
            meters.ifPresent(each -> telemetry.serve(
                    brokerAway,
                    scorer::obstacle,
                    () -> each.show(scorer.figures(), lag.byTopic(ServiceTelemetry.PATIENCE))));
            scorer.requireAccess();
            return UntilInterrupted.run(
                    scorer,
                    () -> BrokerWatch.during(connection, lines::warn, brokerAway, () -> {
                        scorer.run();
                        return ExitCode.OK;
                    }));
        }
    }

    /** Divides the cores among the scorer's threads; the engine starts a thread for every core by default. */
    private void shareCores() {
        if (threads > 1 && System.getenv("OMP_NUM_THREADS") == null && System.getProperty(MATH_THREADS) == null) {
            int part = Math.max(1, Runtime.getRuntime().availableProcessors() / threads);
            System.setProperty(MATH_THREADS, Integer.toString(part));
        }
    }

    /** The settings that the options describe. */
    ScorerSettings settings() {
        return new ScorerSettings(
                new ServingSettings(runs, model, base.format(), fit, device.device(), Optional.ofNullable(adapter)),
                new AnsweringSettings(
                        link,
                        points,
                        Tier.of("--tier", tier),
                        LabelFreeServing.of("--label-free", labelFree),
                        Unfamiliar.of("--unfamiliar", unfamiliar),
                        AnsweringSettings.target(targetAccuracy, confidence)),
                new PollSettings(batchSize, Duration.ofMillis(lingerMillis), threads));
    }
}
