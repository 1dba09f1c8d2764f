package io.calibrant.infra.documents;

import io.calibrant.schemas.TopicContract;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.avro.JsonProperties;
import org.apache.avro.LogicalType;
import org.apache.avro.Schema;

/** The page {@code infra/docs/topics.md}, written from the definitions and the Avro schemas. */
final class TopicsPage {
    private final StringBuilder text = new StringBuilder();
    private final Set<Schema> described = new LinkedHashSet<>();

    private TopicsPage() {}

    static String text() {
        TopicsPage page = new TopicsPage();
        page.begin();
        List<TopicDefinition> definitions = new Topics("").definitions();
        page.overview(definitions);
        definitions.forEach(page::topic);
        page.shared();
        return page.text.toString().strip() + "\n";
    }

    private void begin() {
        add("# Topics");
        add(
                "",
                "Every topic with its key, its value, who writes it, who reads it, and how long it keeps a record.",
                "This page is generated from `io.calibrant.schemas.Topics` and the Avro schemas; a test fails when it"
                        + " drifts.",
                "To write it anew: `mvn -pl infra -am test -Dtest=TopicsPageTest"
                        + " -Dsurefire.failIfNoSpecifiedTests=false -D" + Page.WRITE + "=true`.",
                "");
        add(
                "- A name has the installation's prefix in front (`--topic-prefix`); by default `calibrant.`.",
                "- Keys are UTF-8 strings with `/` between their parts. Names of runs, checkpoints, blocks and fits"
                        + " have no `/`.",
                "- Values are Avro in Confluent's wire format: a zero byte, the schema's id (4 bytes), the record.",
                "- Every schema evolves `FULL_TRANSITIVE`: old and new readers and writers work together.",
                "- Every topic is created with 4 partitions and the cluster's own replication factor.",
                "- `you` is any client in any language. All other writers and readers are commands of `calibrant`.",
                "- `demo` and `bench` bring a broker of their own; they do there what the services and `evaluate` do.");
    }

    private void overview(List<TopicDefinition> definitions) {
        add("", "| topic | key | value | written by | read by | keeps |", "|---|---|---|---|---|---|");
        for (TopicDefinition definition : definitions) {
            TopicContract contract = definition.contract();
            add(String.join(
                    " | ",
                    "| [" + definition.name() + "](#" + anchor(definition.name()) + ")",
                    key(contract),
                    contract.value().map(Schema::getName).orElse("as received"),
                    String.join(", ", contract.writers()),
                    String.join(", ", contract.readers()),
                    keeps(definition) + " |"));
        }
    }

    private void topic(TopicDefinition definition) {
        TopicContract contract = definition.contract();
        add("", "## " + definition.name(), "", contract.purpose(), "");
        add("- Key: " + key(contract) + ".");
        add("- Written by: " + words(contract.writers()) + ". Read by: " + words(contract.readers()) + ".");
        String largest = definition.configs().get("max.message.bytes");
        add("- Keeps: " + keeps(definition) + " (" + configs(definition) + ")."
                + (largest == null
                        ? ""
                        : " A record may be as large as " + (Integer.parseInt(largest) >> 20) + " MB."));
        contract.value()
                .ifPresentOrElse(
                        this::value,
                        () -> add("- Value: the bytes as they were received, whatever"
                                + " they are; the reason is in Kafka's own error headers."));
    }

    private void value(Schema schema) {
        add("- Value: [`" + schema.getName() + "`](" + source(schema) + "). " + meaning(schema.getDoc()));
        fields(schema);
    }

    /** The records that several values use, each once. */
    private void shared() {
        add("", "## Records inside of values");
        Set<Schema> done = new LinkedHashSet<>();
        while (!done.containsAll(described)) {
            for (Schema schema : List.copyOf(described)) {
                if (done.add(schema)) {
                    add("", "### " + schema.getName());
                    if (schema.getDoc() != null) {
                        add("", sentence(schema.getDoc()));
                    }
                    if (schema.getType() == Schema.Type.RECORD) {
                        fields(schema);
                    } else {
                        add("", "One of " + words(schema.getEnumSymbols()) + ".");
                    }
                }
            }
        }
    }

    private void fields(Schema schema) {
        add("", "| field | type | default | meaning |", "|---|---|---|---|");
        for (Schema.Field field : schema.getFields()) {
            add(String.join(
                    " | ",
                    "| `" + field.name() + "`",
                    type(field.schema()),
                    field.hasDefaultValue() ? standard(field.defaultVal()) : "",
                    (field.doc() == null ? "" : escaped(field.doc())) + " |"));
        }
    }

    private String type(Schema schema) {
        return switch (schema.getType()) {
            case ARRAY -> "list of " + type(schema.getElementType());
            case MAP -> "map to " + type(schema.getValueType());
            case UNION ->
                schema.getTypes().stream()
                                .filter(each -> each.getType() != Schema.Type.NULL)
                                .map(this::type)
                                .collect(Collectors.joining(" or "))
                        + " or null";
            case RECORD, ENUM -> {
                described.add(schema);
                yield "[" + schema.getName() + "](#" + anchor(schema.getName()) + ")";
            }
            default -> {
                LogicalType logical = schema.getLogicalType();
                yield logical == null ? schema.getType().getName() : logical.getName();
            }
        };
    }

    private static String standard(Object value) {
        if (value == JsonProperties.NULL_VALUE) {
            return "null";
        }
        if ((value instanceof byte[] bytes && bytes.length == 0) || value.equals("")) {
            return "empty";
        }
        return "`" + value + "`";
    }

    private static String key(TopicContract contract) {
        return contract.value().isPresent() ? "`" + contract.key() + "`" : contract.key();
    }

    private static String keeps(TopicDefinition definition) {
        String policy = definition.configs().get("cleanup.policy");
        String retention = definition.configs().get("retention.ms");
        String days = retention == null
                ? ""
                : Duration.ofMillis(Long.parseLong(retention)).toDays() + " days";
        return switch (policy) {
            case "compact" -> "the newest of each key";
            case "delete" -> days;
            default -> "the newest of each key, " + days;
        };
    }

    private static String configs(TopicDefinition definition) {
        return definition.configs().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .map(config -> "`" + config.getKey() + "=" + config.getValue() + "`")
                .collect(Collectors.joining(", "));
    }

    private static String source(Schema schema) {
        return "../../schemas/src/main/avro/" + schema.getName() + ".avsc";
    }

    private static String words(List<String> names) {
        return names.stream().map(name -> "`" + name + "`").collect(Collectors.joining(", "));
    }

    private static String sentence(String doc) {
        return escaped(doc.endsWith(".") ? doc : doc + ".");
    }

    /** Without the topic and the key that the doc of a value begins with. */
    private static String meaning(String doc) {
        String rest = doc.replaceFirst("^Topic [a-z-]+, key:? [^:.]*[:.] ", "");
        return sentence(Character.toUpperCase(rest.charAt(0)) + rest.substring(1));
    }

    /** A '|' would end the cell of a table. */
    private static String escaped(String doc) {
        return doc.replace("|", "\\|");
    }

    private static String anchor(String heading) {
        return heading.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9 -]", "");
    }

    private void add(String... lines) {
        for (String line : lines) {
            text.append(line).append('\n');
        }
    }
}
