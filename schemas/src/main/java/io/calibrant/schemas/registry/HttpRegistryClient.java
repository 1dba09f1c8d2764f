package io.calibrant.schemas.registry;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.SchemaParseException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * The registry's REST API as Confluent wrote it and Apicurio ({@code /apis/ccompat/v7}), Karapace and Redpanda speak
 * it.
 *
 * <p>Only an answer with the API's own {@code error_code} counts as a verdict on a schema. Anything else (a proxy's
 * 404, a 403, a 5xx) says that the registry cannot be asked. Overload and network failures are tried {@value #ATTEMPTS}
 * times, with doubling pauses, going round the addresses.
 */
final class HttpRegistryClient implements RegistryClient {
    static final int ATTEMPTS = 5;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final String MEDIA_TYPE = "application/vnd.schemaregistry.v1+json";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();

    private final List<String> urls;
    private final String authorization;
    private final Map<Registration, Integer> ids = new ConcurrentHashMap<>();
    private final Map<Integer, Schema> schemas = new ConcurrentHashMap<>();

    private record Registration(String subject, Schema schema) {}

    private record Reply(int status, JsonNode body, String url) {
        /** Confluent's codes are the status and two digits; Apicurio says 409 for 40901, and 422 for 42201. */
        boolean isVerdict() {
            int code = body.path("error_code").asInt(0);
            return code > 1000 || (code == status && (status == 409 || status == 422));
        }

        /** Apicurio's answer to the slower of two who register the first schema of a subject at once. */
        boolean raced() {
            return status == 409 && message().contains("already exists");
        }

        String message() {
            return body.path("message").asText("HTTP status " + status);
        }
    }

    HttpRegistryClient(List<String> urls, String authorization) {
        this.urls = List.copyOf(urls);
        this.authorization = authorization;
    }

    @Override
    public int register(String subject, Schema schema) {
        return id(subject, schema, "/versions");
    }

    @Override
    public int lookUp(String subject, Schema schema) {
        return id(subject, schema, "");
    }

    private int id(String subject, Schema schema, String suffix) {
        Registration registration = new Registration(subject, schema);
        Integer known = ids.get(registration);
        if (known != null) {
            return known;
        }
        String path = "/subjects/" + URLEncoder.encode(subject, StandardCharsets.UTF_8) + suffix;
        Reply reply = ask(
                path, JSON.createObjectNode().put("schema", schema.toString()).toString(), ATTEMPTS);
        JsonNode id = reply.body().path("id");
        if (reply.status() != 200 || !id.isInt()) {
            throw new IncompatibleSchemaException("registry " + reply.url() + " refuses schema " + schema.getFullName()
                    + " under subject " + subject + ": " + reply.message());
        }
        ids.put(registration, id.asInt());
        return id.asInt();
    }

    @Override
    public Schema byId(int id) {
        Schema known = schemas.get(id);
        if (known != null) {
            return known;
        }
        Reply reply = ask("/schemas/ids/" + id, null, ATTEMPTS);
        if (reply.status() != 200) {
            throw new BadRecordException("schema id " + id + " is not known to the registry " + reply.url());
        }
        String type = reply.body().path("schemaType").asText("AVRO");
        if (!type.equals("AVRO")) {
            throw new BadRecordException("schema id " + id + " is of type " + type + ", expected AVRO");
        }
        try {
            Schema schema =
                    new Schema.Parser().parse(reply.body().path("schema").asText());
            schemas.put(id, schema);
            return schema;
        } catch (SchemaParseException e) {
            throw new BadRecordException("schema id " + id + " is not an Avro schema that stands alone", e);
        }
    }

    @Override
    public void ping() {
        Reply reply = ask("/subjects", null, 1);
        if (reply.status() != 200) {
            throw new RegistryUnavailableException("registry " + reply.url() + ": " + reply.message());
        }
    }

    /** A reply of the API itself: success, or a verdict with an error code. */
    private Reply ask(String path, String body, int attempts) {
        RegistryUnavailableException failure = null;
        for (int attempt = 0; attempt < attempts; attempt++) {
            String url = urls.get(attempt % urls.size());
            try {
                if (attempt > 0) {
                    TimeUnit.MILLISECONDS.sleep(FIRST_PAUSE.toMillis() << (attempt - 1));
                }
                Reply reply = send(url, path, body);
                boolean busy = reply.status() == 429 || reply.status() >= 500 || reply.raced();
                if (reply.status() == 200 || (!busy && reply.isVerdict())) {
                    return reply;
                }
                failure = new RegistryUnavailableException("registry " + url + ": " + reply.message());
                if (!busy) {
                    // Wrong address or no permission: another attempt would fail, too.
                    throw failure;
                }
            } catch (InterruptedException | InterruptedIOException e) {
                Thread.currentThread().interrupt();
                throw new InterruptException("interrupted while asking registry " + url);
            } catch (IOException e) {
                failure = new RegistryUnavailableException("registry " + url + " cannot be reached: " + reason(e), e);
            }
        }
        throw failure;
    }

    private Reply send(String url, String path, String body) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path))
                .timeout(TIMEOUT)
                .header("Accept", MEDIA_TYPE + ", application/json");
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        if (body != null) {
            request.header("Content-Type", MEDIA_TYPE).POST(BodyPublishers.ofString(body));
        }
        HttpResponse<String> response = HTTP.send(request.build(), BodyHandlers.ofString());
        try {
            JsonNode json = JSON.readTree(response.body());
            return new Reply(response.statusCode(), json == null ? MissingNode.getInstance() : json, url);
        } catch (JsonProcessingException e) {
            // Not a registry: the reply is not of its API.
            int status = response.statusCode() == 200 ? 404 : response.statusCode();
            return new Reply(status, MissingNode.getInstance(), url);
        }
    }

    private static String reason(IOException e) {
        // Java's client gives no message for the most frequent failure.
        String nothing = e instanceof ConnectException
                ? "connection refused"
                : e.getClass().getSimpleName();
        return e.getMessage() == null ? nothing : e.getMessage();
    }
}
