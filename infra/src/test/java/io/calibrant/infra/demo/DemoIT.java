package io.calibrant.infra.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.trainer.prompts.QuestionFile;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole demo, its three services each in its own process, on few questions. */
class DemoIT {
    private static final String MONITOR = "Monitor: ";

    @TempDir
    private Path dir;

    private final HttpClient http = HttpClient.newHttpClient();
    private DemoFiles files;

    @BeforeEach
    void fewQuestions() throws Exception {
        DemoFiles all = DemoFiles.unpack(dir.resolve("all"));
        files = new DemoFiles(all.model(), dir.resolve("few.jsonl"), dir.resolve("fewer.jsonl"));
        DemoModel.write(files.questions(), QuestionFile.read(all.questions()).subList(0, 24));
        DemoModel.write(files.test(), QuestionFile.read(all.test()).subList(0, 12));
    }

    @Test
    void shouldOpenTheMonitorWhileItRuns() throws Exception {
        Heard heard = new Heard("");
        List<String> training = List.of("--steps", "4", "--validation", "none");
        URI address;
        try (Demo demo = new Demo(
                new DemoSettings(files, dir.resolve("demo"), training, List.of(), "1", "calibrant demo", true),
                heard)) {
            Thread running = new Thread(demo::run);
            running.start();
            await().atMost(Duration.ofSeconds(60)).until(() -> heard.monitor().isPresent());
            address = heard.monitor().orElseThrow();
            assertThat(address.getHost()).isEqualTo("127.0.0.1");
            assertThat(get(address)).contains("Calibrant monitor");

            running.join(Duration.ofMinutes(4).toMillis());
            assertThat(heard.lines).anyMatch(line -> line.startsWith("Posterior complete: "));
            assertThat(heard.lines).anyMatch(line -> line.startsWith("Done in "));
            assertThat(dir.resolve("demo/report.html"))
                    .content()
                    .contains("<code>calibrant demo</code>", "fewer.jsonl, 12 questions, ");
            // It is there as long as the demo is, so that the end can be looked at, too.
            assertThat(get(address)).contains("Calibrant monitor");
        }
        assertThatThrownBy(() -> get(address)).isInstanceOf(ConnectException.class);
    }

    @Test
    void shouldNotOpenItWhereItIsNotWanted() {
        Heard heard = new Heard("$ calibrant fit");
        try (Demo demo = new Demo(
                new DemoSettings(files, dir.resolve("demo"), List.of(), List.of(), "1", "calibrant demo", false),
                heard)) {
            assertThatThrownBy(demo::run).hasMessage("heard enough");
        }
        assertThat(heard.lines).anyMatch(line -> line.startsWith("Kafka at "));
        assertThat(heard.monitor()).isEmpty();
    }

    private String get(URI address) throws Exception {
        HttpResponse<String> answer =
                http.send(HttpRequest.newBuilder(address).build(), HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.body();
    }

    /** What the demo says; at a line that starts so it has heard enough. */
    private static final class Heard implements DemoListener {
        private final List<String> lines = new CopyOnWriteArrayList<>();
        private final String enough;

        Heard(String enough) {
            this.enough = enough;
        }

        @Override
        public void said(String line) {
            lines.add(line);
            if (!enough.isEmpty() && line.startsWith(enough)) {
                throw new IllegalStateException("heard enough");
            }
        }

        @Override
        public void progress(String stage, String detail, double share, Duration remaining) {}

        Optional<URI> monitor() {
            return lines.stream()
                    .filter(line -> line.startsWith(MONITOR))
                    .map(line -> URI.create(line.substring(MONITOR.length(), line.indexOf(" shows"))))
                    .findFirst();
        }
    }
}
