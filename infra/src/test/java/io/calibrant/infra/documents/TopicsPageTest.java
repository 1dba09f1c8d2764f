package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The page about topics says what the definitions say. */
class TopicsPageTest {
    private static final Path PAGE = Page.ROOT.resolve("infra/docs/topics.md");

    @Test
    void shouldBeUpToDate() throws IOException {
        if (Boolean.getBoolean(Page.WRITE)) {
            Files.writeString(PAGE, TopicsPage.text());
        }
        assertThat(PAGE)
                .as("infra/docs/topics.md has drifted from the definitions; write it anew: mvn -pl infra -am test"
                        + " -Dtest=TopicsPageTest -Dsurefire.failIfNoSpecifiedTests=false -D" + Page.WRITE + "=true")
                .content()
                .isEqualTo(TopicsPage.text());
    }

    @Test
    void shouldKnowWhoWritesAndReadsEveryTopic() {
        List<TopicDefinition> definitions = new Topics("").definitions();
        assertThat(definitions).allSatisfy(definition -> {
            assertThat(definition.contract().writers()).as(definition.name()).isNotEmpty();
            assertThat(definition.contract().readers()).as(definition.name()).isNotEmpty();
            assertThat(definition.contract().purpose()).as(definition.name()).endsWith(".");
        });
    }

    @Test
    void shouldSayWhatEveryFieldMeans() {
        assertThat(TopicsPage.text().lines().filter(line -> line.startsWith("| `") && line.endsWith("|  |")))
                .as("fields without a doc in their Avro schema")
                .isEmpty();
    }
}
