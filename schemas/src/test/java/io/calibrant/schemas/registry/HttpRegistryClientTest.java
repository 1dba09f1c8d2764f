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
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
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
        client = client(url);
    }

    /** Shares no cache with others, as those that are made by configuration do. */
    private static HttpRegistryClient client(String urls) {
        List<RegistryAddress> addresses = RegistryAddress.list("url", urls);
        return new HttpRegistryClient(addresses, Map.of(), RegistryTls.client(addresses, Map.of()));
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
                new Reply(200, "{\"status\": \"up\"}"),
                new Reply(200, ""),
                new Reply(200, "{\"schema\": null}"),
                new Reply(301, ""),
                new Reply(400, "{\"error_code\": 40001, \"message\": \"no\"}"),
                new Reply(401, ""),
                new Reply(401, "{\"error_code\": 40101, \"message\": \"Unauthorized\"}"),
                new Reply(403, "{\"message\": \"forbidden\"}"),
                new Reply(403, "{\"error_code\": 40301, \"message\": \"no\"}"),
                new Reply(403, "{\"error_code\": 40403, \"message\": \"of a gateway\"}"),
                new Reply(404, "{\"error_code\": 40402, \"message\": \"no\"}"),
                new Reply(404, "{\"error_code\": 40490, \"message\": \"no\"}"),
                new Reply(405, "{\"error_code\": 40501, \"message\": \"no\"}"),
                new Reply(409, "{\"error_code\": 40901, \"message\": \"no\"}"),
                new Reply(422, "{\"error_code\": 42202, \"message\": \"no\"}"))) {
            replies.clear();
            replies.add(reply);
            assertThatThrownBy(() -> client.byId(3))
                    .as(reply.toString())
                    .isInstanceOf(RegistryUnavailableException.class)
                    .hasMessageContaining(url);
        }
        assertThat(requests).as("futile attempts are not repeated").hasSize(18);
    }

    @Test
    void shouldCallNothingButAVerdictARefusalOfASchema() {
        for (Reply reply : List.of(
                new Reply(400, "{\"error_code\": 40001}"),
                new Reply(401, "{\"error_code\": 40101}"),
                new Reply(403, "{\"error_code\": 40301}"),
                new Reply(404, "{\"error_code\": 40401}"),
                new Reply(200, "{}"))) {
            replies.clear();
            replies.add(reply);
            assertThatThrownBy(() -> client.register("labels-value", Label.getClassSchema()))
                    .as(reply.toString())
                    .isInstanceOf(RegistryUnavailableException.class);
        }
    }

    @Test
    void shouldAskAnotherAddressWhereOneRefuses() {
        replies.add(new Reply(403, "{\"error_code\": 40301, \"message\": \"not here\"}"));
        replies.add(new Reply(200, SCHEMA));
        HttpRegistryClient two = client(url + "/a," + url + "/b");
        assertThat(two.byId(3).getName()).isEqualTo("string");
        assertThat(two.byId(4).getName())
                .as("the one that answered is asked first")
                .isEqualTo("string");
        assertThat(requests).containsExactly("GET /a/schemas/ids/3", "GET /b/schemas/ids/3", "GET /b/schemas/ids/4");
    }

    @Test
    void shouldNameEveryAddressWhereNoneAnswers() {
        replies.add(new Reply(401, "{\"error_code\": 401, \"message\": \"Unauthorized\"}"));
        assertThatThrownBy(() -> client("http://127.0.0.1:1, " + url).byId(3))
                .hasMessage("registry http://127.0.0.1:1 cannot be reached: connection refused; registry " + url
                        + ": HTTP status 401: Unauthorized");
    }

    @Test
    void shouldCallItThereWhoeverMayNotListSubjects() {
        replies.add(new Reply(403, "{\"error_code\": 40301, \"message\": \"no GLOBAL_READ\"}"));
        client.ping();
        replies.clear();
        replies.add(new Reply(403, "<html>proxy</html>"));
        assertThatThrownBy(client::ping).isInstanceOf(RegistryUnavailableException.class);
    }

    @Test
    void shouldNotAskForAnIdThatIsNone() {
        replies.add(new Reply(400, "{\"error_code\": 40001}"));
        assertThatThrownBy(() -> client.byId(-7))
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("-7");
        assertThat(requests).isEmpty();
    }

    @Test
    void shouldRefuseASchemaThatExpandsWithoutEnd() {
        StringBuilder schema = new StringBuilder("{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}");
        for (int i = 1; i < 40; i++) {
            schema = new StringBuilder(
                    "{\"type\":\"record\",\"name\":\"R" + i + "\",\"fields\":[{\"name\":\"a\",\"type\":" + schema
                            + "},{\"name\":\"b\",\"type\":\"R" + (i - 1) + "\"}]}");
        }
        replies.add(new Reply(200, "{\"schema\": \"" + schema.toString().replace("\"", "\\\"") + "\"}"));
        assertThatThrownBy(() -> client.byId(3))
                .isInstanceOf(BadRecordException.class)
                .hasMessage("schema id 3 expands to more than 100000 fields and types");
    }

    @Test
    void shouldUseTheCredentialsOfAnAddressAndNotShowThem() {
        replies.add(new Reply(401, ""));
        HttpRegistryClient with = client(url.replace("://", "://me:s%40cr/et@"));
        assertThatThrownBy(with::ping).hasMessage("registry " + url + ": HTTP status 401");
        String header = Base64.getEncoder().encodeToString("me:s@cr/et".getBytes(StandardCharsets.UTF_8));
        assertThat(requests).containsExactly("GET /subjects Basic " + header);
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
        replies.add(new Reply(200, "[]"));
        replies.add(new Reply(200, SCHEMA));
        HttpRegistryClient two = client("http://127.0.0.1:1," + url);
        two.ping();
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

    private String asked(Map<String, String> settings) {
        Map<String, String> configs = new HashMap<>(settings);
        configs.putIfAbsent("schema.registry.url", url);
        requests.clear();
        replies.clear();
        replies.add(new Reply(200, "[]"));
        RegistryClient.of(configs).ping();
        return requests.get(0);
    }

    @Test
    void shouldTakeCredentialsFromEveryPlaceThatConfluentsClientsDo() {
        String basic = "GET /subjects Basic bWU6c2VjcmV0";
        String inUrl = url.replace("://", "://me:secret@");
        for (String before : new String[] {"", "schema.registry."}) {
            assertThat(asked(Map.of(
                            before + "basic.auth.credentials.source", "USER_INFO",
                            before + "basic.auth.user.info", "me:secret")))
                    .isEqualTo(basic);
            assertThat(asked(Map.of(
                            before + "bearer.auth.credentials.source", "STATIC_TOKEN",
                            before + "bearer.auth.token", "abc")))
                    .isEqualTo("GET /subjects Bearer abc");
        }
        assertThat(asked(Map.of("schema.registry.url", inUrl))).isEqualTo(basic);
        assertThat(asked(Map.of(
                        "schema.registry.url", inUrl,
                        "basic.auth.credentials.source", "URL",
                        "basic.auth.user.info", "another:one")))
                .isEqualTo(basic);
        assertThat(asked(Map.of(
                        "basic.auth.credentials.source",
                        "SASL_INHERIT",
                        "sasl.jaas.config",
                        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"me\""
                                + " password=\"secret\";")))
                .isEqualTo(basic);
    }

    @Test
    void shouldGoThroughAProxy() {
        for (String before : new String[] {"", "schema.registry."}) {
            assertThat(asked(Map.of(
                            "schema.registry.url",
                            "http://registry.invalid:8081",
                            before + "proxy.host",
                            "127.0.0.1",
                            before + "proxy.port",
                            url.substring(url.lastIndexOf(':') + 1))))
                    .isEqualTo("GET http://registry.invalid:8081/subjects");
        }
        assertThatThrownBy(() -> asked(Map.of("proxy.host", "127.0.0.1")))
                .hasMessage("proxy.port must be 1 to 65535, got nothing");
    }

    @Test
    void shouldRefuseToWriteWhereOthersWould() {
        for (Map.Entry<String, String> each : Map.of(
                        "value.subject.name.strategy", "io.confluent.kafka.serializers.subject.RecordNameStrategy",
                        "use.latest.version", "true",
                        "use.schema.id", "7",
                        "schema.reflection", "true")
                .entrySet()) {
            try (AvroSerializer<Label> serializer = new AvroSerializer<>()) {
                assertThatThrownBy(() -> serializer.configure(
                                Map.of("schema.registry.url", "mock://refusals", each.getKey(), each.getValue()),
                                false))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageStartingWith(each.getKey() + " must be ")
                        .hasMessageContaining("got '" + each.getValue() + "'");
            }
        }
        try (AvroSerializer<Label> serializer = new AvroSerializer<>()) {
            serializer.configure(
                    Map.of(
                            "schema.registry.url", "mock://refusals",
                            "use.latest.version", "false",
                            "value.subject.name.strategy", "io.confluent.kafka.serializers.subject.TopicNameStrategy"),
                    false);
        }
    }

    @Test
    void shouldRefuseByNameWhatItCannotDo() {
        for (Map.Entry<Map<String, String>, String> each : Map.of(
                        Map.of("basic.auth.credentials.source", "KERBEROS"),
                        "basic.auth.credentials.source must be one of URL, USER_INFO, SASL_INHERIT, got 'KERBEROS'",
                        Map.of("basic.auth.credentials.source", "USER_INFO"),
                        "basic.auth.user.info must be user:password, got nothing",
                        Map.of("bearer.auth.credentials.source", "OAUTHBEARER"),
                        "bearer.auth.credentials.source must be STATIC_TOKEN, got 'OAUTHBEARER' (Confluent's serdes"
                                + " know"
                                + " others)",
                        Map.of("schema.registry.ssl.truststore.location", "/nowhere/trust.p12"),
                        "schema.registry.ssl.truststore.location must be a file that can be read, got"
                                + " '/nowhere/trust.p12'",
                        Map.of("schema.registry.ssl.truststor.location", "/x"),
                        "schema.registry.ssl.truststor.location must be one of Kafka's ssl.* settings of a file, a"
                                + " certificate or a protocol: no such setting for the registry")
                .entrySet()) {
            assertThatThrownBy(() -> asked(each.getKey()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(each.getValue());
        }
    }

    @Test
    void shouldNameWhatIsAcceptedAsAnAddress() {
        assertThatThrownBy(() -> RegistryClient.of(Map.of("schema.registry.url", "127.0.0.1:8081")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'127.0.0.1:8081'")
                .hasMessageContaining("http://host:port");
        assertThatThrownBy(() -> RegistryClient.of(Map.of("schema.registry.url", "me:hush@r:8081")))
                .hasMessageContaining("got '********@r:8081'");
        assertThatThrownBy(() -> RegistryClient.of(Map.of())).isInstanceOf(IllegalArgumentException.class);
    }
}
