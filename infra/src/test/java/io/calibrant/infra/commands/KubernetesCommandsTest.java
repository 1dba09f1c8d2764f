package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.infra.documents.Page;
import io.calibrant.infra.kubernetes.Kustomization;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * What the containers of {@code infra/kubernetes} run is what the command line takes, under their variables and with
 * their volumes; and the README's commands name what there is.
 */
class KubernetesCommandsTest {
    private static final Pattern APPLIED = Pattern.compile("kubectl (?:kustomize|(?:apply|delete) -k) (\\S+)");
    private static final Pattern STATE = Pattern.compile("(?m)^calibrant\\.state\\.dir = (\\S+) ");
    private static final Page README = Page.read("infra/kubernetes/README.md");
    private static final Pattern NAMED = Pattern.compile("\\b(statefulset|deployment|job)/([a-z0-9-]+)");

    /** The pods that a directory comes to, by the name of what makes them. */
    private static Map<String, JsonNode> pods(String folder) throws IOException {
        Map<String, JsonNode> pods = new LinkedHashMap<>();
        for (JsonNode tree : Kustomization.build(folder)) {
            JsonNode pod = tree.at("/spec/template/spec");
            if (pod.has("containers")) {
                pods.put(tree.at("/metadata/name").asText(), pod);
            }
        }
        return pods;
    }

    private static Map<String, String> environment(String folder, JsonNode container) throws IOException {
        Map<String, String> environment = new HashMap<>();
        for (JsonNode tree : Kustomization.build(folder)) {
            if (tree.at("/metadata/name").asText().equals("calibrant-connection")) {
                tree.path("data")
                        .properties()
                        .forEach(each ->
                                environment.put(each.getKey(), each.getValue().asText()));
            }
        }
        for (JsonNode variable : container.path("env")) {
            String name = variable.path("name").asText();
            if (name.startsWith("CALIBRANT_")) {
                environment.put(
                        name,
                        name.endsWith("JAAS_CONFIG")
                                ? "Module required password=\"secret\";"
                                : variable.path("value").asText("user:secret"));
            }
        }
        return environment;
    }

    private static List<String> arguments(JsonNode container) {
        List<String> arguments = new ArrayList<>();
        container.path("args").forEach(argument -> arguments.add(argument.asText()));
        return arguments;
    }

    /** Directories of services, and those with the connection that they share. */
    private static Map<String, String> folders() {
        Map<String, String> folders = new LinkedHashMap<>();
        folders.put("base", "base");
        folders.put("train", "base");
        folders.put("tools", "base");
        folders.put("example", "example");
        folders.put("example/tools", "example");
        folders.put("example/train", "example");
        return folders;
    }

    @Test
    void shouldTakeArgumentsAndVariablesOfEveryContainer() throws Exception {
        int containers = 0;
        for (Map.Entry<String, String> folder : folders().entrySet()) {
            for (Map.Entry<String, JsonNode> pod : pods(folder.getKey()).entrySet()) {
                JsonNode container = pod.getValue().at("/containers/0");
                List<String> command = arguments(container);
                command.add("--print-config");
                Ran ran = Ran.calibrant(environment(folder.getValue(), container), command.toArray(String[]::new));
                String as = folder.getKey() + ": " + pod.getKey();
                assertThat(ran.code()).as(as + ": " + ran.err()).isZero();
                assertThat(ran.out())
                        .as(as)
                        .contains("sasl.jaas.config", "********")
                        .doesNotContain("secret");
                containers++;
            }
        }
        assertThat(containers).isEqualTo(8);
    }

    /** A container may write into its volumes alone, and models are what is mounted. */
    @Test
    void shouldNameNoPathThatIsNotMounted() throws Exception {
        for (String folder : folders().keySet()) {
            for (Map.Entry<String, JsonNode> pod : pods(folder).entrySet()) {
                JsonNode container = pod.getValue().at("/containers/0");
                Set<String> mounts = new TreeSet<>();
                container
                        .path("volumeMounts")
                        .forEach(each -> mounts.add(each.path("mountPath").asText()));
                List<String> paths = arguments(container);
                container
                        .path("env")
                        .forEach(each -> paths.add(each.path("value").asText()));
                paths.removeIf(each -> !each.startsWith("/"));
                assertThat(paths)
                        .as(folder + ": " + pod.getKey())
                        .isNotEmpty()
                        .allMatch(path -> mounts.stream().anyMatch(mount -> (path + "/").startsWith(mount + "/")));
            }
        }
    }

    /** A trainer without it starts over at step 0 after each eviction, and sends the batches of other weights. */
    @Test
    void shouldKeepTheTrainersStateOnAClaimAsTheReadmeSays() throws Exception {
        Set<String> claims = new TreeSet<>();
        for (String folder : List.of("train", "example/train")) {
            JsonNode pod = pods(folder).values().iterator().next();
            JsonNode container = pod.at("/containers/0");
            List<String> command = arguments(container);
            command.add("--print-config");
            Matcher state = STATE.matcher(
                    Ran.calibrant(environment(folders().get(folder), container), command.toArray(String[]::new))
                            .out());
            assertThat(state.find()).as(folder + " says where its state is").isTrue();
            String volume = volume(container, state.group(1));
            pod.path("volumes").forEach(each -> {
                JsonNode claim = each.path("persistentVolumeClaim");
                if (each.path("name").asText().equals(volume)
                        && !claim.path("readOnly").asBoolean()) {
                    claims.add(folder + ": " + claim.path("claimName").asText());
                }
            });
        }
        assertThat(claims).containsExactly("example/train: calibrant-adapters", "train: calibrant-adapters");
        assertThat(String.join(" ", README.prose()))
                .contains("it goes on where it was, from its state in the claim `calibrant-adapters`");
    }

    private static String volume(JsonNode container, String path) {
        for (JsonNode mount : container.path("volumeMounts")) {
            if (path.startsWith(mount.path("mountPath").asText() + "/")) {
                return mount.path("name").asText();
            }
        }
        return "none has " + path;
    }

    @Test
    void shouldNameWhatThereIsInTheReadme() throws Exception {
        Set<String> there = new TreeSet<>();
        Set<String> named = new TreeSet<>();
        for (String block : README.blocks("sh")) {
            for (MatchResult applied : APPLIED.matcher(block).results().toList()) {
                String folder = applied.group(1).replaceFirst("^infra/kubernetes/", "");
                for (JsonNode tree : Kustomization.build(folder)) {
                    there.add(tree.path("kind").asText().toLowerCase(Locale.ROOT) + "/"
                            + tree.at("/metadata/name").asText());
                }
            }
            NAMED.matcher(block).results().forEach(each -> named.add(each.group()));
        }
        assertThat(named).hasSizeGreaterThan(2).isSubsetOf(there);
    }
}
