package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StandardOutputTest {
    /** How a process ends that has nothing more to write; 124 where timeout(1) has ended it. */
    private static int end(String flags, String reader) throws Exception {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        String line = "timeout 20 '" + java + "' -XX:TieredStopAtLevel=1 " + flags + " -cp \"$CLASSES\" "
                + Printing.class.getName().replace("$", "\\$") + " | " + reader + " >/dev/null; exit ${PIPESTATUS[0]}";
        ProcessBuilder builder = new ProcessBuilder("bash", "-c", line);
        builder.environment().put("CLASSES", System.getProperty("java.class.path"));
        Process process = builder.start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    @Test
    void shouldTellThatTheReaderIsGoneThoughNothingIsWritten() throws Exception {
        String flags = "--add-opens java.base/sun.nio.ch=ALL-UNNAMED";
        assertThat(end(flags, "head -1")).isEqualTo(7);
        assertThat(end(flags + " -Dseconds=0.5", "cat")).isZero();
    }

    /** Prints two lines at once, then waits for its reader to go. */
    static final class Printing {
        private Printing() {}

        public static void main(String[] arguments) throws Exception {
            StandardOutput out = new StandardOutput();
            out.print("one\ntwo\n");
            out.flush();
            long end = System.nanoTime() + (long) (Double.parseDouble(System.getProperty("seconds", "15")) * 1e9);
            while (System.nanoTime() < end) {
                if (out.checkError()) {
                    System.exit(7);
                }
                Thread.sleep(20);
            }
        }
    }
}
