package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** The AsyncAPI document says what the definitions and the schemas say. */
class AsyncApiTest {
    private static final Path DOCUMENT = Page.ROOT.resolve("infra/docs/asyncapi.yaml");

    @Test
    void shouldBeUpToDate() throws IOException {
        if (Boolean.getBoolean(Page.WRITE)) {
            Files.writeString(DOCUMENT, AsyncApi.text());
        }
        assertThat(DOCUMENT)
                .as("infra/docs/asyncapi.yaml has drifted from the definitions; write it anew: mvn -pl infra -am test"
                        + " -Dtest=AsyncApiTest -Dsurefire.failIfNoSpecifiedTests=false -D" + Page.WRITE + "=true")
                .content()
                .isEqualTo(AsyncApi.text());
    }

    @Test
    void shouldSayInYamlWhatTheTreeSays() {
        JsonNode read = new ObjectMapper().valueToTree(new Yaml().load(AsyncApi.text()));
        assertThat(read.toString()).isEqualTo(AsyncApi.document().toString());
    }

    @Test
    void shouldHaveAChannelAndAMessageForEveryTopic() {
        JsonNode document = AsyncApi.document();
        for (TopicDefinition definition : new Topics("").definitions()) {
            assertThat(document.at("/channels/" + definition.name() + "/address")
                            .asText())
                    .isEqualTo("{prefix}" + definition.name());
            JsonNode payload = document.at("/components/messages/" + definition.name() + "/payload");
            assertThat(payload.isMissingNode())
                    .isEqualTo(definition.contract().value().isEmpty());
            if (!payload.isMissingNode()) {
                Schema schema = new Schema.Parser().parse(payload.get("schema").toString());
                assertThat(SchemaNormalization.toParsingForm(schema))
                        .isEqualTo(SchemaNormalization.toParsingForm(
                                definition.contract().value().orElseThrow()));
            }
        }
    }
}
