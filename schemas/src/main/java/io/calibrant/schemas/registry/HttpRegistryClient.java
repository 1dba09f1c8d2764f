package io.calibrant.schemas.registry;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.io.InterruptedIOException;
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
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.kafka.common.errors.InterruptException;

/**
 * The registry's REST API as Confluent wrote it and Apicurio ({@code /apis/ccompat/v7}), Karapace and Redpanda speak
 * it.
 *
 * <p>Only the API's own word counts as a verdict: {@code error_code} 40403 or 40401 on an id, 409xx and 422xx on a
 * schema that is registered. Anything else (a proxy's 404, 400, 401, 403, a 5xx, a page in place of a schema) says that
 * the registry cannot be asked. Overload and network failures are tried {@value #ATTEMPTS} times, with doubling pauses,
 * going round the addresses; an address that refuses gives way to the next one.
 */
final class HttpRegistryClient implements RegistryClient {
    static final int ATTEMPTS = 5;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final String MEDIA_TYPE = "application/vnd.schemaregistry.v1+json";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final List<RegistryAddress> addresses;
    private final Map<String, String> headers;
    private final HttpClient http;
    private final Map<Registration, Integer> ids = new ConcurrentHashMap<>();
    private final Map<Integer, Schema> schemas = new ConcurrentHashMap<>();

    /** Asked first: the one that answered last, so that one that is down is not waited for again and again. */
    private volatile int preferred;

    private record Registration(String subject, Schema schema) {}

    private record Reply(int status, JsonNode body, String url) {
        int code() {
            return body.path("error_code").asInt(0);
        }

        boolean hasId() {
            return status == 200 && body.path("id").isInt();
        }

        boolean hasSchema() {
            return status == 200 && body.path("schema").isTextual();
        }

        /** Of an id, a subject or a schema. */
        boolean isUnknown() {
            return status == 404 && (code() == 40403 || code() == 40401);
        }

        /** Confluent's codes are the status and two digits; Apicurio says 409 for 40901, and 422 for 42201. */
        boolean isRefusal() {
            return (status == 409 || status == 422) && (code() == status || code() / 100 == status) && !raced();
        }

        /** Apicurio's answer to the slower of two who register the first schema of a subject at once. */
        private boolean raced() {
            return status == 409 && body.path("message").asText().contains("already exists");
        }

        /** Whether it may answer another time. */
        boolean isBusy() {
            return status == 408 || status == 425 || status == 429 || status >= 500 || raced();
        }

        String problem() {
            if (status == 200) {
                return "its reply is not that of a schema registry";
            }
            String message = body.path("message").asText("");
            return "HTTP status " + status + (code() == 0 || code() == status ? "" : ", error code " + code())
                    + (message.isEmpty() ? "" : ": " + message);
        }
    }

    HttpRegistryClient(List<RegistryAddress> addresses, Map<String, String> headers, HttpClient http) {
        this.addresses = List.copyOf(addresses);
        this.headers = Map.copyOf(headers);
        this.http = http;
    }

    @Override
    public int register(String subject, Schema schema) {
        return id(subject, schema, "/versions", reply -> reply.hasId() || reply.isRefusal());
    }

    @Override
    public int lookUp(String subject, Schema schema) {
        return id(subject, schema, "", reply -> reply.hasId() || reply.isRefusal() || reply.isUnknown());
    }

    private int id(String subject, Schema schema, String suffix, Predicate<Reply> isAnswer) {
        Registration registration = new Registration(subject, schema);
        Integer known = ids.get(registration);
        if (known != null) {
            return known;
        }
        String path = "/subjects/" + URLEncoder.encode(subject, StandardCharsets.UTF_8) + suffix;
        Reply reply = ask(
                path, JSON.createObjectNode().put("schema", schema.toString()).toString(), ATTEMPTS, isAnswer);
        if (!reply.hasId()) {
            throw new IncompatibleSchemaException("registry " + reply.url() + " refuses schema " + schema.getFullName()
                    + " under subject " + subject + ": " + reply.problem());
        }
        int id = reply.body().path("id").asInt();
        ids.put(registration, id);
        return id;
    }

    @Override
    public Schema byId(int id) {
        Schema known = schemas.get(id);
        if (known != null) {
            return known;
        }
        if (id < 0) {
            // A registry may call the question itself wrong, which would say nothing of the record.
            throw new BadRecordException("schema id " + id + " is none that a registry gives");
        }
        Reply reply = ask("/schemas/ids/" + id, null, ATTEMPTS, each -> each.hasSchema() || each.isUnknown());
        if (!reply.hasSchema()) {
            throw new BadRecordException("schema id " + id + " is not known to the registry " + reply.url());
        }
        String type = reply.body().path("schemaType").asText("AVRO");
        if (!type.equals("AVRO")) {
            throw new BadRecordException("schema id " + id + " is of type " + type + ", expected AVRO");
        }
        try {
            Schema schema =
                    new Schema.Parser().parse(reply.body().path("schema").asText());
            SchemaSize.check(id, schema);
            schemas.put(id, schema);
            return schema;
        } catch (AvroRuntimeException | StackOverflowError e) {
            throw new BadRecordException(
                    "schema id " + id + " is not an Avro schema that stands alone: " + Reasons.of(e), e);
        }
    }

    @Override
    public void ping() {
        // Who may not list subjects may still read schemas: the registry is there.
        ask(
                "/subjects",
                null,
                addresses.size(),
                reply -> (reply.status() == 200 && reply.body().isArray())
                        || (reply.status() == 403 && reply.code() / 100 == 403));
    }

    /** A reply of the API itself: success, or a verdict. */
    private Reply ask(String path, String body, int attempts, Predicate<Reply> isAnswer) {
        Map<Integer, String> problems = new TreeMap<>();
        boolean[] refused = new boolean[addresses.size()];
        Exception cause = null;
        int index = preferred;
        for (int attempt = 0; attempt < Math.max(attempts, addresses.size()); attempt++) {
            RegistryAddress address = addresses.get(index);
            try {
                if (attempt >= addresses.size()) {
                    TimeUnit.MILLISECONDS.sleep(FIRST_PAUSE.toMillis() << (attempt - addresses.size()));
                }
                Reply reply = send(address, path, body);
                if (isAnswer.test(reply)) {
                    preferred = index;
                    return reply;
                }
                // Wrong address or no permission: another attempt there would fail, too.
                refused[index] = !reply.isBusy();
                problems.put(index, "registry " + address.url() + ": " + reply.problem());
            } catch (InterruptedException | InterruptedIOException e) {
                Thread.currentThread().interrupt();
                throw new InterruptException("interrupted while asking registry " + address.url());
            } catch (IOException e) {
                cause = e;
                problems.put(index, "registry " + address.url() + " cannot be reached: " + Reasons.ofConnection(e));
            }
            index = next(index, refused);
            if (index < 0) {
                break;
            }
        }
        throw new RegistryUnavailableException(String.join("; ", problems.values()), cause);
    }

    /** The next address that has not refused; -1 where all have. */
    private static int next(int index, boolean[] refused) {
        for (int i = 1; i <= refused.length; i++) {
            int candidate = (index + i) % refused.length;
            if (!refused[candidate]) {
                return candidate;
            }
        }
        return -1;
    }

    private Reply send(RegistryAddress address, String path, String body) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(address.url() + path))
                .timeout(TIMEOUT)
                .header("Accept", MEDIA_TYPE + ", application/json");
        headers.forEach(request::header);
        if (!headers.containsKey("Authorization") && !address.authorization().isEmpty()) {
            request.header("Authorization", address.authorization());
        }
        if (body != null) {
            request.header("Content-Type", MEDIA_TYPE).POST(BodyPublishers.ofString(body));
        }
        HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
        return new Reply(response.statusCode(), json(response.body()), address.url());
    }

    private static JsonNode json(String body) {
        try {
            JsonNode json = JSON.readTree(body);
            return json == null ? MissingNode.getInstance() : json;
        } catch (JsonProcessingException e) {
            return MissingNode.getInstance(); // not of the registry's API
        }
    }
}
