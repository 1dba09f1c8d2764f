package io.calibrant.infra.commands;

import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.LabelSettings;
import io.calibrant.fitter.settings.PriorSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.fitter.settings.StreamsSettings;
import io.calibrant.fitter.telemetry.FitterMeters;
import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.MetricsOptions;
import io.calibrant.infra.commands.options.NameChecks;
import io.calibrant.infra.commands.options.NewTopicOptions;
import io.calibrant.infra.commands.options.PriorOptions;
import io.calibrant.infra.commands.output.FitProgress;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.ServiceLines;
import io.calibrant.infra.telemetry.Telemetry;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.reading.BrokerWatch;
import java.nio.file.Path;
import java.time.Duration;
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
        name = "fit",
        description = {
            "The fitter: folds the statistics of all runs into Kronecker factors and chooses the prior precision.",
            "Joins answers with labels, measures how well they are calibrated, and calibrates on those for validation.",
            "A service: runs until interrupted. Several of the same --fit share the work."
        },
        footer = {
            "  calibrant fit --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant fit --fit layerwise --prior layerwise --state-dir /var/lib/calibrant/layerwise",
            "  calibrant fit --metrics-port 9464   # http://127.0.0.1:9464/metrics, /health/ready"
        })
final class FitCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--state-dir",
            paramLabel = "DIR",
            description =
                    "State stores; may be deleted while the fitter is down. Default: ~/.local/state/calibrant/fitter.")
    private Path stateDir;

    @Option(
            names = "--fit",
            paramLabel = "NAME",
            defaultValue = FitterSettings.DEFAULT_FIT,
            description = "Name of the fit; a new name starts from the earliest statistics. Default: ${DEFAULT-VALUE}.")
    private String fit;

    @Mixin
    private PriorOptions priorOptions;

    @Option(
            names = "--prior-objective",
            defaultValue = "EVIDENCE",
            description =
                    "What the prior precision maximises: the evidence, or the likelihood of the validation labels as"
                            + " soon as there are any: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private PriorObjective objective;

    @Option(
            names = "--calibration-window",
            paramLabel = "MINUTES",
            defaultValue = "60",
            description = "Length of a window of the topic calibration. Default: ${DEFAULT-VALUE}.")
    private long calibrationWindow;

    @Option(
            names = "--retention",
            paramLabel = "DAYS",
            defaultValue = "90",
            description =
                    "How long an answer waits for its label, and a label for its answer; sensibly as long as their"
                            + " topics keep them. Default: ${DEFAULT-VALUE}.")
    private long retention;

    @Option(
            names = "--drift-expected-run-length",
            paramLabel = "QUESTIONS",
            defaultValue = "" + LabelSettings.DEFAULT_EXPECTED_RUN_LENGTH,
            description = "Questions expected until the alarm that they are of another kind is raised without cause."
                    + " Default: ${DEFAULT-VALUE}.")
    private long driftExpectedRunLength;

    @Option(
            names = "--compression",
            defaultValue = "TRUNCATE",
            description =
                    "How a large side is kept in few columns: the best of them after every batch, or twice as many"
                            + " with a bound on what is removed: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private Compression compression;

    @Option(
            names = "--no-residual",
            description = "Without the isotropic residual off the kept columns (as in the paper).")
    private boolean noResidual;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "2",
            description = "Stream threads. Default: ${DEFAULT-VALUE}.")
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

    @Override
    public Integer call() throws Exception {
        FitterSettings settings = settings();
        Connection connection = connectionOptions.connection();
        ServiceLines lines = new ServiceLines(new Output(spec));
        try (ServiceTelemetry telemetry = ServiceTelemetry.open(metricsOptions.settings(), Telemetry.FITTER, lines)) {
            return fit(connection, settings, lines, telemetry);
        }
    }

    private int fit(Connection connection, FitterSettings settings, ServiceLines lines, ServiceTelemetry telemetry)
            throws Exception {
        AtomicBoolean brokerAway = new AtomicBoolean();
        FitterListener progress = new FitProgress(lines::info, System::nanoTime);
        Optional<FitterMeters> meters =
                telemetry.registry().map(registry -> new FitterMeters(registry, settings.fit(), connection.topics()));
        try (Fitter fitter =
                new Fitter(connection, settings, meters.map(progress::and).orElse(progress))) {
            telemetry.registry().ifPresent(fitter::bindTo);
            meters.ifPresent(each -> telemetry.serve(
                    brokerAway, fitter::obstacle, () -> each.show(fitter.figures(ServiceTelemetry.PATIENCE))));
            return UntilInterrupted.run(fitter, () -> {
                fitter.start();
                lines.info("fitting '" + fit + "' until interrupted, state in "
                        + settings.streaming().stateDir());
                return BrokerWatch.during(connection, lines::warn, brokerAway, () -> {
                    fitter.await();
                    return ExitCode.OK;
                });
            });
        }
    }

    /** The settings that the options describe. */
    FitterSettings settings() {
        NameChecks.newFit("--fit", fit);
        return new FitterSettings(
                fit,
                compression,
                new PriorSettings(priorOptions.structure(), priorOptions.mean(), objective, !noResidual),
                new LabelSettings(
                        Duration.ofMinutes(calibrationWindow), Duration.ofDays(retention), driftExpectedRunLength),
                StreamsSettings.defaults()
                        .withStateDir(stateDir == null ? StreamsSettings.defaultStateDir() : stateDir)
                        .withThreads(threads)
                        .withCreateTopics(createTopics),
                StatisticsSelection.ALL);
    }
}
