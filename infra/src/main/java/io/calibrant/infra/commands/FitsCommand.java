package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.service.FitCleanup;
import io.calibrant.fitter.settings.StreamsSettings;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.output.CalibrationWords;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.PosteriorFields;
import io.calibrant.infra.topics.FitRemoval;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReader;
import java.nio.file.Path;
import java.util.ArrayList;
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
            "BATCHES is what is folded of what the pass has; PARTIAL: there will never be more."
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
            "LABELS",
            "CALIBRATION",
            "CAPTURED ENERGY");

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

    @Option(names = "--json", description = "One object a fit.")
    private boolean json;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        if (delete != null) {
            Require.name("--delete", delete);
        }
        Output output = new Output(spec);
        Connection connection = connectionOptions.reachable();
        List<Posterior> posteriors = new ArrayList<>(
                TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, output::note)
                        .values());
        posteriors.sort(Comparator.comparing(Posterior::getRunId)
                .thenComparing(Posterior::getCheckpoint)
                .thenComparing(Posterior::getFit));
        TopicAdmin.require(connection, connection.topics().fits());
        Map<String, Fit> names =
                TopicReader.latest(connection, connection.topics().fits(), Fit.class, output::note);
        if (delete != null) {
            return delete(output, connection, posteriors, names);
        }
        if (json) {
            posteriors.forEach(posterior -> {
                ObjectNode object = PosteriorFields.object(posterior);
                object.put("refit", isRefit(names.get(posterior.getFit())));
                output.json(object);
            });
        } else {
            table(output, connection, posteriors, names);
        }
        return ExitCode.OK;
    }

    private static boolean isRefit(Fit settings) {
        return settings != null && settings.getRun() != null;
    }

    private int delete(Output output, Connection connection, List<Posterior> posteriors, Map<String, Fit> names) {
        List<Posterior> doomed = posteriors.stream()
                .filter(posterior -> posterior.getFit().equals(delete))
                .toList();
        if (doomed.isEmpty() && !names.containsKey(delete)) {
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

    private static void table(
            Output output, Connection connection, List<Posterior> posteriors, Map<String, Fit> names) {
        List<List<String>> rows = new ArrayList<>();
        for (Posterior each : posteriors) {
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
                    Long.toString(each.getLabels()),
                    CalibrationWords.of(each.getCalibration()),
                    Output.number(each.getCapturedEnergy())));
        }
        Map<String, Run> runs =
                TopicReader.latest(connection, connection.topics().runs(), Run.class, output::note);
        for (String run : runs.keySet()) {
            if (posteriors.stream().noneMatch(posterior -> posterior.getRunId().equals(run))) {
                rows.add(List.of(run, "-", "-", "no fit yet", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"));
            }
        }
        names.forEach((name, settings) -> {
            if (isRefit(settings)
                    && posteriors.stream().noneMatch(each -> each.getFit().equals(name))) {
                String checkpoint = settings.getCheckpoint() == null ? "-" : settings.getCheckpoint();
                rows.add(List.of(
                        settings.getRun(),
                        checkpoint,
                        name,
                        "begun",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-"));
            }
        });
        output.table(HEADER, rows);
    }
}
