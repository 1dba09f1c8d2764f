package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaFormatter;
import org.apache.avro.SchemaValidationException;
import org.apache.avro.SchemaValidator;
import org.apache.avro.SchemaValidatorBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every version of every schema that was ever released is under {@code history/v1, v2, ...}, and each reads every other
 * (FULL_TRANSITIVE): consumers and producers of any two versions understand each other. A change of a schema adds a
 * directory; {@code -Dcalibrant.history.write=vN} writes it.
 */
class SchemaHistoryTest {
    private static final Path HISTORY = Path.of("src/test/resources/history");
    private static final SchemaValidator FULL_TRANSITIVE =
            new SchemaValidatorBuilder().mutualReadStrategy().validateAll();

    static Stream<Schema> schemas() {
        return Stream.of(
                Run.getClassSchema(),
                AdapterBlock.getClassSchema(),
                Progress.getClassSchema(),
                Statistics.getClassSchema(),
                FactorUpdate.getClassSchema(),
                Factor.getClassSchema(),
                Posterior.getClassSchema(),
                Fit.getClassSchema(),
                Question.getClassSchema(),
                Answer.getClassSchema(),
                Label.getClassSchema(),
                PredictiveStatistics.getClassSchema(),
                CalibrationMetrics.getClassSchema());
    }

    @ParameterizedTest
    @MethodSource("schemas")
    void shouldReadAndBeReadByEveryEarlierVersion(Schema schema) throws Exception {
        writeIfAsked(schema);
        List<Schema> history = history(schema.getName());
        assertThat(history)
                .as("versions of %s under %s", schema.getName(), HISTORY)
                .isNotEmpty();
        FULL_TRANSITIVE.validate(schema, history);
        assertThat(history)
                .as("%s has changed: write its version with -Dcalibrant.history.write=vN", schema.getName())
                .contains(schema);
    }

    @Test
    void shouldNoticeAChangeThatBreaksReaders() throws IOException {
        Schema label = new Schema.Parser()
                .parse("{\"type\":\"record\",\"name\":\"Label\",\"namespace\":\"io.calibrant.schemas.avro\","
                        + "\"fields\":[{\"name\":\"label\",\"type\":\"int\"}]}");
        List<Schema> history = history("Label");
        assertThatThrownBy(() -> FULL_TRANSITIVE.validate(label, history))
                .isInstanceOf(SchemaValidationException.class);
    }

    private static List<Schema> history(String name) throws IOException {
        List<Schema> schemas = new ArrayList<>();
        try (Stream<Path> versions = Files.list(HISTORY)) {
            for (Path version : versions.sorted().toList()) {
                Path file = version.resolve(name + ".avsc");
                if (Files.exists(file)) {
                    schemas.add(new Schema.Parser().parse(Files.readString(file)));
                }
            }
        }
        return schemas;
    }

    private static void writeIfAsked(Schema schema) throws IOException {
        String version = System.getProperty("calibrant.history.write");
        if (version != null) {
            Path directory = Files.createDirectories(HISTORY.resolve(version));
            Files.writeString(
                    directory.resolve(schema.getName() + ".avsc"),
                    SchemaFormatter.format("json/pretty", schema) + "\n");
        }
    }
}
