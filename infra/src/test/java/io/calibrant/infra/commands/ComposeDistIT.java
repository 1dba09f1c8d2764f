package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.cluster.Registry;
import io.calibrant.infra.documents.Page;
import io.calibrant.testing.ProcessTree;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.Test;

/** What {@code infra/compose.yaml} tells broker and registry is something that those know. */
class ComposeDistIT extends OnOneCluster {
    private final JsonNode services =
            ComposeTest.read(Page.ROOT.resolve("infra/compose.yaml")).get("services");

    /** The image makes {@code a.b} of {@code KAFKA_A_B}. */
    @Test
    void shouldGiveTheBrokerSettingsThatItHas() throws Exception {
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        Set<String> known;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", connection.bootstrapServers()))) {
            known = admin.describeConfigs(List.of(broker)).all().get().get(broker).entries().stream()
                    .map(ConfigEntry::name)
                    .collect(Collectors.toSet());
        }
        assertThat(services.at("/kafka/environment").properties())
                .hasSizeGreaterThan(10)
                .extracting(each -> each.getKey()
                        .replaceFirst("^KAFKA_", "")
                        .toLowerCase(Locale.ROOT)
                        .replace('_', '.'))
                .isSubsetOf(known);
    }

    /** The same registry in memory, told what the one in the container is told. */
    @Test
    void shouldGiveTheRegistryItsRule() throws Exception {
        Path code = Path.of(Registry.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Path runner;
        try (Stream<Path> files = Files.list(code.resolveSibling("registry"))) {
            runner = files.filter(file -> file.toString().endsWith("-runner.jar"))
                    .findFirst()
                    .orElseThrow();
        }
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-Dquarkus.http.host=127.0.0.1",
                        "-Dquarkus.http.port=" + port,
                        "-Dquarkus.datasource.jdbc.url=jdbc:h2:mem:compose",
                        "-jar",
                        runner.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        services.at("/registry/environment").properties().stream()
                .filter(each -> !each.getKey().startsWith("KAFKA_"))
                .forEach(each ->
                        builder.environment().put(each.getKey(), each.getValue().asText()));
        Process registry = builder.start();
        try {
            HttpRequest config = HttpRequest.newBuilder(
                            URI.create("http://127.0.0.1:" + port + "/apis/registry/v2/admin/rules/COMPATIBILITY"))
                    .build();
            await().atMost(2, TimeUnit.MINUTES)
                    .ignoreExceptions()
                    .until(() -> HttpClient.newHttpClient()
                            .send(config, BodyHandlers.ofString())
                            .body()
                            .contains("\"FULL_TRANSITIVE\""));
        } finally {
            ProcessTree.kill(registry);
        }
    }
}
