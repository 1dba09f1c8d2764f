package io.calibrant.schemas.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.calibrant.schemas.avro.Label;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The client against replies that a healthy registry cannot be made to give; the real one is met in infra's tests. */
class HttpRegistryClientTest {
    private static final String SCHEMA = "{\"schema\": \"\\\"string\\\"\"}";

    private final Deque<Reply> replies = new ArrayDeque<>();
    private final List<String> requests = new ArrayList<>();
    private HttpServer server;
    private String url;
    private HttpRegistryClient client;

    private record Reply(int status, String body) {}

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
        url = "http://127.0.0.1:" + server.getAddress().getPort();
        client = new HttpRegistryClient(List.of(url), "");
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private synchronized void answer(HttpExchange exchange) throws IOException {
        String authorization = exchange.getRequestHeaders().getFirst("Authorization");
        requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI()
                + (authorization == null ? "" : " " + authorization));
        Reply reply = replies.size() > 1 ? replies.remove() : replies.peek();
        byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(reply.status(), body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    @Test
    void shouldAskOncePerSchema() {
        replies.add(new Reply(200, "{\"id\": 7}"));
        assertThat(client.register("labels-value", Label.getClassSchema())).isEqualTo(7);
        assertThat(client.register("labels-value", Label.getClassSchema())).isEqualTo(7);
        assertThat(requests).containsExactly("POST /subjects/labels-value/versions");
    }

    @Test
    void shouldAskAgainWhereAnotherWasFasterWithTheFirstSchemaOfASubject() {
        replies.add(new Reply(
                409,
                "{\"error_code\": 409, \"message\": \"An artifact with ID 'labels-value' in group 'null'"
                        + " already exists.\"}"));
        replies.add(new Reply(200, "{\"id\": 7}"));
        assertThat(client.register("labels-value", Label.getClassSchema())).isEqualTo(7);
        assertThat(requests).hasSize(2);
    }

    @Test
    void shouldAskOncePerId() {
        replies.add(new Reply(200, SCHEMA));
        assertThat(client.byId(3).getName()).isEqualTo("string");
        assertThat(client.byId(3).getName()).isEqualTo("string");
        assertThat(requests).containsExactly("GET /schemas/ids/3");
    }

    @Test
    void shouldOnlyLookUpWhereTheSchemaIsSomebodyElses() {
        replies.add(new Reply(404, "{\"error_code\": 40403, \"message\": \"Schema not found\"}"));
        assertThatThrownBy(() -> client.lookUp("labels-value", Label.getClassSchema()))
                .isInstanceOf(IncompatibleSchemaException.class)
                .hasMessageContaining("Schema not found");
        assertThat(requests).containsExactly("POST /subjects/labels-value");
    }

    @Test
    void shouldTryAgainWhileTheRegistryIsBusy() {
        replies.add(new Reply(503, ""));
        replies.add(new Reply(500, "{\"error_code\": 50003, \"message\": \"no leader\"}"));
        replies.add(new Reply(429, "{\"error_code\": 42901}"));
        replies.add(new Reply(200, SCHEMA));
        assertThat(client.byId(3).getName()).isEqualTo("string");
        assertThat(requests).hasSize(4);
    }

    @Test
    void shouldGiveUpAsTransientAfterBoundedAttempts() {
        replies.add(new Reply(503, ""));
        assertThatThrownBy(() -> client.byId(3))
                .isInstanceOf(RegistryUnavailableException.class)
                .hasMessageContaining(url)
                .matches(RegistryUnavailableException::isTransient);
        assertThat(requests).hasSize(HttpRegistryClient.ATTEMPTS);
    }

    @Test
    void shouldCallAnUnknownIdPermanent() {
        replies.add(new Reply(404, "{\"error_code\": 40403, \"message\": \"Schema 3 not found\"}"));
        assertThatThrownBy(() -> client.byId(3))
                .isInstanceOf(BadRecordException.class)
                .hasMessage("schema id 3 is not known to the registry " + url);
        assertThat(requests).hasSize(1);
    }

    @Test
    void shouldCallAnIncompatibleSchemaPermanent() {
        for (int code : new int[] {40901, 409}) { // as Confluent, as Apicurio says it
            replies.clear();
            replies.add(new Reply(409, "{\"error_code\": " + code + ", \"message\": \"READER_FIELD_MISSING\"}"));
            assertThatThrownBy(() -> client.register("labels-value", Label.getClassSchema()))
                    .isInstanceOf(IncompatibleSchemaException.class)
                    .hasMessageContaining("labels-value")
                    .hasMessageContaining("READER_FIELD_MISSING");
        }
    }

    @Test
    void shouldNotBlameTheRecordForAWrongAddressOrMissingPermission() {
        for (Reply reply : List.of(
                new Reply(404, "<html>not here</html>"),
                new Reply(404, "{\"error_code\": 404, \"message\": \"no such page\"}"),
                new Reply(200, "<html>welcome</html>"),
                new Reply(401, ""),
                new Reply(403, "{\"message\": \"forbidden\"}"))) {
            replies.clear();
            replies.add(reply);
            assertThatThrownBy(() -> client.byId(3))
                    .as(reply.toString())
                    .isInstanceOf(RegistryUnavailableException.class)
                    .hasMessageContaining(url);
        }
        assertThat(requests).as("futile attempts are not repeated").hasSize(5);
    }

    @Test
    void shouldRefuseSchemasOfOtherKinds() {
        replies.add(new Reply(200, "{\"schemaType\": \"JSON\", \"schema\": \"{}\"}"));
        assertThatThrownBy(() -> client.byId(3))
                .isInstanceOf(BadRecordException.class)
                .hasMessage("schema id 3 is of type JSON, expected AVRO");
    }

    @Test
    void shouldNameTheAddressWhereNobodyListens() {
        server.stop(0);
        assertThatThrownBy(client::ping)
                .isInstanceOf(RegistryUnavailableException.class)
                .hasMessageContaining(url)
                .hasMessageContaining("cannot be reached");
    }

    @Test
    void shouldGoToTheNextAddressWhenOneIsDown() {
        replies.add(new Reply(200, SCHEMA));
        HttpRegistryClient two = new HttpRegistryClient(List.of("http://127.0.0.1:1", url), "");
        assertThat(two.byId(3).getName()).isEqualTo("string");
    }

    @Test
    void shouldSendCredentials() {
        replies.add(new Reply(200, SCHEMA));
        RegistryClient.of(Map.of("schema.registry.url", url, "basic.auth.user.info", "me:secret"))
                .byId(3);
        RegistryClient.of(Map.of("schema.registry.url", url + "/", "bearer.auth.token", "abc"))
                .byId(3);
        assertThat(requests).containsExactly("GET /schemas/ids/3 Basic bWU6c2VjcmV0", "GET /schemas/ids/3 Bearer abc");
    }

    @Test
    void shouldNameWhatIsAcceptedAsAnAddress() {
        assertThatThrownBy(() -> RegistryClient.of(Map.of("schema.registry.url", "127.0.0.1:8081")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'127.0.0.1:8081'")
                .hasMessageContaining("http://host:port");
        assertThatThrownBy(() -> RegistryClient.of(Map.of())).isInstanceOf(IllegalArgumentException.class);
    }
}
