package io.calibrant.infra.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.documents.Page;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The shell blocks of docs/operations.md run as they stand, one after the other, in one shell: from the distribution,
 * without Maven or sources, with a broker of the page's own, and on a JRE that has no more than the launcher asks for.
 */
class OperationsDistIT {
    /** A minute on a quiet machine. */
    private static final Duration LIMIT = Duration.ofSeconds(500);

    private static final List<String> PORTS = List.of("9092", "8081", "9464", "9465", "9466", "9467");

    @TempDir
    private Path dir;

    @Test
    void shouldDoWhatItSays() throws Exception {
        Path archive = Distribution.archive();
        Assumptions.assumeTrue(
                Shell.run(dir, Map.of(), List.of("sh", "-c", "command -v curl")).code() == 0,
                "there is no curl, which the page asks services with");
        List<String> blocks = Page.read("infra/docs/operations.md").blocks("sh");
        assertThat(blocks.get(0)).contains("tar xzf " + archive.getFileName());

        PageShell shell = PageShell.besideDistribution(dir, archive, java());
        List<String> said = shell.run(blocks, PORTS, LIMIT);

        assertThat(said.get(0)).contains("calibrant " + Page.projectVersion());
        assertThat(said.get(2)).contains("missing").contains("created");
        assertThat(Files.readAllLines(shell.directory().resolve("answers.jsonl")).stream()
                        .filter(line -> line.startsWith("{")))
                .hasSize(20);
        assertThat(said.get(5))
                .contains("news-1", "COMPLETE", "calibrant_fitter_lag_records{")
                .contains("calibrant_scorer_posterior_age_seconds{");
        assertThat(Files.readString(shell.directory().resolve("fits.json"))).contains("\"run\":\"news-1\"");
        assertThat(said.get(said.size() - 2)).contains("calibrant.statistics").doesNotContain("missing");
    }

    /** A JRE with what the launcher says that the barest one lacks; this Java where it can make none. */
    private Path java() throws Exception {
        Path jdk = Path.of(System.getProperty("java.home"));
        if (!Files.isExecutable(jdk.resolve("bin/jlink")) || !Files.isDirectory(jdk.resolve("jmods"))) {
            System.out.println("no jlink in " + jdk + ": the page is run by that Java itself, and by no JRE");
            return jdk;
        }
        Path infra = Files.createDirectories(dir.resolve("asked/infra"));
        Files.createDirectories(infra.resolve("libs"));
        Files.copy(Page.ROOT.resolve("infra/calibrant"), infra.resolve("calibrant"));
        Path bare = linked(jdk, "bare", "java.base");
        Shell refused = Shell.run(
                dir,
                Map.of("JAVA_HOME", bare.toString()),
                List.of("bash", infra.resolve("calibrant").toString(), "up"));
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err())
                .startsWith("calibrant: '" + bare + "/bin/java' has no module ")
                .contains("jdk.httpserver", "java.desktop")
                .hasLineCount(1);
        String missing = refused.err().replaceFirst("(?s).* has no module (.*); needed is .*", "$1");
        return linked(jdk, "jre", "java.base," + missing.replace(' ', ','));
    }

    private Path linked(Path jdk, String name, String modules) throws Exception {
        Path runtime = dir.resolve(name);
        String jlink = jdk.resolve("bin/jlink").toString();
        Shell.must(dir, jlink, "--add-modules", modules, "--output", runtime.toString());
        return runtime;
    }
}
