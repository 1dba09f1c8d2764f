package io.calibrant.infra.commands;

import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.LabelSettings;
import io.calibrant.fitter.settings.PriorSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.fitter.settings.StreamsSettings;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.NameChecks;
import io.calibrant.infra.commands.options.NewTopicOptions;
import io.calibrant.infra.commands.options.PriorOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.RefitOutcome;
import io.calibrant.infra.commands.output.RefitPlanPrinter;
import io.calibrant.infra.commands.output.RefitProgress;
import io.calibrant.infra.refit.Planner;
import io.calibrant.infra.refit.RefitPlan;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.reading.BrokerWatch;
import io.calibrant.schemas.reading.TopicReading;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "refit",
        description = {
            "Makes another fit of a run from its statistics on the topic, beside the live fit and without"
                    + " touching it: with another rank, compression or prior, or without some of the data.",
            "Unless --execute is given it only says what it would read and about how long it would take."
                    + " Interrupted, the same command goes on; finished, it says so, and calibrates on the labels"
                    + " that have come since.",
            "Exit code 1 and nothing written where the name stands for other settings, or the statistics cannot"
                    + " give what is asked for."
        },
        footer = {
            "  calibrant refit --run news-1 --as rank20 --rank 20              # what it would read",
            "  calibrant refit --run news-1 --as rank20 --rank 20 --execute",
            "  calibrant refit --run news-1 --as without1 --exclude-source 1/3 --execute",
            "  calibrant score --run news-1 --model DIR --fit rank20           # serve it beside the other"
        })
final class RefitCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--run", paramLabel = "R", required = true, description = "The run.")
    private String run;

    @Option(names = "--as", paramLabel = "NAME", required = true, description = "Name of the new fit.")
    private String name;

    @Option(
            names = "--checkpoint",
            paramLabel = "C",
            description = "Of this checkpoint only. Default: of all that have statistics on the topic.")
    private String checkpoint;

    @Option(
            names = "--rank",
            paramLabel = "K",
            description =
                    "Columns to keep of a large side, at most as many as a statistic has rows (twice the rank of the"
                            + " run). Default: the run's.")
    private Integer rank;

    @Option(
            names = "--compression",
            defaultValue = "TRUNCATE",
            description = "${COMPLETION-CANDIDATES}, as of 'fit'. Default: ${DEFAULT-VALUE}.")
    private Compression compression;

    @Mixin
    private PriorOptions priorOptions;

    @Option(
            names = "--residual",
            defaultValue = "on",
            paramLabel = "on|off",
            description = "The isotropic residual off the kept columns; off is the paper. Default: ${DEFAULT-VALUE}.")
    private String residual;

    @Option(
            names = "--from",
            paramLabel = "BATCH",
            defaultValue = "0",
            description = "The first batch of the pass. Default: its first.")
    private long from;

    @Option(names = "--to", paramLabel = "BATCH", description = "The last batch of the pass. Default: its last.")
    private Long to;

    @Option(
            names = "--to-datetime",
            paramLabel = "T",
            description = "Only what was sent before T, for example 2026-11-25T10:20:00 (UTC) or ...+02:00.")
    private String toDatetime;

    @Option(
            names = "--exclude-source",
            paramLabel = "S",
            description = "Without what this source sent: 1/3 for 'train --shard 1/3'; may be given several times.")
    private List<String> excludedSources = new ArrayList<>();

    @Option(
            names = "--allow-partial",
            description = "Take what is left where retention has dropped a part of the pass. The posterior is PARTIAL"
                    + " for ever; scorers serve it to those who name it.")
    private boolean allowPartial;

    @Option(names = "--execute", description = "Do it.")
    private boolean execute;

    @Option(
            names = "--state-dir",
            paramLabel = "DIR",
            description = "State stores, as of 'fit'. Default: ~/.local/state/calibrant/fitter.")
    private Path stateDir;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "2",
            description = "Stream threads. Default: ${DEFAULT-VALUE}.")
    private int threads;

    @Option(
            names = "--json",
            description = "One object: what would be read; with --execute one for each checkpoint, as of 'fits'.")
    private boolean json;

    @Mixin
    @SuppressWarnings("UnusedVariable") // picocli fills it
    private NewTopicOptions newTopicOptions;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        FitterSettings settings = settings(Instant.now());
        Connection connection = connectionOptions.reachable();
        Output output = new Output(spec);
        RefitPlan plan = new Planner(connection, settings, allowPartial, output::note).plan();
        if (!execute) {
            RefitPlanPrinter printer = new RefitPlanPrinter(run, name);
            if (json) {
                output.json(printer.object(plan));
            } else {
                printer.describe(output, connection.topics().statistics(), plan);
            }
            return ExitCode.OK;
        }
        boolean wasDone = plan.begun() && RefitOutcome.isDone(posteriors(connection, output), plan);
        output.note((plan.begun() ? wasDone ? "looking for new labels: " : "going on: " : "")
                + RefitPlanPrinter.summary(plan));
        RefitProgress progress = new RefitProgress(output::note, System::nanoTime, plan.checkpoints());
        try (Fitter fitter = new Fitter(connection, plan.settings(), progress)) {
            AtomicBoolean replayed = new AtomicBoolean();
            int code = UntilInterrupted.job(
                    fitter,
                    () -> {
                        fitter.start();
                        return BrokerWatch.during(connection, output::note, () -> {
                            fitter.awaitReplayed();
                            replayed.set(true);
                            return ExitCode.OK;
                        });
                    },
                    () -> replayed.get()
                            ? Optional.empty()
                            : Optional.of("interrupted before fit '" + name + "' was complete: the same command goes on"
                                    + " where it stopped"),
                    line -> output.note(spec.qualifiedName() + ": " + line));
            if (code != ExitCode.OK) {
                return code;
            }
        }
        List<Posterior> made = posteriors(connection, output);
        for (Posterior each : made) {
            if (json) {
                output.json(RefitOutcome.object(each, wasDone));
            } else {
                output.line(RefitOutcome.describe(each, wasDone));
            }
        }
        if (!RefitOutcome.isDone(made, plan)) {
            output.note("note: not all that is selected has become a posterior: "
                    + (plan.missing().isEmpty()
                            ? "see topic " + connection.topics().fitterDeadLetters()
                            : "batches have not come yet; the same command takes them in when they have"));
        }
        return ExitCode.OK;
    }

    /** The settings that the options describe. */
    FitterSettings settings(Instant now) {
        Require.name("--as", name);
        NameChecks.newFit("--as", name);
        Usage.check(spec, () -> {
            Require.that(to == null || toDatetime == null, "--to-datetime", toDatetime, "left out where --to is given");
            Require.oneOf("--residual", residual, List.of("on", "off"));
        });
        StatisticsSelection selection = new StatisticsSelection(
                run,
                checkpoint,
                from,
                to == null ? Long.MAX_VALUE : to,
                toDatetime == null ? Long.MAX_VALUE : before(toDatetime, now),
                Set.copyOf(excludedSources),
                rank,
                Map.of());
        return new FitterSettings(
                name,
                compression,
                new PriorSettings(
                        priorOptions.structure(), priorOptions.mean(), PriorObjective.EVIDENCE, residual.equals("on")),
                LabelSettings.defaults(),
                StreamsSettings.defaults()
                        .withStateDir(stateDir == null ? StreamsSettings.defaultStateDir() : stateDir)
                        .withThreads(threads),
                selection);
    }

    private static long before(String text, Instant now) {
        Instant time;
        try {
            time = text.matches(".*(Z|[+-]\\d\\d:?\\d\\d)$")
                    ? OffsetDateTime.parse(text).toInstant()
                    : LocalDateTime.parse(text).toInstant(ZoneOffset.UTC);
        } catch (DateTimeParseException e) {
            throw new ConfigurationException("--to-datetime", text, "a time, for example 2026-11-25T10:20:00 (UTC)", e);
        }
        Require.that(!time.isAfter(now), "--to-datetime", text, "a time that has passed");
        return time.toEpochMilli();
    }

    private List<Posterior> posteriors(Connection connection, Output output) {
        return TopicReading.of(connection)
                .badRecords(output::note)
                .throughOutages(output::note)
                .latest(connection.topics().posteriors(), Posterior.class)
                .values()
                .stream()
                .filter(posterior -> posterior.getFit().equals(name))
                .sorted(java.util.Comparator.comparing(Posterior::getCheckpoint))
                .toList();
    }
}
