package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.service.FitCleanup;
import io.calibrant.fitter.settings.StreamsSettings;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.TrainerFields;
import io.calibrant.infra.live.Age;
import io.calibrant.infra.live.RunsOverview;
import io.calibrant.infra.topics.FitRemoval;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.trainer.statistics.RunRemoval;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "runs",
        description = {
            "Lists the runs on the topics: whether their trainer is done, at work or SILENT, which is much longer"
                    + " without a word than it usually pauses; their checkpoints and fits.",
            "--delete removes a run: its adapters, what fitters have made of it, and its refits. A trainer that still"
                    + " sends it is stopped, and scorers do not answer with it any more. Its name is free then.",
            "Its statistics, questions and answers stay until their topics' retention drops them, and are not used"
                    + " any more."
        },
        footer = {
            "  calibrant runs --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant runs --delete news-1",
            "  calibrant train --run news-1 --replace-run ...   # the same, and another run of this name at once"
        })
final class RunsCommand implements Callable<Integer> {
    private static final List<String> HEADER =
            List.of("RUN", "STATE", "STARTED", "LAST HEARD", "TRAINER", "CHECKPOINTS", "FITS");

    @Spec
    private CommandSpec spec;

    @Option(names = "--delete", paramLabel = "RUN", description = "Remove this run with all that belongs to it.")
    private String delete;

    @Option(
            names = "--state-dir",
            paramLabel = "DIR",
            description = "With --delete: where refits of the run had their state. Default:"
                    + " ~/.local/state/calibrant/fitter.")
    private Path stateDir;

    @Option(names = "--json", description = "One object a run.")
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
        RunsOverview runs = RunsOverview.read(connection, output::note);
        if (delete != null) {
            return delete(output, connection, runs.names());
        }
        Instant now = Instant.now();
        List<List<String>> rows = new ArrayList<>();
        for (String run : runs.names()) {
            if (json) {
                output.json(object(runs, run, now));
            } else {
                rows.add(row(runs, run, now));
            }
        }
        if (!json) {
            output.table(HEADER, rows);
        }
        return ExitCode.OK;
    }

    private static ObjectNode object(RunsOverview runs, String run, Instant now) {
        ObjectNode object = Output.object();
        object.put("run", run);
        object.put("state", TrainerFields.state(runs.trainer(run), now));
        object.put("started", text(runs.started(run)));
        object.put("lastHeard", text(runs.lastHeard(run)));
        object.set("checkpoints", Output.json(runs.checkpoints(run)));
        object.set("fits", Output.json(runs.fits(run)));
        return object;
    }

    private static String text(Instant time) {
        return time == null ? null : time.toString();
    }

    private static List<String> row(RunsOverview runs, String run, Instant now) {
        return List.of(
                run,
                TrainerFields.state(runs.trainer(run), now),
                ago(runs.started(run), now),
                ago(runs.lastHeard(run), now),
                TrainerFields.words(runs.trainer(run), now),
                list(runs.checkpoints(run)),
                list(runs.fits(run)));
    }

    private static String ago(Instant time, Instant now) {
        return time == null ? "-" : Age.of(Duration.between(time, now)) + " ago";
    }

    private static String list(Set<String> names) {
        return names.isEmpty() ? "-" : String.join(", ", names);
    }

    private int delete(Output output, Connection connection, Set<String> known) {
        if (!known.contains(delete)) {
            throw new ConfigurationException(
                    "--delete",
                    delete,
                    known.isEmpty() ? "the name of a run, and there is none on the topics" : Require.choice(known));
        }
        List<String> refits =
                TopicReader.latest(connection, connection.topics().fits(), Fit.class, output::note).entrySet().stream()
                        .filter(each -> delete.equals(each.getValue().getRun()))
                        .map(Map.Entry::getKey)
                        .toList();
        for (String refit : refits) {
            int members = FitCleanup.members(connection, refit);
            if (members > 0) {
                throw new IllegalStateException("--delete: refit '" + refit + "' of run '" + delete + "' is running ("
                        + members + " threads in its consumer group): stop it first; one that died is forgotten after"
                        + " 6 s");
            }
        }
        AccessCheck.require(connection, RunRemoval.rights(connection));
        refits.forEach(refit -> FitsCommand.requireToDelete(connection, refit));
        Path state = stateDir == null ? StreamsSettings.defaultStateDir() : stateDir;
        for (String refit : refits) {
            FitCleanup.delete(connection, refit, state).forEach(each -> output.note("removed " + each));
        }
        // The run is known until all else is gone, so that whatever fails can be repeated.
        RunRemoval.remove(connection, delete).forEach((topic, records) -> {
            if (records > 0) {
                output.note("removed " + records + (records == 1 ? " record" : " records") + " of topic " + topic);
            }
        });
        refits.forEach(refit -> FitRemoval.name(connection, refit));
        output.note("run '" + delete + "' is deleted, and its name is free");
        return ExitCode.OK;
    }
}
