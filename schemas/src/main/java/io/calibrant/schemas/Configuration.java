package io.calibrant.schemas;

import io.calibrant.schemas.text.Secrets;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * Settings by key, each with where it came from. The precedence is the same everywhere: built-in &lt; file
 * ({@code --command-config}) &lt; environment ({@code CALIBRANT_*}) &lt; flags.
 *
 * <p>A key of our own ({@code calibrant.topic.prefix}) is spelt as it is in the environment, in capitals with '_' for
 * '.': {@code CALIBRANT_TOPIC_PREFIX}. Any other key, Kafka's and the registry's, gets {@code CALIBRANT_} in front:
 * {@code CALIBRANT_SASL_MECHANISM} is {@code sasl.mechanism}. Immutable.
 */
public final class Configuration {
    /** Key of {@code --bootstrap-server}. */
    public static final String BOOTSTRAP_SERVERS = "bootstrap.servers";

    /** Key of {@code --schema-registry}. */
    public static final String SCHEMA_REGISTRY = "schema.registry.url";

    /** Key of {@code --topic-prefix}. */
    public static final String TOPIC_PREFIX = "calibrant.topic.prefix";

    private static final String OWN = "calibrant.";
    private static final String ENVIRONMENT_PREFIX = "CALIBRANT_";

    private final Map<String, Entry> entries;

    /** The kinds of places that values come from; a later one takes precedence. */
    private enum Source {
        BUILT_IN,
        FILE,
        ENVIRONMENT,
        FLAG
    }

    /** A value and where it came from. */
    public static final class Entry {
        private final String value;
        private final Source source;
        private final String name;

        private Entry(String value, Source source, String name) {
            this.value = value;
            this.source = source;
            this.name = name;
        }

        /** The value. */
        public String value() {
            return value;
        }

        /** The environment variable or the file that the value came from; null for a flag and a built-in value. */
        public String variableOrFile() {
            return source == Source.FILE || source == Source.ENVIRONMENT ? name : null;
        }

        private String describe() {
            return switch (source) {
                case BUILT_IN -> "built-in";
                case FILE -> "file " + name;
                case ENVIRONMENT -> "environment " + name;
                case FLAG -> "flag " + name;
            };
        }
    }

    private Configuration(Map<String, Entry> entries) {
        this.entries = new TreeMap<>(entries);
    }

    /** The values that hold where no other source sets them. */
    public static Configuration builtIn(Map<String, String> values) {
        return new Configuration(Map.of()).with(values, Source.BUILT_IN, key -> "");
    }

    /**
     * On top of this, a file of {@code key=value} lines as Kafka's tools take it.
     *
     * @throws ConfigurationException if the file cannot be read
     */
    public Configuration withFile(Path file) {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigurationException("--command-config", file, "a file of key=value lines that can be read", e);
        }
        Map<String, String> values = new TreeMap<>();
        properties.stringPropertyNames().forEach(key -> values.put(key, properties.getProperty(key)));
        return with(values, Source.FILE, key -> file.toString());
    }

    /**
     * On top of this, the environment's variables {@code CALIBRANT_*}.
     *
     * @param ownKeys the keys of our own, beginning with {@code calibrant.}, that may be set so
     * @param ignored variables that are no settings
     */
    public Configuration withEnvironment(
            Map<String, String> environment, Collection<String> ownKeys, Collection<String> ignored) {
        Map<String, String> keys = new TreeMap<>();
        Map<String, String> values = new TreeMap<>();
        environment.forEach((name, value) -> {
            if (name.startsWith(ENVIRONMENT_PREFIX) && !ignored.contains(name)) {
                String own = name.toLowerCase(Locale.ROOT).replace('_', '.');
                String key = ownKeys.contains(own) ? own : own.substring(OWN.length());
                keys.put(key, name);
                values.put(key, value);
            }
        });
        return with(values, Source.ENVIRONMENT, keys::get);
    }

    /**
     * On top of this, the flags of the command line.
     *
     * @param values the value of every key
     * @param flags the flag of every key, for the origin
     */
    public Configuration withFlags(Map<String, String> values, Map<String, String> flags) {
        return with(values, Source.FLAG, flags::get);
    }

    private Configuration with(Map<String, String> values, Source source, UnaryOperator<String> name) {
        Map<String, Entry> all = new TreeMap<>(entries);
        values.forEach((key, value) -> all.put(key, new Entry(value, source, name.apply(key))));
        return new Configuration(all);
    }

    /** The value of a key and where it came from; empty where no source sets it. */
    public Optional<Entry> get(String key) {
        return Optional.ofNullable(entries.get(key));
    }

    /** Every key that has a value, sorted. */
    public Set<String> keys() {
        return Collections.unmodifiableSet(entries.keySet());
    }

    /**
     * Makes sure that both addresses are given.
     *
     * @throws ConfigurationException saying how to give the one that is missing
     */
    public void requireAddresses() {
        required(BOOTSTRAP_SERVERS, "--bootstrap-server");
        required(SCHEMA_REGISTRY, "--schema-registry");
    }

    /**
     * Where Kafka and the registry are, by these settings; every key but the three above is a property.
     *
     * @throws ConfigurationException naming the setting and what is accepted
     */
    public Connection connection() {
        Map<String, String> properties = new TreeMap<>();
        entries.forEach((key, entry) -> {
            if (!key.equals(BOOTSTRAP_SERVERS) && !key.equals(SCHEMA_REGISTRY) && !key.equals(TOPIC_PREFIX)) {
                properties.put(key, entry.value());
            }
        });
        return new Connection(
                required(BOOTSTRAP_SERVERS, "--bootstrap-server"),
                required(SCHEMA_REGISTRY, "--schema-registry"),
                get(TOPIC_PREFIX).map(Entry::value).orElse(Topics.DEFAULT_PREFIX),
                properties);
    }

    private String required(String key, String flag) {
        return get(key).map(Entry::value).orElseThrow(() -> new ConfigurationException(flag, null, given(key)));
    }

    /** The places where the value of a key can be given, in words that follow "must be". */
    public static String given(String key) {
        String variable = key.toUpperCase(Locale.ROOT).replace('.', '_');
        return "given as a flag, as " + (key.startsWith(OWN) ? "" : ENVIRONMENT_PREFIX) + variable
                + " in the environment, or as " + key + " in the file of --command-config";
    }

    /** One line a setting, {@code key = value (origin)}, sorted by key, secrets masked. */
    public String describe() {
        StringBuilder lines = new StringBuilder();
        entries.forEach((key, entry) -> lines.append(key)
                .append(" = ")
                .append(masked(key, entry.value()))
                .append("  (")
                .append(entry.describe())
                .append(")\n"));
        return lines.toString();
    }

    /** A value as it may be shown: {@code ********} where the key speaks of a secret, no credentials in addresses. */
    static String masked(String key, String value) {
        return Secrets.masked(key, value);
    }
}
