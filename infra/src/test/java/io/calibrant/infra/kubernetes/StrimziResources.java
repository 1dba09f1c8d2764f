package io.calibrant.infra.kubernetes;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.testing.AccessPage;
import io.calibrant.trainer.statistics.Publisher;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * {@code topics.yaml} and {@code users.yaml}, written from the definitions of topics and the rights of the services.
 */
final class StrimziResources {
    private static final String API = "kafka.strimzi.io/v1";
    private static final String RUN = "any";

    private final StringBuilder text = new StringBuilder();

    private StrimziResources() {}

    static String topics() {
        StrimziResources topics = new StrimziResources();
        topics.add(
                "# Every topic as io.calibrant.schemas.Topics defines it; written by ManifestsTest, which"
                        + " fails when it drifts:",
                "# mvn -pl infra -am test -Dtest=ManifestsTest -Dsurefire.failIfNoSpecifiedTests=false" + " -D"
                        + Page.WRITE + "=true");
        for (TopicDefinition definition : new Topics(Topics.DEFAULT_PREFIX).definitions()) {
            topics.begin("KafkaTopic", definition.name());
            topics.add("  partitions: " + definition.partitions(), "  replicas: 3", "  config:");
            Map<String, String> configs = new TreeMap<>(definition.configs());
            configs.put("min.insync.replicas", "2");
            configs.forEach((key, value) -> topics.add("    " + key + ": " + value));
        }
        return topics.text.toString();
    }

    static String users(Path page) throws IOException {
        StrimziResources users = new StrimziResources();
        users.add(
                "# The rights that infra/docs/access.md lists, and no others; written by ManifestsTest,"
                        + " which fails when they",
                "# drift from the page or from what the services ask for. The operator makes a secret of"
                        + " each user's name.");
        for (Map.Entry<String, List<AccessRight>> user : rights(page).entrySet()) {
            users.begin("KafkaUser", user.getKey());
            users.add(
                    "  authentication:",
                    "    type: scram-sha-512",
                    "  authorization:",
                    "    type: simple",
                    "    acls:");
            Map<String, List<AccessRight>> byResource = user.getValue().stream()
                    .collect(Collectors.groupingBy(
                            right -> right.kind() + right.name(), LinkedHashMap::new, Collectors.toList()));
            byResource.values().forEach(users::acl);
        }
        return users.text.toString();
    }

    /** By user, in the order of the data flow; a right that another one includes is left out. */
    static Map<String, List<AccessRight>> rights(Path page) throws IOException {
        Map<String, List<AccessRight>> listed = AccessPage.rights(page);
        Map<String, List<AccessRight>> users = new LinkedHashMap<>();
        // With validation questions, as it is unless told otherwise.
        users.put("calibrant-trainer", reduced(Stream.concat(listed.get("train").stream(), ofTrainer(true).stream())));
        users.put("calibrant-fitter", reduced(listed.get("fit").stream()));
        users.put("calibrant-scorer", reduced(listed.get("score").stream()));
        // Who asks, reads answers, tells the labels and looks at what there is.
        users.put(
                "calibrant-client",
                reduced(Stream.of("ask", "answers", "label", "validate", "runs", "fits", "watch")
                        .flatMap(command -> listed.get(command).stream())));
        // Whoever is called: all commands that operations.md asks for, deletions and refits among them.
        users.put("calibrant-operator", reduced(ofOperator(listed).flatMap(command -> listed.get(command).stream())));
        return users;
    }

    /** Every command of the page but the services, which have users of their own; a refit wants what a fitter does. */
    static Stream<String> ofOperator(Map<String, List<AccessRight>> listed) {
        return listed.keySet().stream()
                .filter(command -> !List.of("train", "score").contains(command));
    }

    private static List<AccessRight> reduced(Stream<AccessRight> rights) {
        List<AccessRight> all = rights.distinct().toList();
        return all.stream()
                .filter(right -> all.stream().noneMatch(other -> !other.equals(right) && other.includes(right)))
                .toList();
    }

    /** What the code asks for, by the command of the page; names of runs and shards as the page has them. */
    static Map<String, List<AccessRight>> ofCode() {
        return Map.of(
                "train",
                ofTrainer(false),
                "fit",
                Fitter.rights(connection(), FitterSettings.defaults()),
                "score",
                Scorer.rights(connection(), ScorerSettings.of(RUN, Path.of("model"))));
    }

    private static List<AccessRight> ofTrainer(boolean validating) {
        List<AccessRight> rights = new ArrayList<>();
        for (AccessRight right : Publisher.rights(connection(), RUN, "0/1", validating, validating)) {
            rights.add(
                    right.kind().equals("transactional id")
                            ? AccessRight.transactionalIds(Topics.DEFAULT_PREFIX + "calibrant-trainer-")
                            : right);
        }
        return rights;
    }

    private static Connection connection() {
        return Connection.to("localhost:9092", "mock://manifests");
    }

    private void begin(String kind, String name) {
        add(
                "---",
                "apiVersion: " + API,
                "kind: " + kind,
                "metadata:",
                "  name: " + name,
                "  labels:",
                "    app.kubernetes.io/part-of: calibrant",
                "    strimzi.io/cluster: kafka",
                "spec:");
    }

    private void acl(List<AccessRight> rights) {
        AccessRight first = rights.get(0);
        String name = first.name();
        add(
                "      - resource:",
                "          type: " + (first.kind().equals("transactional id") ? "transactionalId" : first.kind()),
                "          name: " + name.replace("*", ""),
                "          patternType: " + (name.endsWith("*") ? "prefix" : "literal"),
                "        operations: "
                        + rights.stream()
                                .map(right -> operation(right.operation()))
                                .collect(Collectors.joining(", ", "[", "]")));
    }

    /** {@code DescribeConfigs} for {@code DESCRIBE_CONFIGS}, as Strimzi has it. */
    private static String operation(String name) {
        return Stream.of(name.split("_", -1))
                .map(word -> word.charAt(0) + word.substring(1).toLowerCase(Locale.ROOT))
                .collect(Collectors.joining());
    }

    private void add(String... lines) {
        for (String line : lines) {
            text.append(line).append('\n');
        }
    }
}
