package io.calibrant.infra.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.documents.Page;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a directory of {@code infra/kubernetes} comes to: its resources and components with its patches, as kustomize
 * merges them. Namespaces, labels and names of images are left as they stand; {@code KustomizeDistIT} holds the rest to
 * kustomize itself.
 */
public final class Kustomization {
    static final Path HOME = Page.ROOT.resolve("infra/kubernetes");

    private static final String FILE = "kustomization.yaml";
    private static final String NAME = "/metadata/name";

    private Kustomization() {}

    /**
     * The documents of a directory below {@link #HOME}.
     *
     * @throws IllegalArgumentException naming a patch of something that is not there
     */
    public static List<JsonNode> build(String folder) throws IOException {
        return build(HOME.resolve(folder).normalize());
    }

    private static List<JsonNode> build(Path home) throws IOException {
        JsonNode kustomization = Manifests.trees(home.resolve(FILE)).get(0);
        List<JsonNode> built = new ArrayList<>();
        for (String list : List.of("resources", "components")) {
            for (JsonNode each : kustomization.path(list)) {
                Path path = home.resolve(each.asText()).normalize();
                built.addAll(Files.isDirectory(path) ? build(path) : Manifests.trees(path));
            }
        }
        for (JsonNode patch : kustomization.path("patches")) {
            for (JsonNode change :
                    Manifests.trees(home.resolve(patch.path("path").asText()))) {
                patch(
                        built,
                        change,
                        patch.at("/target/name").asText(change.at(NAME).asText()));
            }
        }
        return built;
    }

    private static void patch(List<JsonNode> built, JsonNode change, String name) {
        for (int i = 0; i < built.size(); i++) {
            if (built.get(i).path("kind").equals(change.path("kind"))
                    && built.get(i).at(NAME).asText().equals(name)) {
                built.set(i, merged(built.get(i), change));
                return;
            }
        }
        throw new IllegalArgumentException("a patch of no " + change.path("kind") + " " + name);
    }

    /** A strategic merge: of objects by key, of lists of named objects by name; every other list is replaced. */
    private static JsonNode merged(JsonNode old, JsonNode change) {
        if (old instanceof ObjectNode there && change instanceof ObjectNode patch) {
            ObjectNode merged = there.deepCopy();
            patch.properties()
                    .forEach(each -> merged.set(
                            each.getKey(),
                            there.has(each.getKey())
                                    ? merged(there.get(each.getKey()), each.getValue())
                                    : each.getValue()));
            return merged;
        }
        if (old instanceof ArrayNode there && change instanceof ArrayNode patch && isNamed(there) && isNamed(patch)) {
            ArrayNode merged = there.deepCopy();
            for (JsonNode each : patch) {
                int at = 0;
                while (at < merged.size() && !merged.get(at).path("name").equals(each.path("name"))) {
                    at++;
                }
                if (at < merged.size()) {
                    merged.set(at, merged(merged.get(at), each));
                } else {
                    merged.add(each);
                }
            }
            return merged;
        }
        return change;
    }

    private static boolean isNamed(ArrayNode list) {
        for (JsonNode each : list) {
            if (!each.has("name")) {
                return false;
            }
        }
        return true;
    }
}
