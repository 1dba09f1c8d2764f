package io.calibrant.infra.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.Connection;
import io.calibrant.testing.ProcessTree;
import io.calibrant.testing.SharedCluster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A second build, of the same sources in another place: its distribution has the same bytes as the first one's, and it
 * makes the images, on an empty base image, as none can be had from a registry here. Images are read back: their layers
 * are unpacked, and their entrypoints run on this machine, with its own Java and as the images' user.
 */
class BuildDistIT {
    private static final String HOME = "opt/calibrant/infra";
    private static final String VOLUME = "/var/lib/calibrant";
    private static final String RUN = "image-1";
    private static final Duration LIMIT = Duration.ofSeconds(500);

    @TempDir
    private static Path dir;

    private static Path sources;

    /** Configurations by name; an image's files are in the directory of its name. */
    private static final Map<String, JsonNode> IMAGES = new HashMap<>();

    /** The names of an image's layers that have more than {@value #LARGE} bytes. */
    private static final Map<String, List<String>> LARGE_LAYERS = new HashMap<>();

    private static final long LARGE = 100_000_000;

    @BeforeAll
    static void build() throws Exception {
        Path first = Distribution.archive();
        sources = Files.createDirectories(dir.resolve("elsewhere"));
        String copy = "set -o pipefail; tar -C \"$0\" --exclude=target -cf - . | tar -xf -";
        Shell.must(sources, "bash", "-c", copy, Page.ROOT.toString());
        base(Files.createDirectories(dir.resolve("base")));
        Shell maven = maven();
        if (maven.out().contains("could not be resolved") || maven.out().contains("Could not transfer")) {
            abort("what builds images cannot be had: " + maven.out());
        }
        maven.succeeded("the second build, of " + first);
        for (String name : List.of("fitter", "trainer", "scorer", "tools")) {
            IMAGES.put(name, unpacked(name));
        }
        Shell.must(dir, "chmod", "a+x", dir.toString());
    }

    /** A build that goes to the network only where the one around it does, and keeps nothing for others. */
    private static Shell maven() throws InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                "mvn",
                "-B",
                "-ntp",
                "-Pdist,images",
                "package",
                "-pl",
                "infra",
                "-am",
                "-T2",
                "-Dmaven.test.skip=true",
                "-Dcompiler.checks=-Xlint:-options", // the first build had them
                "-Djib.useOnlyProjectCache=true",
                "-Dcalibrant.base.image=tar://" + dir.resolve("base/base.tar"),
                "-Dcalibrant.image.directory=" + dir.resolve("images")));
        String given = " " + System.getenv().getOrDefault("MAVEN_CMD_LINE_ARGS", "") + " ";
        if (given.contains(" -o ") || given.contains(" --offline ")) {
            command.add("-o");
        }
        String repository = System.getProperty("localRepository");
        if (repository != null) {
            command.add("-Dmaven.repo.local=" + repository);
        }
        try {
            // Lives for a minute: the second compiler does not pay.
            return Shell.run(sources, Map.of("MAVEN_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"), command, LIMIT);
        } catch (IOException e) {
            return abort("no Maven to build with: " + e.getMessage());
        }
    }

    /** An image without a file, as {@code docker save} writes one. */
    private static void base(Path base) throws Exception {
        byte[] layer = new byte[1024]; // two empty blocks end a tar
        String digest =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(layer));
        Files.write(base.resolve("layer.tar"), layer);
        Files.writeString(base.resolve("config.json"), """
                {"architecture": "amd64", "os": "linux", "config": {},
                 "rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}""".formatted(digest));
        Files.writeString(base.resolve("manifest.json"), """
                [{"Config": "config.json", "RepoTags": ["base:1"], "Layers": ["layer.tar"]}]""");
        Shell.must(base, "tar", "cf", "base.tar", "manifest.json", "config.json", "layer.tar");
    }

    private static JsonNode unpacked(String name) throws Exception {
        Path image = Files.createDirectories(dir.resolve(name + "-image"));
        Path archive = dir.resolve("images/" + name + ".tar");
        Shell.must(image, "tar", "xf", archive.toString());
        ObjectMapper json = new ObjectMapper();
        JsonNode manifest =
                json.readTree(image.resolve("manifest.json").toFile()).get(0);
        Path root = Files.createDirectories(dir.resolve(name));
        LARGE_LAYERS.put(name, new ArrayList<>());
        for (JsonNode layer : manifest.get("Layers")) {
            if (Files.size(image.resolve(layer.asText())) > LARGE) {
                LARGE_LAYERS.get(name).add(layer.asText());
            }
            Shell.must(root, "tar", "xf", image.resolve(layer.asText()).toString());
        }
        JsonNode read =
                json.readTree(image.resolve(manifest.get("Config").asText()).toFile());
        Shell.must(dir, "rm", "-r", image.toString(), archive.toString());
        return read.get("config");
    }

    @Test
    void shouldMakeTheSameBytesOfTheSameSourcesElsewhere() throws Exception {
        Path first = Distribution.archiveIn(Page.ROOT);
        Path second = Distribution.archiveIn(sources);
        assertThat(Files.mismatch(first, second))
                .as(() -> "%s and %s differ: %s".formatted(first, second, differences(first, second)))
                .isNegative();
    }

    private static String differences(Path first, Path second) {
        try {
            for (Path each : List.of(first, second)) {
                Path to = Files.createDirectories(dir.resolve(each == first ? "first" : "second"));
                Shell.must(to, "tar", "xzf", each.toString());
            }
            return Shell.run(dir, Map.of(), List.of("diff", "-rq", "first", "second"))
                    .out();
        } catch (IOException e) {
            return e.getMessage();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }

    @ParameterizedTest
    @CsvSource({"fitter, fit, 9464", "trainer, train, 9464", "scorer, score, 9464", "tools, --help,"})
    void shouldStartAsItSays(String name, String command, String port) throws Exception {
        JsonNode config = IMAGES.get(name);
        assertThat(config.get("User").asText()).as("no root").matches("[1-9]\\d*:[1-9]\\d*");
        assertThat(config.path("ExposedPorts").toString())
                .isIn(port == null ? List.of("", "{}") : List.of("{\"" + port + "/tcp\":{}}"));
        assertThat(config.get("Entrypoint"))
                .hasSize(1)
                .allMatch(each -> each.asText().equals("/" + HOME + "/calibrant"));
        assertThat(config.get("Cmd")).hasSize(1).allMatch(each -> each.asText().equals(command));
        assertThat(Files.getPosixFilePermissions(dir.resolve(name + VOLUME)))
                .as("what no root may write")
                .hasSize(9);

        Shell version = run(name, Map.of(), "--version").succeeded("--version");
        assertThat(version.out()).as(version.err()).startsWith("calibrant " + Page.projectVersion());
        String[] help = command.startsWith("-") ? new String[] {command} : new String[] {command, "--help"};
        assertThat(run(name, Map.of(), help).succeeded("help").out()).contains("Usage: calibrant");
    }

    @Test
    void shouldHaveWhatItNeedsAndNotWhatOnlyOthersDo() throws Exception {
        assertThat(jars("fitter"))
                .anyMatch(jar -> jar.startsWith("rocksdbjni"))
                .noneMatch(jar -> jar.startsWith("pytorch-native") || jar.startsWith("kafka_2.13"));
        for (String name : List.of("scorer", "trainer")) {
            assertThat(jars(name))
                    .as(name)
                    .anyMatch(jar -> jar.startsWith("pytorch-native"))
                    .anyMatch(jar -> jar.startsWith("pytorch-jni"))
                    .noneMatch(jar -> jar.startsWith("kafka_2.13"));
        }
        assertThat(jars("tools"))
                .anyMatch(jar -> jar.startsWith("pytorch-native"))
                .anyMatch(jar -> jar.startsWith("kafka_2.13"))
                .contains("registry");
    }

    /** PyTorch is most of what they are: where one of them is there, the others come without it. */
    @Test
    void shouldShareTheLayerOfPyTorch() {
        List<String> shared = new ArrayList<>(LARGE_LAYERS.get("tools"));
        shared.retainAll(LARGE_LAYERS.get("scorer"));
        shared.retainAll(LARGE_LAYERS.get("trainer"));
        assertThat(shared).as(LARGE_LAYERS.toString()).hasSize(1);
        assertThat(LARGE_LAYERS.get("fitter")).doesNotContainAnyElementsOf(shared);
    }

    /** One question goes the whole way, each part of it done by the image that is made for it. */
    @Test
    void shouldTrainFitAndAnswerTogether() throws Exception {
        Path demo = Page.ROOT.resolve("infra/src/main/resources/demo");
        Path given = Files.createDirectories(dir.resolve("models"));
        Shell.must(given, "cp", "-r", demo.resolve("model").toString(), "model");
        Files.write(given.resolve("train.jsonl"), lines(demo.resolve("questions.jsonl"), 8));
        Files.write(given.resolve("test.jsonl"), lines(demo.resolve("test.jsonl"), 1));
        Connection to = SharedCluster.connection("images");
        Map<String, String> connection = Map.of(
                "CALIBRANT_BOOTSTRAP_SERVERS", to.bootstrapServers(),
                "CALIBRANT_SCHEMA_REGISTRY_URL", to.schemaRegistry(),
                "CALIBRANT_TOPIC_PREFIX", to.topicPrefix());
        String model = given.resolve("model").toString();

        run("tools", connection, "topics", "--apply").succeeded("topics");
        Process fitter = start("fitter", connection, "fit");
        Process scorer = start("scorer", connection, "score", "--run", RUN, "--model", model);
        try {
            run(
                            "trainer",
                            connection,
                            "train",
                            "--run",
                            RUN,
                            "--model",
                            model,
                            "--questions",
                            given.resolve("train.jsonl").toString(),
                            "--steps",
                            "1",
                            "--validation",
                            "none",
                            "--statistics-every",
                            "0")
                    .succeeded("train");
            run(
                            "tools",
                            connection,
                            "ask",
                            "--run",
                            RUN,
                            "--questions",
                            given.resolve("test.jsonl").toString())
                    .succeeded("ask");
            Shell answers = run(
                    "tools", connection, "answers", "--from-beginning", "--count", "1", "--timeout", "60", "--json");
            assertThat(answers.out())
                    .as(() -> answers.err() + log("fitter") + log("scorer"))
                    .contains("\"run\":\"" + RUN + "\"", "\"probabilities\"");
            for (Process service : List.of(fitter, scorer)) {
                service.destroy();
                assertThat(service.waitFor()).isZero();
            }
            assertThat(dir.resolve("fitter" + VOLUME + "/fitter")).isNotEmptyDirectory();
        } finally {
            ProcessTree.kill(fitter);
            ProcessTree.kill(scorer);
        }
    }

    private static List<String> lines(Path file, int count) throws IOException {
        return Files.readAllLines(file).subList(0, count);
    }

    private static List<String> jars(String name) throws IOException {
        try (Stream<Path> files = Files.list(dir.resolve(name).resolve(HOME).resolve("libs"))) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private static Shell run(String name, Map<String, String> environment, String... arguments) throws Exception {
        return Shell.run(dir.resolve(name), environment(name, environment), command(name, arguments));
    }

    private static Process start(String name, Map<String, String> environment, String... arguments) throws Exception {
        return Shell.builder(dir.resolve(name), environment(name, environment), command(name, arguments))
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve(name + ".log").toFile())
                .start();
    }

    private static String log(String name) {
        try {
            return "\n" + name + ": " + Files.readString(dir.resolve(name + ".log"));
        } catch (IOException e) {
            return "\n" + name + ": " + e.getMessage();
        }
    }

    /** That of the image, whose files are here under another root. */
    private static Map<String, String> environment(String name, Map<String, String> more) throws IOException {
        Map<String, String> environment = new TreeMap<>();
        IMAGES.get(name).get("Env").forEach(each -> {
            String[] variable = each.asText().split("=", 2);
            environment.put(variable[0], variable[1].replaceFirst("^(?=" + VOLUME + ")", root(name)));
        });
        Path scratch = Files.createDirectories(dir.resolve("tmp"));
        scratch.toFile().setWritable(true, false);
        environment.put("CALIBRANT_JAVA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.io.tmpdir=" + scratch);
        environment.putAll(more);
        return environment;
    }

    private static String root(String name) {
        return dir.resolve(name).toString();
    }

    /** The image's entrypoint, as the image's user where this one may become another. */
    private static List<String> command(String name, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        if (Files.getOwner(dir).getName().equals("root") && Files.isExecutable(Path.of("/usr/bin/setpriv"))) {
            String[] user = IMAGES.get(name).get("User").asText().split(":", -1);
            command.addAll(List.of("setpriv", "--reuid=" + user[0], "--regid=" + user[1], "--clear-groups"));
        }
        command.add(root(name) + IMAGES.get(name).get("Entrypoint").get(0).asText());
        command.addAll(List.of(arguments));
        return command;
    }
}
