package io.calibrant.infra.documents;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.schemas.TopicContract;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.avro.Schema;

/**
 * The AsyncAPI 3 document {@code infra/docs/asyncapi.yaml}, written from the definitions of topics and the Avro
 * schemas: a channel and a message for each topic, and what Calibrant's commands send and receive.
 */
final class AsyncApi {
    private static final String AVRO = "application/vnd.apache.avro;version=1.9.0";
    private static final String BINDING = "0.5.0";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ObjectNode document = JSON.createObjectNode();

    private AsyncApi() {}

    /** The document as YAML. */
    static String text() {
        return "# Generated from io.calibrant.schemas.Topics and the Avro schemas; a test fails when it drifts.\n"
                + yaml(document(), 0);
    }

    /** The document as a tree. */
    static JsonNode document() {
        AsyncApi api = new AsyncApi();
        List<TopicDefinition> definitions = new Topics("").definitions();
        api.begin();
        ObjectNode channels = api.document.putObject("channels");
        ObjectNode operations = api.document.putObject("operations");
        ObjectNode messages = api.document.putObject("components").putObject("messages");
        for (TopicDefinition definition : definitions) {
            channel(channels.putObject(definition.name()), definition);
            operation(operations, "send", definition, definition.contract().writers());
            operation(operations, "receive", definition, definition.contract().readers());
            message(messages.putObject(definition.name()), definition);
        }
        return api.document;
    }

    private void begin() {
        document.put("asyncapi", "3.0.0");
        ObjectNode info = document.putObject("info");
        info.put("title", "Calibrant");
        info.put("version", Page.projectVersion());
        info.put(
                "description",
                "Streaming calibration of LoRA-fine-tuned language models. Keys are UTF-8 strings; values are Avro in"
                        + " Confluent's wire format: a zero byte, the schema's id in 4 bytes, the record. Schemas"
                        + " evolve FULL_TRANSITIVE. The subject of a topic is its name and '-value'.");
        info.putObject("license").put("name", "Apache-2.0").put("url", "https://www.apache.org/licenses/LICENSE-2.0");
        document.put("defaultContentType", "avro/binary");
        ObjectNode server = document.putObject("servers").putObject("cluster");
        server.put("host", "{bootstrapServer}");
        server.put("protocol", "kafka");
        server.put("description", "Any Kafka cluster, with a registry that has Confluent's REST API.");
        ObjectNode variables = server.putObject("variables");
        variables
                .putObject("bootstrapServer")
                .put("default", "127.0.0.1:9092")
                .put("description", "--bootstrap-server of every command.");
    }

    private static void channel(ObjectNode channel, TopicDefinition definition) {
        channel.put("address", "{prefix}" + definition.name());
        channel.put("description", definition.contract().purpose());
        ObjectNode prefix = channel.putObject("parameters").putObject("prefix");
        prefix.put("default", Topics.DEFAULT_PREFIX);
        prefix.put("description", "--topic-prefix of every command; keeps installations on one cluster apart.");
        channel.putObject("messages").set(definition.name(), ref("components/messages/" + definition.name()));
        ObjectNode kafka = kafka(channel);
        kafka.put("partitions", definition.partitions());
        ObjectNode configuration = kafka.putObject("topicConfiguration");
        definition.configs().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(config -> {
                    if (config.getKey().equals("cleanup.policy")) {
                        ArrayNode policies = configuration.putArray(config.getKey());
                        List.of(config.getValue().split(",", -1)).forEach(policies::add);
                    } else {
                        configuration.put(config.getKey(), Long.parseLong(config.getValue()));
                    }
                });
        kafka.put("bindingVersion", BINDING);
    }

    private static void operation(
            ObjectNode operations, String action, TopicDefinition definition, List<String> commands) {
        List<String> ours =
                commands.stream().filter(command -> !command.equals("you")).toList();
        if (ours.isEmpty()) {
            return;
        }
        ObjectNode operation = operations.putObject(action + "-" + definition.name());
        operation.put("action", action);
        operation.set("channel", ref("channels/" + definition.name()));
        operation.put("summary", (action.equals("send") ? "Written by " : "Read by ") + String.join(", ", ours) + ".");
        operation.putArray("messages").add(ref("channels/" + definition.name() + "/messages/" + definition.name()));
    }

    private static void message(ObjectNode message, TopicDefinition definition) {
        TopicContract contract = definition.contract();
        Optional<Schema> value = contract.value();
        message.put("name", value.map(Schema::getFullName).orElse("dead-letter"));
        message.put("title", value.map(Schema::getName).orElse("Dead letter"));
        message.put("summary", contract.purpose());
        message.put("contentType", value.isPresent() ? "avro/binary" : "application/octet-stream");
        value.ifPresent(schema -> {
            ObjectNode payload = message.putObject("payload");
            payload.put("schemaFormat", AVRO);
            payload.set("schema", plain(schema));
        });
        ObjectNode kafka = kafka(message);
        kafka.putObject("key").put("type", "string").put("description", contract.key());
        if (value.isPresent()) {
            kafka.put("schemaIdLocation", "payload");
            kafka.put("schemaIdPayloadEncoding", "confluent");
            kafka.put("schemaLookupStrategy", "TopicIdStrategy");
        }
        kafka.put("bindingVersion", BINDING);
    }

    private static ObjectNode kafka(ObjectNode owner) {
        return owner.putObject("bindings").putObject("kafka");
    }

    private static ObjectNode ref(String path) {
        return JSON.createObjectNode().put("$ref", "#/" + path);
    }

    /** A schema as its file has it, without what the code generator adds for Java. */
    private static JsonNode plain(Schema schema) {
        try {
            return plain(JSON.readTree(schema.toString()));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static JsonNode plain(JsonNode node) {
        if (node instanceof ObjectNode object) {
            boolean added = object.remove("avro.java.string") != null;
            if (added && object.size() == 1) {
                return object.get("type");
            }
            object.properties().forEach(property -> property.setValue(plain(property.getValue())));
        } else if (node instanceof ArrayNode array) {
            for (int i = 0; i < array.size(); i++) {
                array.set(i, plain(array.get(i)));
            }
        }
        return node;
    }

    /** Block style; strings are quoted as in JSON, which YAML reads as well. */
    private static String yaml(JsonNode node, int depth) {
        String indent = "  ".repeat(depth);
        if (node.isObject() && !node.isEmpty()) {
            return node.properties().stream()
                    .map(property -> indent + key(property.getKey()) + ":" + value(property.getValue(), depth + 1))
                    .collect(Collectors.joining());
        }
        StringBuilder items = new StringBuilder();
        for (JsonNode item : node) {
            String text = value(item, depth + 1);
            // The first line of a block stands beside its dash.
            items.append(indent).append('-').append(text.startsWith("\n") ? " " + text.strip() + "\n" : text);
        }
        return items.toString();
    }

    private static String value(JsonNode value, int depth) {
        if (value.isContainerNode() && !value.isEmpty()) {
            return "\n" + yaml(value, depth);
        }
        return " " + value + "\n";
    }

    private static String key(String name) {
        return name.matches("[A-Za-z][A-Za-z0-9_.-]*")
                ? name
                : JsonNodeFactory.instance.textNode(name).toString();
    }
}
