package io.calibrant.infra.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.Connection;
import io.calibrant.testing.SharedCluster;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The distribution where it is unpacked: what it has, and that it runs from wherever it lies, for whoever may read it,
 * without Maven and without sources. {@link OperationsDistIT} runs the services from it.
 */
class InstalledDistIT {
    /** What a shell script needs, and no Maven. */
    private static final Map<String, String> NO_MAVEN = Map.of("PATH", "/usr/bin:/bin", "MAVEN_HOME", "/nowhere");

    private static final String NOBODY = "65534";

    @TempDir
    private static Path dir;

    private static Distribution distribution;
    private static Map<String, String> connection;

    @BeforeAll
    static void unpack() throws Exception {
        distribution = Distribution.in(dir);
        Connection to = SharedCluster.connection("installed");
        connection = Map.of(
                "CALIBRANT_BOOTSTRAP_SERVERS", to.bootstrapServers(),
                "CALIBRANT_SCHEMA_REGISTRY_URL", to.schemaRegistry(),
                "CALIBRANT_TOPIC_PREFIX", to.topicPrefix());
    }

    private static Shell calibrant(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(distribution.launcher().toString()));
        command.addAll(List.of(arguments));
        return Shell.run(dir, connection, command);
    }

    @Test
    void shouldHaveWhatAMachineNeedsAndNothingToBuildFrom() throws Exception {
        Path root = distribution.root();
        assertThat(List.of(
                        "README.md",
                        "CHANGELOG.md",
                        "LICENSE",
                        "infra/docs/install.md",
                        "infra/docs/asyncapi.yaml",
                        "infra/compose.yaml",
                        "infra/compose/prometheus.yaml",
                        "infra/src/main/resources/demo/model/model.safetensors",
                        "schemas/src/main/avro/Answer.avsc"))
                .allSatisfy(file -> assertThat(root.resolve(file)).exists());
        try (Stream<Path> files = Files.walk(root)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .noneMatch(name -> name.equals("pom.xml") || name.endsWith(".java") || name.startsWith("junit"));
        }
    }

    /** Pages lie where they lie in a checkout; what they link to does, too, but for the code. */
    @Test
    void shouldHaveAllThatItsPagesLinkTo() {
        for (Page page : Page.all()) {
            Path folder = distribution.root().resolve(page.path()).getParent();
            assertThat(page.links().stream()
                            .filter(link -> !link.matches("[a-z]+:.*|#.*"))
                            .map(link -> link.replaceFirst("#.*", ""))
                            .filter(link -> !Files.exists(folder.resolve(link))))
                    .as(page.toString())
                    .isEmpty();
        }
    }

    /** All files have one time and one owner, and nobody but the owner may write them. */
    @Test
    void shouldBeAnArchiveThatSaysNothingOfWhoMadeItWhen() {
        assertThat(distribution.entries())
                .hasSizeGreaterThan(200)
                .allMatch(entry -> entry.matches("(l\\S+|[-d]rw[-x]r-[-x]r-[-x]) 0/0 +\\d+ 2026-01-01 00:00 .*"));
    }

    @Test
    void shouldRunFromAnyDirectoryThroughLinksAndFromAPathWithSpaces() throws Exception {
        Path spaces = copied("a path with spaces");
        Path link = Files.createSymbolicLink(dir.resolve("calibrant link"), spaces.resolve("infra/calibrant"));
        Shell ran = Shell.run(Path.of("/"), NO_MAVEN, List.of(link.toString(), "--version"));
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out())
                .matches("calibrant " + Page.projectVersion() + "( \\(commit [0-9a-f]+(, with changes)?\\))?\n");
        assertThat(ran.code()).isZero();
    }

    /**
     * The first command prepares, and the others are quick by what it leaves: they map their classes, run them without
     * the second compiler, and read no certificates where the registry speaks no TLS. How quick is printed.
     */
    @Test
    void shouldTakeItsClassesFromTheArchiveThatTheFirstCommandMakes() throws Exception {
        Shell first = calibrant("topics", "--apply").succeeded("topics --apply");
        assertThat(first.err()).startsWith("calibrant: preparing for quick starts (once) ...\n");
        assertThat(distribution.root().resolve("infra/cache/calibrant.jsa")).isNotEmptyFile();

        Path log = dir.resolve("classes.txt");
        Map<String, String> logged = new TreeMap<>(connection);
        logged.put("CALIBRANT_JAVA_OPTS", "-XX:+PrintCommandLineFlags -Xlog:class+load:file=" + log);
        for (String command : List.of("--help", "--version", "topics", "runs", "fits")) {
            List<String> words = List.of(distribution.launcher().toString(), command);
            Shell ran = Shell.run(dir, connection, words).succeeded(command);
            assertThat(ran.err()).as(command).isEmpty();
            System.out.printf("%s: %d ms%n", command, ran.wall().toMillis());

            assertThat(Shell.run(dir, logged, words).succeeded(command).err())
                    .as(command)
                    .contains("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC");
            List<String> classes = Files.readAllLines(log);
            assertThat(classes.stream().filter(line -> line.contains("shared objects file")))
                    .as("classes of %s from the archive, of %d", command, classes.size())
                    .hasSizeGreaterThan(classes.size() * 4 / 5);
            assertThat(classes).noneMatch(line -> line.contains(" sun.security.ssl.TrustStoreManager"));
        }
    }

    /** Where only its owner may write, what is kept lies in the user's own directory. */
    @Test
    void shouldRunForAUserWhoMayNotWriteThere() throws Exception {
        assumeTrue(
                Files.getOwner(dir).getName().equals("root") && Files.isExecutable(Path.of("/usr/bin/setpriv")),
                "needs root and setpriv, to be another user");
        Path installed = copied("read-only").resolve("infra");
        Shell.must(dir, "rm", "-rf", installed.resolve("cache").toString());
        Path home = Files.createDirectories(dir.resolve("home"));
        Shell.must(dir, "chown", NOBODY, home.toString());
        Shell.must(dir, "chmod", "a+x", dir.toString());
        List<String> topics = List.of(
                "setpriv",
                "--reuid=" + NOBODY,
                "--clear-groups",
                installed.resolve("calibrant").toString(),
                "topics");
        Map<String, String> environment = new TreeMap<>(connection);
        environment.put("HOME", home.toString());

        Shell first = Shell.run(Path.of("/"), environment, topics).succeeded("the first command");
        assertThat(first.err()).startsWith("calibrant: preparing");
        assertThat(Shell.run(Path.of("/"), environment, topics).err()).doesNotContain("preparing");
        assertThat(installed.resolve("cache")).doesNotExist();
        try (Stream<Path> files = Files.walk(home.resolve(".cache/calibrant"))) {
            assertThat(files.map(file -> file.getFileName().toString())).contains("calibrant.jsa", "calibrant.java");
        }

        environment.put("HOME", "/nowhere");
        Shell without = Shell.run(Path.of("/"), environment, topics).succeeded("without a home");
        assertThat(without.err()).doesNotContain("preparing", "/nowhere");
    }

    /** The same files in another place. */
    private static Path copied(String name) throws Exception {
        Path to = Files.createDirectories(dir.resolve(name));
        Shell.must(dir, "cp", "-al", distribution.root().toString(), to.toString());
        return to.resolve(distribution.root().getFileName());
    }
}
