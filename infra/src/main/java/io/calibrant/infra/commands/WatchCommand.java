package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.WatchObjects;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.infra.watch.Watch;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "watch",
        description = {
            "Shows a run while it proceeds, in the terminal, until interrupted: loss, learning rate, coverage, lag;"
                    + " lambda, log evidence, effective parameters; of every block the spectrum (bars over four"
                    + " decades), captured energy, delta and n.",
            "It takes the whole terminal: a wide one has the loss curve beside the figures and longer"
                    + " spectra, a tall one"
                    + " more blocks. Blocks that do not fit are shown together by layer, or one by one with"
                    + " b. Reads Kafka"
                    + " only.",
            "Keys on a terminal: q quits; b shows blocks one by one or together; the arrows, page up and page down"
                    + " scroll."
        },
        footer = {
            "  calibrant watch --run news-1 --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant watch --run news-1 --checkpoint final --fit layerwise",
            "  calibrant watch --run news-1 --jsonl | jq 'select(.update == \"posterior\") | .lambda'"
        })
final class WatchCommand implements Callable<Integer> {
    private static final List<String> WHEN = List.of("auto", "always", "never");

    @Spec
    private CommandSpec spec;

    @Option(names = "--run", required = true, paramLabel = "R", description = "The run to watch.")
    private String run;

    @Option(
            names = "--checkpoint",
            paramLabel = "C",
            description = "Only this checkpoint of it. Default: that which changed last.")
    private String checkpoint;

    @Option(names = "--fit", paramLabel = "F", description = "Only this fit of it. Default: that which changed last.")
    private String fit;

    @Option(
            names = "--jsonl",
            description =
                    "One object an update, of every checkpoint and fit unless they are named: what is now, then what"
                            + " comes; 'update' says which kind: progress, factors or posterior.")
    private boolean jsonl;

    @Option(
            names = "--color",
            paramLabel = "WHEN",
            defaultValue = "auto",
            description = "Colours: auto, always or never; auto: on a terminal, unless NO_COLOR is set. Default:"
                    + " ${DEFAULT-VALUE}.")
    private String color;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        Usage.check(spec, () -> Require.that(WHEN.contains(color), "--color", color, "auto, always or never"));
        Connection connection = connectionOptions.reachable();
        AccessCheck.requireToRead(connection, spec.name());
        AtomicBoolean interrupted = new AtomicBoolean();
        CountDownLatch ended = new CountDownLatch(1);
        AutoCloseable stop = () -> {
            interrupted.set(true);
            ended.await();
        };
        Output output = new Output(spec);
        Watch watch =
                new Watch(connection, run, checkpoint, fit, () -> interrupted.get() || output.broken(), output::note);
        return UntilInterrupted.run(stop, () -> {
            try {
                if (jsonl) {
                    watch.updates(new Printer(output));
                } else {
                    watch.table(spec.commandLine().getOut(), colours(System.getenv()));
                }
                return ExitCode.OK;
            } finally {
                ended.countDown();
            }
        });
    }

    private boolean colours(Map<String, String> environment) {
        return switch (color) {
            case "always" -> true;
            case "never" -> false;
            default -> Watch.onTerminal() && Watch.wantsColours(environment);
        };
    }

    /** Prints every update as an object until standard output is closed. */
    private record Printer(Output output) implements Watch.Updates {
        @Override
        public boolean progress(Progress progress) {
            return print(WatchObjects.progress(progress));
        }

        @Override
        public boolean factors(FactorUpdate update, Double lagSeconds) {
            return print(WatchObjects.factors(update, lagSeconds));
        }

        @Override
        public boolean posterior(Posterior posterior, FitHistory of, RunHistory trainer) {
            return print(WatchObjects.posterior(posterior, of, trainer));
        }

        private boolean print(ObjectNode object) {
            output.json(object);
            return !output.broken();
        }
    }
}
