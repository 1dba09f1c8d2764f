package io.calibrant.schemas;

import io.calibrant.schemas.registry.AvroDeserializer;
import io.calibrant.schemas.registry.AvroSerde;
import io.calibrant.schemas.registry.AvroSerializer;
import io.calibrant.schemas.registry.ForeignSerde;
import io.calibrant.schemas.registry.RegistryClient;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.schemas.text.Secrets;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Where Kafka and the registry are, and how to talk to them.
 *
 * @param bootstrapServers Kafka's {@code host:port[,host:port]}
 * @param schemaRegistry the registry's address: http(s), or {@code mock://name} for one in this JVM's memory
 * @param topicPrefix put before every topic name; empty for none, null for {@link Topics#DEFAULT_PREFIX}
 * @param properties further settings, by key: Kafka's client settings go to every client as they are ({@code sasl.*},
 *     {@code ssl.*}, ...), {@code basic.auth.user.info} and {@code bearer.auth.token} to the registry, and
 *     {@value #SERIALIZER}, {@value #DESERIALIZER}, {@value #SERDE} name the classes of Avro values
 */
public record Connection(
        String bootstrapServers, String schemaRegistry, String topicPrefix, Map<String, String> properties) {
    /** Property: the serializer class of Avro values; default this project's own; Confluent's can be used instead. */
    public static final String SERIALIZER = "calibrant.value.serializer";

    /** Property: the deserializer class of Avro values; default this project's own; Confluent's can be used instead. */
    public static final String DESERIALIZER = "calibrant.value.deserializer";

    /**
     * Property: the serde class of Avro values in Kafka Streams; default this project's own; Confluent's can be used
     * instead.
     */
    public static final String SERDE = "calibrant.value.serde";

    static {
        // Here too, for other deserializers than our own.
        TrustedRecords.trust();
    }

    private static final Pattern BOOTSTRAP_SERVERS = Pattern.compile("\\s*[^\\s,]+:\\d+\\s*(,\\s*[^\\s,]+:\\d+\\s*)*");

    private static final Pattern SCHEMA_REGISTRY = Pattern.compile("(https?|mock)://\\S+(\\s*,\\s*https?://\\S+)*");
    private static final String FETCH_BYTES = Integer.toString(Topics.MAX_RECORD_BYTES);

    /**
     * Checks the addresses' form, not whether anybody answers, and the settings on which a promise rests.
     *
     * @throws ConfigurationException naming the flag of the address that has another form, or a setting of Kafka's that
     *     is not accepted
     */
    public Connection {
        Require.that(
                bootstrapServers != null
                        && BOOTSTRAP_SERVERS.matcher(bootstrapServers).matches(),
                "--bootstrap-server",
                bootstrapServers,
                "host:port[,host:port]");
        Require.that(
                schemaRegistry != null
                        && SCHEMA_REGISTRY.matcher(schemaRegistry).matches(),
                "--schema-registry",
                schemaRegistry,
                "http://host:port, https://host:port or mock://name");
        topicPrefix = new Topics(topicPrefix == null ? Topics.DEFAULT_PREFIX : topicPrefix).prefix();
        properties = Map.copyOf(properties);
        ClientSettings.check(properties);
    }

    /** A connection with the default settings. */
    public static Connection to(String bootstrapServers, String schemaRegistry) {
        return new Connection(bootstrapServers, schemaRegistry, Topics.DEFAULT_PREFIX, Map.of());
    }

    /** The topics behind this connection. */
    public Topics topics() {
        return new Topics(topicPrefix);
    }

    /** The registry behind this connection. */
    public RegistryClient registry() {
        return RegistryClient.of(registryConfigs());
    }

    /** Settings of a producer: idempotent, waiting for all replicas, records up to {@link Topics#MAX_RECORD_BYTES}. */
    public Map<String, Object> producer() {
        Map<String, Object> configs = new HashMap<>();
        configs.put(ProducerConfig.BUFFER_MEMORY_CONFIG, Integer.toString(2 * Topics.MAX_RECORD_BYTES));
        configs.put(ProducerConfig.LINGER_MS_CONFIG, "5");
        addClient(configs);
        configs.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, FETCH_BYTES);
        configs.put(ProducerConfig.ACKS_CONFIG, "all");
        configs.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
        return configs;
    }

    /**
     * Settings of a consumer: committed records only, offsets committed by hand, from the earliest record where the
     * group has no offset, large fetches (a record of {@link Topics#MAX_RECORD_BYTES} always comes through).
     *
     * @param groupId the consumer group, null for none
     */
    public Map<String, Object> consumer(String groupId) {
        Map<String, Object> configs = new HashMap<>();
        configs.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        configs.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FETCH_BYTES);
        // The operating system's size, which grows: with Kafka's 64 KB a broker sends only while the client reads.
        configs.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, "-1");
        addClient(configs);
        configs.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        configs.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        if (groupId != null) {
            configs.put(ConsumerConfig.GROUP_ID_CONFIG, groupId);
        }
        return configs;
    }

    /** Settings of an admin client, and what every client has in common. */
    public Map<String, Object> admin() {
        Map<String, Object> configs = new HashMap<>();
        addClient(configs);
        return configs;
    }

    private void addClient(Map<String, Object> configs) {
        properties.forEach((key, value) -> {
            if (!isRegistryKey(key) && !key.startsWith("calibrant.")) {
                configs.put(key, value);
            }
        });
        configs.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers);
    }

    /** A configured serializer of Avro values. */
    public <T extends SpecificRecord> Serializer<T> serializer(Class<T> type) {
        Serializer<T> serializer = instance(SERIALIZER, AvroSerializer.class, Serializer.class);
        serializer.configure(valueConfigs(type), false);
        return serializer instanceof AvroSerializer ? serializer : ForeignSerde.serializer(serializer, shownRegistry());
    }

    /** A configured deserializer of Avro values; which failures are permanent: see {@link AvroDeserializer}. */
    public <T extends SpecificRecord> Deserializer<T> deserializer(Class<T> type) {
        Deserializer<T> deserializer = instance(DESERIALIZER, AvroDeserializer.class, Deserializer.class);
        deserializer.configure(valueConfigs(type), false);
        return deserializer instanceof AvroDeserializer
                ? deserializer
                : ForeignSerde.deserializer(deserializer, type, shownRegistry());
    }

    /** A configured serde of Avro values, for Kafka Streams. */
    public <T extends SpecificRecord> Serde<T> serde(Class<T> type) {
        Serde<T> serde = instance(SERDE, AvroSerde.class, Serde.class);
        serde.configure(valueConfigs(type), false);
        return serde instanceof AvroSerde ? serde : new ForeignSerde<>(serde, type, shownRegistry());
    }

    /**
     * Whether all values are read and written by classes of others, which may know the registry in ways of their own.
     */
    boolean hasForeignSerdes() {
        return Stream.of(SERIALIZER, DESERIALIZER, SERDE)
                .allMatch(key -> properties.containsKey(key)
                        && !properties.get(key).startsWith(AvroSerde.class.getPackageName() + "."));
    }

    /** The registry's address as it may be shown: without credentials. */
    public String shownRegistry() {
        return Secrets.inText(schemaRegistry);
    }

    /** Addresses without credentials, and of the properties the keys alone: some are secrets. */
    @Override
    public String toString() {
        return "Connection[" + bootstrapServers + ", " + shownRegistry() + ", prefix '" + topicPrefix + "', "
                + new TreeSet<>(properties.keySet()) + "]";
    }

    /** All that is not our own: serdes of others know keys that are Kafka's (SASL_INHERIT), and some that are not. */
    private Map<String, Object> registryConfigs() {
        Map<String, Object> configs = new HashMap<>();
        properties.forEach((key, value) -> {
            if (!key.startsWith("calibrant.")) {
                configs.put(key, value);
            }
        });
        configs.put("schema.registry.url", schemaRegistry);
        return configs;
    }

    private Map<String, Object> valueConfigs(Class<?> type) {
        Map<String, Object> configs = registryConfigs();
        configs.putIfAbsent("auto.register.schemas", "true");
        configs.put("specific.avro.reader", "true");
        configs.put("specific.avro.value.type", type.getName());
        return configs;
    }

    /** Whether a setting is the registry's or a serde's, in Confluent's own keys, and not a Kafka client's. */
    private static boolean isRegistryKey(String key) {
        return key.startsWith("schema.registry.")
                || key.startsWith("basic.auth.")
                || key.startsWith("bearer.auth.")
                || key.startsWith("proxy.")
                || key.startsWith("specific.avro.")
                || key.startsWith("avro.")
                || key.endsWith(".schemas")
                || key.startsWith("use.latest.")
                || key.endsWith(".subject.name.strategy");
    }

    @SuppressWarnings("unchecked") // the record type is fixed by valueConfigs, not by the class
    private <S> S instance(String key, Class<?> standard, Class<? super S> kind) {
        String name = properties.getOrDefault(key, standard.getName());
        try {
            return (S) Class.forName(name)
                    .asSubclass(kind)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException | ClassCastException | LinkageError e) {
            throw new ConfigurationException(
                    key,
                    name,
                    "the name of a " + kind.getName() + " on the class path with a constructor without arguments",
                    e);
        }
    }
}
