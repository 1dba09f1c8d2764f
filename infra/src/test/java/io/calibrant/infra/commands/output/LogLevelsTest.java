package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LogLevelsTest {
    @ParameterizedTest
    @ValueSource(strings = {"Sender", "TransactionManager"})
    void shouldNotWarnOfWhatKafkaRetriesByItself(String part) throws Exception {
        try (InputStream file = LogLevelsTest.class.getResourceAsStream("/logback.xml")) {
            assertThat(new String(file.readAllBytes(), StandardCharsets.UTF_8))
                    .contains("<logger name=\"org.apache.kafka.clients.producer.internals." + part
                            + "\" level=\"ERROR\"/>");
        }
    }
}
