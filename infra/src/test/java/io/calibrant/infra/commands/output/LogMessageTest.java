package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LogMessageTest {
    @Test
    void shouldShowNoSecretOfKafkasDumpOfItsConfiguration() {
        String shown = LogMessage.shown("""
                AdminClientConfig values:
                \tbootstrap.servers = [k:9092]
                \tmy.apikey = hush
                \tsasl.jaas.config = [hidden]
                \tsasl.oauthbearer.jwks.endpoint.url = https://client:hush-p@ss@id.example.org/keys?key=hush
                \tssl.key.password = null
                """);
        assertThat(shown)
                .doesNotContain("hush")
                .contains("bootstrap.servers = [k:9092]", "sasl.jaas.config = [hidden]", "ssl.key.password = null")
                .contains("https://********@id.example.org/keys?key=********", "my.apikey = ********");
    }

    @Test
    void shouldNotLetARecordWriteALineOfTheLog() {
        assertThat(LogMessage.shown("dead letter: run 'q1\u001b[2J\n12:00:00.000 INFO  all is well'"))
                .isEqualTo("dead letter: run 'q1\\u001b[2J\n    12:00:00.000 INFO  all is well'");
        assertThat(LogMessage.shown("a".repeat(1_000_000))).hasSizeLessThan(21_000);
        assertThat(LogMessage.shown(null)).isEmpty();
    }
}
