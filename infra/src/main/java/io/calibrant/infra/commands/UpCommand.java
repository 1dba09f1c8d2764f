package io.calibrant.infra.commands;

import io.calibrant.cluster.Cluster;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.schemas.Require;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "up",
        description = {
            "Runs a Kafka broker and a schema registry on loopback until interrupted.",
            "The first line on standard output, once both answer, is a JSON object with bootstrapServer and"
                    + " schemaRegistry."
        },
        footer = {
            "  calibrant up                                      in a directory that is deleted at the end",
            "  calibrant up --dir data --port 9092 --registry-port 8081",
            "  calibrant up --dir data &  # records and schemas of an earlier run are there again"
        })
final class UpCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Holds records and schemas, and is opened again next time. Default: a temporary one.")
    private Path dir;

    @Option(names = "--port", paramLabel = "N", defaultValue = "0", description = "The broker's port; 0: a free one.")
    private int port;

    @Option(
            names = "--registry-port",
            paramLabel = "N",
            defaultValue = "0",
            description = "The registry's port; 0: a free one.")
    private int registryPort;

    @Override
    public Integer call() throws Exception {
        Usage.check(spec, () -> {
            Require.between("--port", port, 0, 65_535);
            Require.between("--registry-port", registryPort, 0, 65_535);
        });
        Output output = new Output(spec);
        Path home = dir != null ? dir : Files.createTempDirectory("calibrant-up-");
        CountDownLatch closed = new CountDownLatch(1);
        Cluster cluster = Cluster.in(home, port, registryPort);
        AutoCloseable service = () -> {
            cluster.close();
            if (dir == null) {
                delete(home);
            }
            closed.countDown();
        };
        try {
            return UntilInterrupted.run(service, () -> {
                cluster.start();
                output.json(Output.object()
                        .put("bootstrapServer", cluster.bootstrapServers())
                        .put("schemaRegistry", cluster.schemaRegistry()));
                output.note("broker and registry run until interrupted, state in " + home);
                closed.await();
                return ExitCode.OK;
            });
        } catch (Exception e) {
            service.close();
            throw e;
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }
}
