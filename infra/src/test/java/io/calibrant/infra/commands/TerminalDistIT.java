package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.infra.live.PlantedRun;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.testing.ProcessTree;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code watch} on a real terminal, which {@code script} of util-linux brings. */
class TerminalDistIT extends OnOneCluster {
    private static final Path SCRIPT = Path.of("/usr/bin/script");
    private static final Pattern TERMINAL = Pattern.compile("/dev/pts/\\d+");
    private static final int CONTROL_Z = 26;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private Path dir;

    private Process script;

    @AfterEach
    void end() {
        if (script != null) {
            ProcessTree.kill(script);
        }
    }

    @Test
    void shouldFillItFollowItsSizeAndObeyItsKeys() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(SCRIPT), "there is no " + SCRIPT + " (util-linux)");
        TopicAdmin.createMissing(connection);
        PlantedRun run = new PlantedRun(connection, "r1");
        run.description();
        for (int step = 1; step <= 100; step += 9) {
            run.step(step, 2.0 / step);
        }
        run.fold(4);
        run.posterior(4, 2.5, -40);

        start("", "watch --run r1", "echo code $?; stty -a");
        seen("⠉|⠢|⠤|⣀", "step 1 +100", "q quit", "\\u001b\\[1;1H\\u001b\\[1mrun r1", "\\u001b\\[33m█");
        assertThat(written()).doesNotContain("TRACE");

        Matcher terminal = TERMINAL.matcher(written());
        assertThat(terminal.find()).isTrue();
        assertThat(new ProcessBuilder("stty", "-F", terminal.group(), "rows", "50", "cols", "140")
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
        seen("TRACE");

        OutputStream keys = script.getOutputStream();
        keys.write('q');
        keys.flush();
        assertThat(script.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        // The terminal is as it was: lines with echo.
        assertThat(written()).contains("code 0").containsPattern("[^-]icanon").containsPattern("[^-]echo ");
    }

    /** Ctrl-Z, bg, kill: whoever sets a terminal from the background is stopped, and would stand there for ever. */
    @Test
    void shouldEndInTheBackground() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(SCRIPT), "there is no " + SCRIPT + " (util-linux)");
        TopicAdmin.createMissing(connection);
        PlantedRun run = new PlantedRun(connection, "r1");
        run.description();
        run.fold(4);
        start("set -m; ", "watch --run r1", "bg; kill %1; wait %1; echo code $?");
        seen("q quit");

        OutputStream keys = script.getOutputStream();
        keys.write(CONTROL_Z);
        keys.flush();
        assertThat(script.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        String all = written();
        assertThat(all.substring(all.lastIndexOf("q quit"))).contains("code 0");
    }

    private void start(String before, String arguments, String after) throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String command = "tty; stty rows 24 cols 80; " + before + "'" + java
                + "' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp \"$WATCH_CLASS_PATH\" "
                + Calibrant.class.getName() + " " + arguments + "; " + after;
        ProcessBuilder builder = new ProcessBuilder(List.of(
                        SCRIPT.toString(),
                        "-qfc",
                        command,
                        dir.resolve("written").toString()))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectErrorStream(true);
        builder.environment().putAll(environment());
        builder.environment().put("WATCH_CLASS_PATH", System.getProperty("java.class.path"));
        builder.environment().put("TERM", "xterm-256color");
        builder.environment().put("SHELL", "/bin/bash");
        builder.environment().remove("NO_COLOR");
        script = builder.start();
    }

    private void seen(String... patterns) {
        for (String pattern : patterns) {
            await().atMost(PATIENCE).untilAsserted(() -> assertThat(written()).containsPattern(pattern));
        }
    }

    private String written() {
        try {
            Path file = dir.resolve("written");
            return Files.exists(file) ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
