package io.calibrant.schemas;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Compares the topics of a cluster with how they should be, creates those that are missing, and sets what differs.
 * Whatever is made is asked for first, with Kafka's {@code validateOnly}: so all of it is made, or nothing.
 */
public final class TopicAdmin {
    private static final Duration VISIBLE = Duration.ofSeconds(30);

    private final Admin admin;
    private final Replication replication;

    /** @param admin an admin client of the cluster; stays the caller's to close */
    public TopicAdmin(Admin admin) {
        this(admin, new Replication(Optional.empty(), Optional.empty()));
    }

    /**
     * With a replication of what is created.
     *
     * @param admin an admin client of the cluster; stays the caller's to close
     */
    public TopicAdmin(Admin admin, Replication replication) {
        this.admin = admin;
        this.replication = replication;
    }

    /**
     * Creates the topics of a connection that are missing, all of them or none; touches nothing that exists. What
     * {@code --create-topics} does.
     *
     * @return what users should know of the topics, one line each
     * @throws KafkaException naming the topic that cannot be created
     */
    public static List<String> createMissing(Connection connection) {
        try (Admin admin = Admin.create(connection.admin())) {
            TopicAdmin topics = new TopicAdmin(admin, Replication.of(connection));
            List<TopicDefinition> definitions = connection.topics().definitions();
            Map<String, Integer> there = topics.partitions(
                    definitions.stream().map(TopicDefinition::name).toList());
            List<TopicDefinition> missing = definitions.stream()
                    .filter(definition -> there.get(definition.name()) == 0)
                    .toList();
            if (missing.isEmpty()) {
                return List.of();
            }
            List<TopicDefinition> possible = topics.creatable(missing);
            topics.create(possible);
            List<String> warnings = new ArrayList<>(limits(missing, possible));
            warnings.addAll(topics.replicationWarnings(topics.described(possible)));
            return warnings;
        }
    }

    /**
     * Checks that topics exist, which a client would otherwise wait for in vain.
     *
     * @throws IllegalStateException naming the topics that are missing and how to create them
     * @throws AccessDeniedException where it may not be known whether they exist
     */
    public static void require(Connection connection, String... names) {
        try (Admin admin = Admin.create(connection.admin())) {
            Map<String, Integer> partitions = new TopicAdmin(admin).partitions(List.of(names));
            requireNone(
                    Stream.of(names).filter(name -> partitions.get(name) == 0).toList());
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
     * The number of partitions of each topic, 0 where there is none.
     *
     * @throws AccessDeniedException where a topic may not be described: then nobody knows whether there is one
     */
    public Map<String, Integer> partitions(Collection<String> names) {
        Map<String, Integer> partitions = new TreeMap<>();
        describe(names)
                .forEach((name, description) -> partitions.put(
                        name, description.map(each -> each.partitions().size()).orElse(0)));
        return partitions;
    }

    private Map<String, Optional<TopicDescription>> describe(Collection<String> names) {
        Map<String, Optional<TopicDescription>> found = new HashMap<>();
        admin.describeTopics(names).topicNameValues().forEach((name, future) -> {
            try {
                found.put(name, Optional.of(get(future)));
            } catch (UnknownTopicOrPartitionException e) {
                found.put(name, Optional.empty());
            } catch (AuthorizationException e) {
                throw new AccessDeniedException("DESCRIBE", "topic", name, e);
            }
        });
        return found;
    }

    /**
     * Every topic with what it lacks, in the order given.
     *
     * @throws KafkaException if the cluster does not answer
     * @throws AccessDeniedException where a topic may not be described, or its settings not
     */
    public List<TopicDifference> compare(List<TopicDefinition> definitions) {
        List<TopicDefinition> wanted = replication.in(definitions);
        Map<String, Optional<TopicDescription>> descriptions =
                describe(wanted.stream().map(TopicDefinition::name).toList());
        Map<String, Config> configs = configs(wanted.stream()
                .map(TopicDefinition::name)
                .filter(name -> descriptions.get(name).isPresent())
                .toList());
        return wanted.stream()
                .map(each -> difference(each, descriptions.get(each.name()), configs.get(each.name())))
                .toList();
    }

    private Map<String, Config> configs(List<String> names) {
        Map<String, Config> configs = new HashMap<>();
        admin.describeConfigs(names.stream().map(TopicAdmin::resource).toList())
                .values()
                .forEach((resource, future) -> {
                    try {
                        configs.put(resource.name(), get(future));
                    } catch (UnknownTopicOrPartitionException e) {
                        configs.put(resource.name(), new Config(List.of())); // deleted, or not known everywhere yet
                    } catch (AuthorizationException e) {
                        throw new AccessDeniedException("DESCRIBE_CONFIGS", "topic", resource.name(), e);
                    }
                });
        return configs;
    }

    /**
     * The largest record that one of these topics takes, bytes; {@link Topics#MAX_RECORD_BYTES} at most, and where
     * their settings may not be seen.
     */
    public int largestRecord(Collection<String> names) {
        try {
            return configs(List.copyOf(names)).values().stream()
                    .map(config -> value(config, Topics.MAX_MESSAGE_BYTES))
                    .filter(value -> !value.isEmpty())
                    .mapToInt(Integer::parseInt)
                    .max()
                    .stream()
                    .map(most -> Math.min(most, Topics.MAX_RECORD_BYTES))
                    .findFirst()
                    .orElse(Topics.MAX_RECORD_BYTES);
        } catch (AccessDeniedException e) {
            return Topics.MAX_RECORD_BYTES;
        }
    }

    private static TopicDifference difference(
            TopicDefinition definition, Optional<TopicDescription> description, Config config) {
        if (description.isEmpty()) {
            return TopicDifference.missing(definition);
        }
        Map<String, String> differing = new HashMap<>();
        definition.configs().forEach((key, value) -> {
            String is = value(config, key);
            if (!Objects.equals(is, value)) {
                differing.put(key, is);
            }
        });
        String minInsync = value(config, Replication.MIN_INSYNC_REPLICAS);
        return new TopicDifference(
                definition,
                description.get().partitions().size(),
                replicas(description.get()),
                minInsync.isEmpty() ? 0 : Integer.parseInt(minInsync),
                differing);
    }

    private static int replicas(TopicDescription description) {
        return description.partitions().stream()
                .map(TopicPartitionInfo::replicas)
                .mapToInt(List::size)
                .min()
                .orElse(0);
    }

    private static String value(Config config, String key) {
        return Optional.ofNullable(config.get(key)).map(ConfigEntry::value).orElse("");
    }

    /** Topics that exist, without their settings, which not everybody may see. */
    private List<TopicDifference> described(List<TopicDefinition> definitions) {
        Map<String, Optional<TopicDescription>> descriptions =
                describe(definitions.stream().map(TopicDefinition::name).toList());
        return definitions.stream()
                .filter(each -> descriptions.get(each.name()).isPresent())
                .map(each -> new TopicDifference(
                        each,
                        descriptions.get(each.name()).orElseThrow().partitions().size(),
                        replicas(descriptions.get(each.name()).orElseThrow()),
                        0,
                        Map.of()))
                .toList();
    }

    /** What may be lost, or stand still, with the replicas that topics have: one line each. */
    public List<String> replicationWarnings(List<TopicDifference> topics) {
        return Replication.warnings(topics, get(admin.describeCluster().nodes()).size());
    }

    /**
     * What the cluster would create of these, without creating it. Where it allows no records as large as they should
     * be, the largest that it allows.
     *
     * @throws KafkaException naming the first topic that it refuses, and why
     */
    public List<TopicDefinition> creatable(List<TopicDefinition> definitions) {
        Map<String, TopicDefinition> possible = new LinkedHashMap<>();
        replication.in(definitions).forEach(definition -> possible.put(definition.name(), definition));
        List<TopicDefinition> asked = List.copyOf(possible.values());
        while (!asked.isEmpty()) {
            List<TopicDefinition> smaller = new ArrayList<>();
            for (Map.Entry<String, KafkaException> refused : refusals(asked).entrySet()) {
                TopicDefinition next = smaller(possible.get(refused.getKey()), refused.getValue());
                possible.put(next.name(), next);
                smaller.add(next);
            }
            asked = smaller;
        }
        return List.copyOf(possible.values());
    }

    private Map<String, KafkaException> refusals(List<TopicDefinition> definitions) {
        Map<String, KafkaException> refusals = new LinkedHashMap<>();
        Map<String, KafkaFuture<Void>> answers = admin.createTopics(
                        definitions.stream().map(this::newTopic).toList(), new CreateTopicsOptions().validateOnly(true))
                .values();
        for (TopicDefinition definition : definitions) {
            try {
                get(answers.get(definition.name()));
            } catch (TopicExistsException e) {
                // Another client has created it at the same time.
            } catch (KafkaException e) {
                refusals.put(definition.name(), e);
            }
        }
        return refusals;
    }

    private static TopicDefinition smaller(TopicDefinition refused, KafkaException reason) {
        boolean isOfALimit = reason instanceof PolicyViolationException
                || reason instanceof InvalidConfigurationException
                || reason instanceof InvalidRequestException;
        if (!isOfALimit || refused.maxRecordBytes().isEmpty()) {
            throw impossible(refused, reason);
        }
        return smaller(refused);
    }

    /** Half as large records; at last as large as the cluster's own default. */
    private static TopicDefinition smaller(TopicDefinition refused) {
        long half = refused.maxRecordBytes().orElseThrow() / 2;
        return half < Topics.LEAST_RECORD_BYTES
                ? refused.without(Topics.MAX_MESSAGE_BYTES)
                : refused.with(Topics.MAX_MESSAGE_BYTES, Long.toString(half));
    }

    private static KafkaException impossible(TopicDefinition definition, KafkaException reason) {
        return reason instanceof AuthorizationException
                ? new AccessDeniedException("CREATE", "topic", definition.name(), reason)
                : new KafkaException(
                        "topic " + definition.name() + " cannot be created, and none was: " + reason.getMessage(),
                        reason);
    }

    /**
     * Which topics take smaller records than they should, for people; empty where none does.
     *
     * @param wanted the definitions
     * @param possible what the cluster allows of them, in the same order
     */
    public static List<String> limits(List<TopicDefinition> wanted, List<TopicDefinition> possible) {
        Map<String, List<String>> limited = new TreeMap<>();
        for (int i = 0; i < wanted.size(); i++) {
            Optional<Long> most = possible.get(i).maxRecordBytes();
            if (!most.equals(wanted.get(i).maxRecordBytes())) {
                limited.computeIfAbsent(
                                most.map(bytes -> "of at most " + bytes + " bytes")
                                        .orElse("as large as the cluster's default allows"),
                                key -> new ArrayList<>())
                        .add(possible.get(i).name());
            }
        }
        return limited.entrySet().stream()
                .map(each -> "the cluster refuses " + Topics.MAX_MESSAGE_BYTES + "=" + Topics.MAX_RECORD_BYTES
                        + ": records " + each.getKey() + " go to " + String.join(", ", each.getValue())
                        + "; --rank, --statistics-dtype BF16 and a smaller --batch-size or --batches-per-record make"
                        + " those of train smaller")
                .toList();
    }

    /**
     * Creates topics, as {@link #creatable} has found them possible.
     *
     * @throws KafkaException if the cluster refuses after all
     */
    public void create(List<TopicDefinition> definitions) {
        Map<String, KafkaFuture<Void>> made = admin.createTopics(
                        definitions.stream().map(this::newTopic).toList())
                .values();
        for (TopicDefinition definition : definitions) {
            try {
                get(made.get(definition.name()));
            } catch (TopicExistsException e) {
                // Another client has created it at the same time.
            } catch (AuthorizationException e) {
                throw impossible(definition, e);
            }
        }
        awaitLeaders(
                awaitVisible(definitions.stream().map(TopicDefinition::name).toList()));
    }

    private NewTopic newTopic(TopicDefinition definition) {
        // Without a replication factor the cluster's own default is right for the cluster.
        return new NewTopic(definition.name(), Optional.of(definition.partitions()), replication.factor())
                .configs(definition.configs());
    }

    /**
     * What differs, without the limits of records that are as large as the cluster allows. Where it allows a larger one
     * than there is, but not as large as it should be, that is what there should be.
     *
     * @param differences as {@link #compare} found them
     */
    public List<TopicDifference> withinLimits(List<TopicDifference> differences) {
        return differences.stream()
                .map(each -> each.configs().containsKey(Topics.MAX_MESSAGE_BYTES)
                        ? withinLimit(each, definition -> isRefused(each.as(definition)))
                        : each)
                .toList();
    }

    static TopicDifference withinLimit(TopicDifference difference, Predicate<TopicDefinition> refused) {
        TopicDefinition possible = difference.definition();
        while (possible.maxRecordBytes().isPresent() && refused.test(possible)) {
            possible = smaller(possible);
        }
        if (possible.equals(difference.definition())) {
            return difference;
        }
        String is = difference.configs().get(Topics.MAX_MESSAGE_BYTES);
        boolean largest = possible.maxRecordBytes().isEmpty()
                || (!is.isEmpty()
                        && Long.parseLong(is) >= possible.maxRecordBytes().get());
        return largest ? difference.accepting(Topics.MAX_MESSAGE_BYTES) : difference.as(possible);
    }

    private boolean isRefused(TopicDifference difference) {
        try {
            alter(Map.of(difference, List.of(Topics.MAX_MESSAGE_BYTES)), true);
            return false;
        } catch (PolicyViolationException | InvalidConfigurationException | InvalidRequestException e) {
            return true;
        } catch (KafkaException e) {
            return false; // who may not set it sees what differs all the same
        }
    }

    /**
     * Asks the cluster whether it would set what differs; sets nothing.
     *
     * @throws KafkaException naming the first topic that it refuses, and why
     */
    public void requireAlterable(List<TopicDifference> differences) {
        for (TopicDifference each : differences) {
            try {
                alter(Map.of(each, List.copyOf(each.configs().keySet())), true);
            } catch (AuthorizationException e) {
                throw new AccessDeniedException(
                        "ALTER_CONFIGS", "topic", each.definition().name(), e);
            } catch (KafkaException e) {
                throw new KafkaException(
                        "topic " + each.definition().name() + " cannot be altered, and none was: " + e.getMessage(), e);
            }
        }
    }

    /**
     * Sets what differs. A number of partitions stays as it is: see {@link TopicDifference#partitionsDiffer()}.
     *
     * @throws KafkaException if the cluster refuses after all
     */
    public void alter(List<TopicDifference> differences) {
        alter(
                differences.stream()
                        .collect(Collectors.toMap(
                                each -> each, each -> List.copyOf(each.configs().keySet()))),
                false);
    }

    private void alter(Map<TopicDifference, List<String>> keys, boolean validateOnly) {
        Map<ConfigResource, Collection<AlterConfigOp>> operations = new HashMap<>();
        keys.forEach((difference, each) -> operations.put(
                resource(difference.definition().name()),
                each.stream()
                        .map(key -> new AlterConfigOp(
                                new ConfigEntry(
                                        key, difference.definition().configs().get(key)),
                                AlterConfigOp.OpType.SET))
                        .toList()));
        get(admin.incrementalAlterConfigs(operations, new AlterConfigsOptions().validateOnly(validateOnly))
                .all());
    }

    /** The controller has created the topics; the brokers learn of it a moment later, and clients ask the brokers. */
    private Map<String, Integer> awaitVisible(List<String> topics) {
        long deadline = System.nanoTime() + VISIBLE.toNanos();
        while (true) {
            Map<String, Integer> partitions = partitions(topics);
            Optional<String> absent = partitions.entrySet().stream()
                    .filter(each -> each.getValue() == 0)
                    .map(Map.Entry::getKey)
                    .findFirst();
            if (absent.isEmpty()) {
                return partitions;
            }
            if (System.nanoTime() > deadline) {
                throw new KafkaException("topic " + absent.get() + " was created, but the brokers do not know it after "
                        + VISIBLE.toSeconds() + " s");
            }
            try {
                TimeUnit.MILLISECONDS.sleep(20);
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            }
        }
    }

    /**
     * Asks the leader of every partition, which the admin client does until it answers. A leader that does not know yet
     * that it is one sends a producer's first batch back and may take the second one: the first is then out of order
     * for ever, and the producer gives up after two minutes.
     */
    private void awaitLeaders(Map<String, Integer> partitions) {
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        partitions.forEach((topic, count) -> {
            for (int partition = 0; partition < count; partition++) {
                ends.put(new TopicPartition(topic, partition), OffsetSpec.latest());
            }
        });
        try {
            get(admin.listOffsets(ends).all());
        } catch (AuthorizationException e) {
            // Who may create topics need not be one who may describe them: clients then find out for themselves.
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
