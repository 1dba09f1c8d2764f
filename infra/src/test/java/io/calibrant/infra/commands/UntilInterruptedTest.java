package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A service and jobs in JVMs of their own, which a signal ends. */
class UntilInterruptedTest {
    @ParameterizedTest
    @CsvSource({
        "service, INT, 0, ''",
        "job, INT, 130, interrupted at step 3",
        "job, TERM, 143, interrupted at step 3",
        "done, TERM, 0, ''"
    })
    void shouldEndWithTheSignalsCodeOnlyWhereSomethingIsNotDone(String kind, String signal, int code, String line)
            throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Interrupted.class.getName(),
                        kind)
                .start();
        try (BufferedReader out = process.inputReader()) {
            assertThat(out.readLine()).isEqualTo("ready");
            new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start();
            // Before its output is read to the end, which comes with it: where SIGINT is ignored it never would.
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            List<String> rest = out.lines().toList();
            assertThat(process.exitValue()).isEqualTo(code);
            assertThat(String.join("", rest)).isEqualTo(line);
        } finally {
            process.destroyForcibly();
        }
    }

    /** What runs in such a JVM. */
    static final class Interrupted {
        private Interrupted() {}

        public static void main(String[] arguments) throws Exception {
            CountDownLatch closed = new CountDownLatch(1);
            UntilInterrupted.Body body = () -> {
                System.out.println("ready");
                closed.await();
                return 0;
            };
            Optional<String> unfinished =
                    arguments[0].equals("done") ? Optional.empty() : Optional.of("interrupted at step 3");
            if (arguments[0].equals("service")) {
                UntilInterrupted.run(closed::countDown, body);
            } else {
                UntilInterrupted.job(closed::countDown, body, () -> unfinished, System.out::println);
            }
        }
    }
}
