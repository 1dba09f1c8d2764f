package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigurationTest {
    @TempDir
    private Path directory;

    @Test
    void shouldLetFlagsBeatEnvironmentBeatFileBeatBuiltIn() throws IOException {
        Path file = directory.resolve("client.properties");
        Files.writeString(file, "a=file\nb=file\nc=file\n");
        Configuration configuration = Configuration.builtIn(
                        Map.of("a", "built-in", "b", "built-in", "c", "built-in", "d", "built-in"))
                .withFile(file)
                .withEnvironment(
                        Map.of("CALIBRANT_A", "environment", "CALIBRANT_B", "environment"), List.of(), List.of())
                .withFlags(Map.of("a", "flag"), Map.of("a", "--a"));
        assertThat(configuration.describe())
                .isEqualTo("a = flag  (flag --a)\n"
                        + "b = environment  (environment CALIBRANT_B)\n"
                        + "c = file  (file " + file + ")\n"
                        + "d = built-in  (built-in)\n");
    }

    @Test
    void shouldFormAConnectionFromEverySource() {
        Connection connection = Configuration.builtIn(Map.of())
                .withEnvironment(
                        Map.of(
                                "CALIBRANT_SCHEMA_REGISTRY_URL", "http://r:8081",
                                "CALIBRANT_TOPIC_PREFIX", "p-",
                                "CALIBRANT_SASL_MECHANISM", "PLAIN",
                                "CALIBRANT_DEBUG", "1",
                                "PATH", "/bin"),
                        List.of("calibrant.topic.prefix"),
                        List.of("CALIBRANT_DEBUG"))
                .withFlags(Map.of("bootstrap.servers", "k:9092"), Map.of("bootstrap.servers", "--bootstrap-server"))
                .connection();
        assertThat(connection)
                .isEqualTo(new Connection("k:9092", "http://r:8081", "p-", Map.of("sasl.mechanism", "PLAIN")));
    }

    @Test
    void shouldKeepItsTopicsApartFromThoseOfOthers() {
        Map<String, String> addresses = Map.of("bootstrap.servers", "k:9092", "schema.registry.url", "http://r:8081");
        assertThat(Configuration.builtIn(addresses).connection().topics().definitions())
                .allMatch(topic -> topic.name().startsWith("calibrant."));
        assertThat(Connection.to("k:9092", "http://r:8081").topics().runs()).isEqualTo("calibrant.runs");
        // "No prefix" can still be said.
        Configuration none = Configuration.builtIn(addresses)
                .withFlags(
                        Map.of(Configuration.TOPIC_PREFIX, ""), Map.of(Configuration.TOPIC_PREFIX, "--topic-prefix"));
        assertThat(none.connection().topics().runs()).isEqualTo("runs");
    }

    @Test
    void shouldSayWhereAMissingAddressCanBeGiven() {
        assertThatThrownBy(() -> Configuration.builtIn(Map.of()).connection())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "--bootstrap-server must be given as a flag, as CALIBRANT_BOOTSTRAP_SERVERS in the environment,"
                                + " or as bootstrap.servers in the file of --command-config, got nothing");
    }

    @Test
    void shouldNameAFileThatCannotBeRead() {
        Path absent = directory.resolve("absent.properties");
        assertThatThrownBy(() -> Configuration.builtIn(Map.of()).withFile(absent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "--command-config must be a file of key=value lines that can be read, got '" + absent + "'");
    }

    @Test
    void shouldMaskEverySecretAndNothingElse() {
        for (String key : List.of(
                "sasl.jaas.config",
                "ssl.keystore.password",
                "ssl.key.password",
                "ssl.keystore.key",
                "ssl.keystore.certificate.chain",
                "sasl.oauthbearer.client.credentials.client.secret",
                "basic.auth.user.info",
                "bearer.auth.token",
                "MY.PASSWORD")) {
            assertThat(Configuration.masked(key, "hunter2")).as(key).isEqualTo("********");
        }
        assertThat(Configuration.masked("my.apikey", "hunter2")).isEqualTo("********");
        assertThat(Configuration.masked("proxy.url", "http://me:hunter-p@ss@r:3128"))
                .isEqualTo("http://********@r:3128");
        assertThat(Configuration.masked("schema.registry.url", "http://me:hunter2@r:8081/x"))
                .isEqualTo("http://********@r:8081/x");
        assertThat(Configuration.masked("bootstrap.servers", "k:9092")).isEqualTo("k:9092");
        assertThat(Configuration.masked("sasl.mechanism", "PLAIN")).isEqualTo("PLAIN");
    }
}
