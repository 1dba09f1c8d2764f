package io.calibrant.schemas;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TopicExistsException;

/**
 * Compares the topics of a cluster with how they should be, and repairs what can be repaired without moving records.
 */
public final class TopicAdmin {
    private static final Duration VISIBLE = Duration.ofSeconds(30);

    private final Admin admin;

    /** @param admin an admin client of the cluster; stays the caller's to close */
    public TopicAdmin(Admin admin) {
        this.admin = admin;
    }

    /**
     * Creates the topics of a connection that are missing; touches nothing that exists. What {@code --create-topics}
     * does.
     */
    public static void createMissing(Connection connection) {
        try (Admin admin = Admin.create(connection.admin())) {
            TopicAdmin topics = new TopicAdmin(admin);
            for (TopicDifference difference : topics.compare(connection.topics().definitions())) {
                if (difference.missing()) {
                    topics.create(difference.definition());
                }
            }
        }
    }

    /**
     * Checks that topics exist, which a client would otherwise wait for in vain.
     *
     * @throws IllegalStateException naming the topics that are missing and how to create them
     */
    public static void require(Connection connection, String... names) {
        try (Admin admin = Admin.create(connection.admin())) {
            Collection<String> there = get(admin.listTopics().names());
            requireNone(Stream.of(names).filter(name -> !there.contains(name)).toList());
        }
    }

    /**
     * The refusal of every client that finds topics missing.
     *
     * @param missing none of them: nothing happens
     * @throws IllegalStateException naming them and how to create them
     */
    public static void requireNone(List<String> missing) {
        requireNone(missing, "");
    }

    /** As {@link #requireNone(List)}, of a service that can create them; {@code orElse} says how. */
    public static void requireNone(List<String> missing, String orElse) {
        if (!missing.isEmpty()) {
            throw new IllegalStateException((missing.size() > 1 ? "topics " : "topic ") + String.join(", ", missing)
                    + " missing: create with 'calibrant topics --apply'" + orElse);
        }
    }

    /**
     * How large a record a topic takes, bytes, so far as we may know: where reading its configuration is denied,
     * {@link DeadLetters#USUAL_LIMIT}.
     *
     * @throws KafkaException if the cluster does not answer
     */
    public int maxRecordBytes(String topic) {
        try {
            Config config =
                    get(admin.describeConfigs(List.of(resource(topic))).values().get(resource(topic)));
            return Integer.parseInt(
                    config.get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG).value());
        } catch (AuthorizationException e) {
            return DeadLetters.USUAL_LIMIT;
        }
    }

    /**
     * Every topic with what it lacks, in the order given.
     *
     * @throws KafkaException if the cluster does not answer
     */
    public List<TopicDifference> compare(List<TopicDefinition> definitions) {
        Collection<String> there = get(admin.listTopics().names());
        List<String> names = definitions.stream()
                .map(TopicDefinition::name)
                .filter(there::contains)
                .toList();
        Map<String, TopicDescription> descriptions =
                get(admin.describeTopics(names).allTopicNames());
        Map<ConfigResource, Config> configs = get(
                admin.describeConfigs(names.stream().map(TopicAdmin::resource).toList())
                        .all());
        List<TopicDifference> differences = new ArrayList<>();
        for (TopicDefinition definition : definitions) {
            TopicDescription description = descriptions.get(definition.name());
            differences.add(
                    description == null
                            ? new TopicDifference(definition, 0, Map.of())
                            : new TopicDifference(
                                    definition,
                                    description.partitions().size(),
                                    differing(definition, configs.get(resource(definition.name())))));
        }
        return differences;
    }

    private static Map<String, String> differing(TopicDefinition definition, Config config) {
        Map<String, String> differing = new HashMap<>();
        definition.configs().forEach((key, value) -> {
            String is =
                    Optional.ofNullable(config.get(key)).map(ConfigEntry::value).orElse("");
            if (!Objects.equals(is, value)) {
                differing.put(key, is);
            }
        });
        return differing;
    }

    /**
     * Creates the topic if it is missing, sets its differing configs. A number of partitions that differs is left as it
     * is: see {@link TopicDifference#partitionsDiffer()}.
     *
     * @throws KafkaException if the cluster refuses
     */
    public void apply(TopicDifference difference) {
        if (difference.missing()) {
            create(difference.definition());
        } else if (!difference.configs().isEmpty()) {
            List<AlterConfigOp> operations = difference.configs().keySet().stream()
                    .map(key -> new AlterConfigOp(
                            new ConfigEntry(
                                    key, difference.definition().configs().get(key)),
                            AlterConfigOp.OpType.SET))
                    .toList();
            get(admin.incrementalAlterConfigs(
                            Map.of(resource(difference.definition().name()), operations))
                    .all());
        }
    }

    private void create(TopicDefinition definition) {
        // No replication factor: the cluster's own default is right for the cluster.
        NewTopic topic = new NewTopic(definition.name(), Optional.of(definition.partitions()), Optional.empty())
                .configs(definition.configs());
        try {
            get(admin.createTopics(List.of(topic)).all());
        } catch (TopicExistsException e) {
            // Another client has created it at the same time.
        }
        awaitVisible(definition.name());
    }

    /** The controller has created the topic; the brokers learn of it a moment later, and clients ask the brokers. */
    private void awaitVisible(String topic) {
        long deadline = System.nanoTime() + VISIBLE.toNanos();
        while (!get(admin.listTopics().names()).contains(topic)) {
            if (System.nanoTime() > deadline) {
                throw new KafkaException("topic " + topic + " was created, but the brokers do not know it after "
                        + VISIBLE.toSeconds() + " s");
            }
            try {
                TimeUnit.MILLISECONDS.sleep(20);
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            }
        }
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static <T> T get(KafkaFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof KafkaException cause) {
                throw cause;
            }
            throw new KafkaException(e.getCause());
        }
    }
}
