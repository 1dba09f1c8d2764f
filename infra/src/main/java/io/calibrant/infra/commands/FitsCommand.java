package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.labels.CalibrationWindow;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.fitter.service.FitCleanup;
import io.calibrant.fitter.settings.StreamsSettings;
import io.calibrant.infra.assessment.Assessment;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.AcceptanceFields;
import io.calibrant.infra.commands.output.CalibrationWords;
import io.calibrant.infra.commands.output.ObservedFields;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.PosteriorFields;
import io.calibrant.infra.commands.output.TrainerFields;
import io.calibrant.infra.live.Age;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.infra.live.RunsOverview;
import io.calibrant.infra.topics.FitRemoval;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicRecord;
import io.calibrant.scorer.answering.AnsweringSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "fits",
        description = {
            "Shows runs, checkpoints and fits as they are now, or removes a fit: its posteriors, factors and"
                    + " calibration records, its internal topics, its consumer group, its state on this machine, and"
                    + " at last its name.",
            "BATCHES is what is folded of what the pass has; PARTIAL: there will never be more. NOISE is that"
                    + " of a logit,"
                    + " which stands for the covariances of single questions; --json has the members that are averaged."
                    + " THRESHOLD: of the top probability, above which --target-accuracy is kept at tier all,"
                    + " or how many"
                    + " labels that takes."
        },
        footer = {
            "  calibrant fits --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant fits --json | grep '\"state\":\"COMPLETE\"'",
            "  calibrant fits --delete rank20            # in every run; refused while its fitter runs",
            "  calibrant fits --delete layerwise --force # a live fit, too"
        })
final class FitsCommand implements Callable<Integer> {
    private static final List<String> HEADER = List.of(
            "RUN",
            "CHECKPOINT",
            "FIT",
            "STATE",
            "VERSION",
            "BATCHES",
            "LAMBDA",
            "LOG EVIDENCE",
            "EFF. PARAMETERS",
            "TEMPERATURE",
            "VARIANCE SCALE",
            "NOISE",
            "LABELS",
            "THRESHOLD",
            "CALIBRATION",
            "CAPTURED ENERGY",
            "LAST HEARD",
            "TRAINER");

    @Spec
    private CommandSpec spec;

    @Option(names = "--delete", paramLabel = "NAME", description = "Remove the fit of this name from every run.")
    private String delete;

    @Option(names = "--force", description = "With --delete: also a live fit, one that 'fit' made and not 'refit'.")
    private boolean force;

    @Option(
            names = "--state-dir",
            paramLabel = "DIR",
            description = "With --delete: where its fitter had its state. Default: ~/.local/state/calibrant/fitter.")
    private Path stateDir;

    @Option(
            names = "--target-accuracy",
            paramLabel = "A",
            defaultValue = "0.95",
            description = "The target of the thresholds that are shown. Default: ${DEFAULT-VALUE}.")
    private double targetAccuracy;

    @Option(
            names = "--confidence",
            paramLabel = "P",
            defaultValue = "0.95",
            description = "With this probability. Default: ${DEFAULT-VALUE}.")
    private double confidence;

    @Option(names = "--json", description = "One object a fit.")
    private boolean json;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        if (delete != null) {
            Require.name("--delete", delete);
        }
        TargetAccuracy target = Usage.checked(
                spec, () -> AnsweringSettings.target(targetAccuracy, confidence).orElseThrow());
        Output output = new Output(spec);
        Connection connection = connectionOptions.reachable();
        RunsOverview runs = RunsOverview.read(connection, output::note);
        List<TopicRecord<Posterior>> posteriors = new ArrayList<>(runs.posteriors());
        posteriors.sort(Comparator.comparing(
                        (TopicRecord<Posterior> each) -> each.value().getRunId())
                .thenComparing(each -> each.value().getCheckpoint())
                .thenComparing(each -> each.value().getFit()));
        TopicAdmin.require(connection, connection.topics().fits());
        Map<String, Fit> names =
                TopicReader.latest(connection, connection.topics().fits(), Fit.class, output::note);
        if (delete != null) {
            return delete(
                    output,
                    connection,
                    posteriors.stream().map(TopicRecord::value).toList(),
                    names);
        }
        Map<String, CalibrationMetrics> totals = TopicReader.latest(
                connection, connection.topics().calibration(), CalibrationMetrics.class, output::note);
        Instant now = Instant.now();
        if (json) {
            posteriors.forEach(each -> {
                Posterior posterior = each.value();
                ObjectNode object = PosteriorFields.object(posterior, target);
                object.put("refit", isRefit(names.get(posterior.getFit())));
                object.put("lastHeard", Instant.ofEpochMilli(each.timestamp()).toString());
                object.put("trainer", TrainerFields.state(runs.trainer(posterior.getRunId()), now));
                ObservedFields.put(object, posterior, observed(posterior, totals));
                output.json(object);
            });
        } else {
            table(output, runs, posteriors, names, now, target);
            posteriors.forEach(each -> words(output, each.value(), observed(each.value(), totals)));
        }
        return ExitCode.OK;
    }

    private static Observed observed(Posterior posterior, Map<String, CalibrationMetrics> totals) {
        return Observed.of(totals.get(Keys.calibration(
                posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit(), CalibrationWindow.TOTAL)));
    }

    private static void words(Output output, Posterior posterior, Observed observed) {
        output.line("");
        output.line(Keys.fit(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit()) + ":");
        Assessment.sentences(posterior, observed).forEach(sentence -> output.line("  " + sentence));
    }

    private static boolean isRefit(Fit settings) {
        return settings != null && settings.getRun() != null;
    }

    private int delete(Output output, Connection connection, List<Posterior> posteriors, Map<String, Fit> names) {
        List<Posterior> doomed = posteriors.stream()
                .filter(posterior -> posterior.getFit().equals(delete))
                .toList();
        if (doomed.isEmpty() && !names.containsKey(delete) && !FitCleanup.isThere(connection, delete)) {
            TreeSet<String> there = new TreeSet<>(names.keySet());
            posteriors.forEach(posterior -> there.add(posterior.getFit()));
            throw new ConfigurationException("--delete", delete, Require.choice(there));
        }
        if (!isRefit(names.get(delete)) && !force) {
            throw new ConfigurationException(
                    "--delete", delete, "a refit, or a live fit with --force: scorers may be serving a live one");
        }
        int members = FitCleanup.members(connection, delete);
        if (members > 0) {
            throw new IllegalStateException("--delete: fit '" + delete + "' is running (" + members
                    + " threads in its consumer group): stop it first; one that died is forgotten after 6 s");
        }
        requireToDelete(connection, delete);
        int measured = FitRemoval.results(connection, delete, doomed);
        doomed.forEach(posterior -> output.note(
                "removed " + Keys.fit(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit())));
        if (measured > 0) {
            output.note("removed " + measured + " records of topic "
                    + connection.topics().calibration());
        }
        Path state = stateDir == null ? StreamsSettings.defaultStateDir() : stateDir;
        FitCleanup.delete(connection, delete, state).forEach(each -> output.note("removed " + each));
        FitRemoval.name(connection, delete);
        return ExitCode.OK;
    }

    /** Before anything is removed. */
    static void requireToDelete(Connection connection, String fit) {
        List<AccessRight> rights = new ArrayList<>(FitRemoval.rights(connection));
        rights.addAll(FitCleanup.rights(connection, fit));
        AccessCheck.require(connection, rights);
    }

    private static void table(
            Output output,
            RunsOverview runs,
            List<TopicRecord<Posterior>> posteriors,
            Map<String, Fit> names,
            Instant now,
            TargetAccuracy target) {
        List<List<String>> rows = new ArrayList<>();
        for (TopicRecord<Posterior> record : posteriors) {
            Posterior each = record.value();
            rows.add(List.of(
                    each.getRunId(),
                    each.getCheckpoint(),
                    each.getFit(),
                    each.getState() + PosteriorFields.waiting(each),
                    Long.toString(each.getVersion()),
                    PosteriorFields.batches(each),
                    PosteriorFields.lambda(each),
                    Output.number(each.getLogEvidence()),
                    Output.number(each.getEffectiveParameters()),
                    Output.number(each.getTemperature()),
                    Output.number(each.getVarianceScale()),
                    Output.number(PosteriorFields.noise(each)),
                    Long.toString(each.getLabels()),
                    AcceptanceFields.cell(each, target),
                    CalibrationWords.of(each.getCalibration()),
                    Output.number(each.getCapturedEnergy()),
                    ago(Instant.ofEpochMilli(record.timestamp()), now),
                    TrainerFields.words(runs.trainer(each.getRunId()), now)));
        }
        for (String run : runs.names()) {
            if (runs.fits(run).isEmpty()) {
                Instant heard = runs.lastHeard(run);
                rows.add(withoutPosterior(
                        run, "-", "-", "no fit yet", heard == null ? "-" : ago(heard, now), runs.trainer(run), now));
            }
        }
        names.forEach((name, settings) -> {
            if (isRefit(settings)
                    && posteriors.stream()
                            .noneMatch(each -> each.value().getFit().equals(name))) {
                String checkpoint = settings.getCheckpoint() == null ? "-" : settings.getCheckpoint();
                String run = settings.getRun();
                rows.add(withoutPosterior(
                        run, checkpoint, name, "begun", ago(settings.getCreatedAt(), now), runs.trainer(run), now));
            }
        });
        output.table(HEADER, rows);
    }

    private static String ago(Instant time, Instant now) {
        return Age.of(Duration.between(time, now)) + " ago";
    }

    private static List<String> withoutPosterior(
            String run, String checkpoint, String fit, String state, String heard, RunHistory trainer, Instant now) {
        List<String> row = new ArrayList<>(List.of(run, checkpoint, fit, state));
        row.addAll(Collections.nCopies(HEADER.size() - row.size() - 2, "-"));
        row.add(heard);
        row.add(TrainerFields.words(trainer, now));
        return row;
    }
}
