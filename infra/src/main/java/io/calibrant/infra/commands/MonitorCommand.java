package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.monitor.Monitor;
import io.calibrant.infra.monitor.MonitorSettings;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.http.HostNames;
import java.util.List;
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
            "  calibrant monitor --port 0    # any free port; the first line on standard output says which",
            "  calibrant monitor --base-path /calibrant --allowed-hosts calibrant.example.org    # behind a proxy"
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

    @Option(
            names = "--base-path",
            paramLabel = "PATH",
            defaultValue = "",
            description = "Behind a reverse proxy: the path that it gives to the page, for example /calibrant.")
    private String basePath;

    @Option(
            names = "--allowed-hosts",
            paramLabel = "NAME",
            split = ",",
            description = "Names that the page answers to besides those of loopback, as a proxy passes them on;"
                    + " several with commas; * is any name.")
    private List<String> allowedHosts = List.of();

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        MonitorSettings settings = Usage.checked(
                spec, () -> new MonitorSettings(port, basePath, HostNames.of("--allowed-hosts", allowedHosts)));
        Connection connection = connectionOptions.reachable();
        AccessCheck.requireToRead(connection, spec.name());
        Output output = new Output(spec);
        CountDownLatch closed = new CountDownLatch(1);
        try (Monitor monitor = Monitor.start(connection, settings, output::note)) {
            return UntilInterrupted.run(closed::countDown, () -> {
                output.line(monitor.address().toString());
                output.note("the page is there until interrupted");
                closed.await();
                return ExitCode.OK;
            });
        }
    }
}
