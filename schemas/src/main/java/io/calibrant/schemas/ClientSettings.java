package io.calibrant.schemas;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

/**
 * The settings of Kafka's clients on which a promise rests. A user's file may be one that other programs share: what it
 * says of these is refused by name rather than overridden in silence, or left to lose records.
 */
final class ClientSettings {
    /** What they may be; anything else is refused. */
    private static final Map<String, Accepted> FIXED = Map.ofEntries(
            only("auto.offset.reset", "earliest", "what came before the first start would be skipped"),
            only("isolation.level", "read_committed", "what was aborted would be counted"),
            only("enable.auto.commit", "false", "what is not processed would be committed"),
            only("enable.idempotence", "true", "what is sent again would be stored twice"),
            only("acks", "all|-1", "what one broker loses would be lost"),
            only("processing.guarantee", "exactly_once_v2", "what is read again would be counted twice"),
            only("group.protocol", "classic", "the services know no other"),
            only("partitioner.ignore.keys", "false", "records of one key would be spread"),
            none("partitioner.class", "records of one key must meet in its partition"),
            none("group.id", "each service has its own group, see --topic-prefix and --fit"),
            none("group.instance.id", "two processes with one file would throw each other out"),
            none("transactional.id", "each producer has its own"),
            none("transaction.timeout.ms", "each service has its own"),
            none("application.id", "it is made of --topic-prefix and --fit"),
            none("state.dir", "--state-dir says it"),
            none("num.stream.threads", "--threads says it"),
            none("commit.interval.ms", "each service has its own"),
            none("default.timestamp.extractor", "the fitter has its own"),
            none("default.deserialization.exception.handler", "the fitter has its own"),
            none("deserialization.exception.handler", "the fitter has its own"),
            none("processing.exception.handler", "the fitter has its own"),
            none("default.production.exception.handler", "the fitter has its own"),
            none("production.exception.handler", "the fitter has its own"),
            none("errors.dead.letter.queue.topic.name", "the fitter has its own"));

    /** Numbers that are taken as they are, where they are numbers. */
    private static final Map<String, Integer> AT_LEAST =
            new TreeMap<>(Map.of("session.timeout.ms", 1, "heartbeat.interval.ms", 1));

    /** What {@code sasl.jaas.config} must be. */
    static final String LOGIN =
            "one login module that Kafka allows, as in 'MODULE required username=\"...\" password=\"...\";'";

    /** Kafka Streams gives a setting with one of these in front to some of its clients only. */
    private static final Pattern PREFIX =
            Pattern.compile("^(main\\.consumer|restore\\.consumer|global\\.consumer|consumer|producer|admin)\\.");

    private ClientSettings() {}

    private record Accepted(Pattern values, String words) {}

    private static Map.Entry<String, Accepted> only(String key, String values, String otherwise) {
        return Map.entry(
                key,
                new Accepted(
                        Pattern.compile(values, Pattern.CASE_INSENSITIVE),
                        "left out or " + values.replace("|", " or ") + " (" + otherwise + ")"));
    }

    private static Map.Entry<String, Accepted> none(String key, String why) {
        return Map.entry(key, new Accepted(Pattern.compile("(?!)"), "left out (" + why + ")"));
    }

    /**
     * Checks what a user has set.
     *
     * @throws ConfigurationException naming the first setting, by its name, that is not accepted
     */
    static void check(Map<String, String> properties) {
        new TreeMap<>(properties).forEach((key, value) -> {
            String name = PREFIX.matcher(key).replaceFirst("");
            Accepted accepted = FIXED.get(name);
            if (accepted != null && !accepted.values.matcher(value.strip()).matches()) {
                throw new ConfigurationException(key, value, accepted.words);
            }
            if (AT_LEAST.containsKey(name)) {
                Require.that(
                        isNumber(value.strip(), AT_LEAST.get(name)),
                        key,
                        value,
                        AT_LEAST.get(name) + " or more (milliseconds)");
            }
            if (name.equals(SaslConfigs.SASL_JAAS_CONFIG)) {
                Require.that(isLogin(value), key, value, LOGIN);
            }
        });
    }

    /** Kafka's own messages about a login that it cannot read quote parts of it, a password among them. */
    private static boolean isLogin(String value) {
        try {
            JaasContext.loadClientContext(Map.of(SaslConfigs.SASL_JAAS_CONFIG, new Password(value)));
            return true;
        } catch (IllegalArgumentException | KafkaException e) {
            return false;
        }
    }

    private static boolean isNumber(String value, int least) {
        try {
            return Integer.parseInt(value) >= least;
        } catch (NumberFormatException e) {
            return false;
        }
    }
}
