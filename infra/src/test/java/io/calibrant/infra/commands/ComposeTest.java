package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.infra.documents.Page;
import io.calibrant.infra.telemetry.Telemetry;
import io.calibrant.infra.telemetry.TelemetrySettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** What {@code infra/compose.yaml} names is there: commands and their flags, images, files, services and ports. */
class ComposeTest {
    private static final Path INFRA = Page.ROOT.resolve("infra");
    private static final Pattern VARIABLE = Pattern.compile("\\$\\{(\\w+):-([^}]*)}");

    private final JsonNode compose = read(INFRA.resolve("compose.yaml"));

    /** A YAML file as a tree, with what its variables are where nobody sets them. */
    static JsonNode read(Path file) {
        return read(file, Map.of());
    }

    private static JsonNode read(Path file, Map<String, String> variables) {
        try {
            String text = VARIABLE.matcher(Files.readString(file))
                    .replaceAll(found -> variables.getOrDefault(found.group(1), found.group(2)));
            return new ObjectMapper().valueToTree(new Yaml().load(text));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Stream<Map.Entry<String, JsonNode>> services() {
        return compose.get("services").properties().stream();
    }

    private Stream<Map.Entry<String, JsonNode>> ours() {
        return services()
                .filter(service -> service.getValue().get("image").asText().startsWith("calibrant/"));
    }

    private static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        if (array != null) {
            array.forEach(each -> texts.add(each.asText()));
        }
        return texts;
    }

    /** Each command says which settings it would use; it refuses flags and variables that it does not know. */
    @Test
    void shouldGiveOurImagesCommandsFlagsAndVariablesThatExist() {
        assertThat(ours().count()).isGreaterThanOrEqualTo(4);
        ours().forEach(service -> {
            Map<String, String> environment = new HashMap<>();
            service.getValue()
                    .get("environment")
                    .properties()
                    .forEach(each ->
                            environment.put(each.getKey(), each.getValue().asText()));
            List<String> command = texts(service.getValue().get("command"));
            command.add("--print-config");
            Ran ran = Ran.calibrant(environment, command.toArray(String[]::new));
            assertThat(ran.code()).as(service.getKey() + ": " + ran.err()).isZero();
            assertThat(ran.out()).as(service.getKey()).contains(environment.get("CALIBRANT_BOOTSTRAP_SERVERS"));
        });
    }

    /** In an image only the volume may be written, and models are what is mounted. */
    @Test
    void shouldNameNoPathThatIsNotMounted() {
        String volume = found(String.join("\n", Page.read("infra/pom.xml").lines()), "<volume>([^<]+)<");
        ours().forEach(service -> {
            List<String> mounted = texts(service.getValue().get("volumes")).stream()
                    .map(each -> each.replaceFirst("^[^:]*:", "").replaceFirst(":ro$", ""))
                    .toList();
            texts(service.getValue().get("command")).stream()
                    .filter(word -> word.startsWith("/"))
                    .forEach(path -> assertThat(mounted)
                            .as(service.getKey() + ": " + path)
                            .anyMatch(each -> path.startsWith(each + "/")));
            assertThat(mounted).isSubsetOf(volume, "/models");
        });
    }

    /** A directory with another run's adapter is refused, and what a run has done is kept beside that of others. */
    @Test
    void shouldTrainASecondRunBesideTheFirst() {
        List<String> first = texts(compose.at("/services/train/command"));
        List<String> second = texts(read(INFRA.resolve("compose.yaml"), Map.of("CALIBRANT_RUN", "news-2"))
                .at("/services/train/command"));
        assertThat(after(second, "--run")).isEqualTo("news-2");
        assertThat(after(second, "--output"))
                .isNotEqualTo(after(first, "--output"))
                .endsWith("/news-2");
        assertThat(after(second, "--state-dir")).isEqualTo(after(first, "--state-dir"));
        assertThat(String.join(" ", Page.read("infra/docs/install.md").blocks("sh")))
                .as("how it is started: as the name that Prometheus asks")
                .contains("run --rm --use-aliases train");
    }

    private static String after(List<String> command, String flag) {
        return command.get(command.indexOf(flag) + 1);
    }

    /** Each health check asks its service at the port that this has, and says no where the service does. */
    @Test
    void shouldAskServicesForTheirHealth() throws Exception {
        for (String name : List.of("fit", "score")) {
            JsonNode service = compose.at("/services/" + name);
            List<String> check = texts(service.at("/healthcheck/test"));
            assertThat(check.remove(0)).isEqualTo("CMD");
            List<String> command = texts(service.get("command"));
            String port = "/" + command.get(command.indexOf("--metrics-port") + 1) + ";";
            String script = check.remove(check.size() - 1);
            assertThat(script).contains(port);
            boolean ready;
            try (Telemetry telemetry =
                    Telemetry.start(new TelemetrySettings("127.0.0.1", 0, List.of()), name, "1", line -> {})) {
                check.add(script.replace(port, "/" + telemetry.address().getPort() + ";"));
                ready = code(check) == 0;
                telemetry.serve(Optional::empty, () -> {});
                assertThat(code(check)).as(name).isZero();
            }
            assertThat(ready).as("before it is ready").isEqualTo(script.contains("/health/live"));
            assertThat(code(check)).as("after its end").isNotZero();
        }
    }

    private static int code(List<String> command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    @Test
    void shouldAnswerOnLoopbackOnly() {
        List<String> ports = services()
                .flatMap(service -> texts(service.getValue().get("ports")).stream())
                .toList();
        assertThat(ports).hasSizeGreaterThan(4).allMatch(port -> port.matches("127\\.0\\.0\\.1:\\d+:\\d+"));
        assertThat(ports.stream().map(port -> port.split(":", -1)[1])).doesNotHaveDuplicates();
    }

    @Test
    void shouldMountWhatIsThere() {
        services().forEach(service -> {
            for (String volume : texts(service.getValue().get("volumes"))) {
                String source = volume.split(":", 2)[0];
                if (source.startsWith(".")) {
                    assertThat(INFRA.resolve(source)).as(service.getKey()).exists();
                } else {
                    assertThat(compose.get("volumes").has(source))
                            .as(service.getKey() + ": " + volume)
                            .isTrue();
                }
            }
        });
    }

    @Test
    void shouldNameTheImagesThatTheBuildMakesAndTheVersionsThatItUses() {
        JsonNode services = compose.get("services");
        String pom = String.join("\n", Page.read("pom.xml").lines());
        assertThat(String.join("", Page.read("infra/pom.xml").lines()))
                .contains("<calibrant.image.tag>${project.version}</calibrant.image.tag>");
        Set<String> built = new TreeSet<>();
        Matcher image = Pattern.compile(
                        "<image>\\$\\{calibrant\\.image\\.prefix}(\\w+):\\$\\{calibrant\\.image\\.tag}<")
                .matcher(String.join("\n", Page.read("infra/pom.xml").lines()));
        while (image.find()) {
            built.add("calibrant/" + image.group(1) + ":" + Page.projectVersion());
        }
        assertThat(built).hasSize(4);
        assertThat(ours().map(service -> service.getValue().get("image").asText()))
                .containsAll(built)
                .isSubsetOf(built);
        assertThat(services.at("/kafka/image").asText()).endsWith(":" + found(pom, "<kafka.version>([^<]+)<"));
        assertThat(services.at("/registry/image").asText()).endsWith(":" + found(pom, "<apicurio.version>([^<]+)<"));
    }

    private static String found(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        assertThat(matcher.find()).as(pattern).isTrue();
        return matcher.group(1);
    }

    @Test
    void shouldScrapeServicesAtTheirPortsWithTheRulesThatAreMounted() {
        JsonNode prometheus = read(INFRA.resolve("compose/prometheus.yaml"));
        List<String> targets = new ArrayList<>();
        prometheus.at("/scrape_configs/0/static_configs").forEach(each -> targets.addAll(texts(each.get("targets"))));
        assertThat(targets).hasSize(3).allSatisfy(target -> {
            String[] address = target.split(":", -1);
            assertThat(texts(compose.at("/services/" + address[0] + "/command")))
                    .as(target)
                    .containsSequence(
                            "--metrics-port",
                            address[1],
                            "--metrics-host",
                            "0.0.0.0",
                            "--metrics-allowed-hosts",
                            address[0]);
        });
        assertThat(texts(compose.at("/services/prometheus/volumes")))
                .contains("./prometheus/" + prometheus.at("/rule_files/0").asText() + ":/etc/prometheus/"
                        + prometheus.at("/rule_files/0").asText() + ":ro");
    }
}
