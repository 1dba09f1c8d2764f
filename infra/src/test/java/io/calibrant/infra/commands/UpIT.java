package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.ReachabilityCheck;
import io.calibrant.testing.ProcessTree;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code up} as a process of its own. Its temporary directory lies where the test can see what is left of it. */
class UpIT {
    private static final long LIMIT_SECONDS = 90;

    @TempDir
    private Path dir;

    private Process up;

    @AfterEach
    void end() {
        if (up != null) {
            ProcessTree.kill(up);
        }
    }

    @Test
    void shouldServeUntilInterruptedAndLeaveNothing() throws Exception {
        start();
        JsonNode where = new ObjectMapper().readTree(up.inputReader().readLine());
        ReachabilityCheck.check(Connection.to(
                where.get("bootstrapServer").asText(),
                where.get("schemaRegistry").asText()));
        ProcessHandle registry = up.children().findFirst().orElseThrow();

        up.toHandle().destroy(); // Process.destroy would close what it said as well

        shouldEnd(0, registry);
    }

    @Test
    void shouldLeaveNothingWhereItIsInterruptedWhileItStarts() throws Exception {
        start();
        // Its first child is the registry, which takes seconds to answer.
        await().atMost(LIMIT_SECONDS, TimeUnit.SECONDS)
                .until(() -> up.children().findAny().isPresent());
        ProcessHandle registry = up.children().findFirst().orElseThrow();

        up.toHandle().destroy(); // Process.destroy would close what it said as well

        shouldEnd(0, registry);
        assertThat(up.inputReader().readLine())
                .as("the first line says that both answer")
                .isNull();
        assertThat(up.errorReader().lines()).isEmpty();
    }

    @Test
    void shouldLeaveNothingWhereItCannotStart() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            start("--port", Integer.toString(taken.getLocalPort()));

            shouldEnd(1, null);

            assertThat(up.errorReader().lines())
                    .singleElement()
                    .asString()
                    .startsWith("calibrant up: broker: port " + taken.getLocalPort() + " cannot be used");
        }
    }

    private void start(String... flags) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Djava.io.tmpdir=" + dir,
                "-cp",
                System.getProperty("java.class.path"),
                Calibrant.class.getName(),
                "up"));
        command.addAll(List.of(flags));
        up = new ProcessBuilder(command).start();
    }

    private void shouldEnd(int code, ProcessHandle registry) throws Exception {
        assertThat(up.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(up.exitValue()).isEqualTo(code);
        if (registry != null) {
            registry.onExit().get(LIMIT_SECONDS, TimeUnit.SECONDS);
        }
        try (Stream<Path> left = Files.list(dir)) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .noneMatch(name -> name.startsWith("calibrant-up-"));
        }
    }
}
