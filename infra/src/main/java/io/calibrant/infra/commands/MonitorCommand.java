package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.monitor.Monitor;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "monitor",
        description = {
            "A web page on loopback, until interrupted: runs, checkpoints and fits; the energy that each block's"
                    + " factors capture; lambda, log evidence, effective parameters and loss; answers, how well"
                    + " calibrated they are, and dead letters.",
            "Reads Kafka only and keeps nothing: several can run, and each shows what is on the topics."
        },
        footer = {
            "  calibrant monitor --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant monitor --port 0    # any free port; the first line on standard output says which"
        })
final class MonitorCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "8077",
            description = "Default: ${DEFAULT-VALUE}; 0: a free one.")
    private int port;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        Usage.check(spec, () -> Require.between("--port", port, 0, 65_535));
        Connection connection = connectionOptions.reachable();
        AccessCheck.requireToRead(connection, spec.name());
        Output output = new Output(spec);
        CountDownLatch closed = new CountDownLatch(1);
        try (Monitor monitor = Monitor.start(connection, port, output::note)) {
            return UntilInterrupted.run(closed::countDown, () -> {
                output.line(monitor.address().toString());
                output.note("the page is there until interrupted");
                closed.await();
                return ExitCode.OK;
            });
        }
    }
}
