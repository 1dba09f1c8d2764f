package io.calibrant.schemas.registry;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

/**
 * The headers by which a registry knows its client, from Confluent's own keys: {@code basic.auth.*} and
 * {@code bearer.auth.*}, each also with {@code schema.registry.} before it, which wins.
 */
final class RegistryCredentials {
    private static final String PREFIX = "schema.registry.";
    private static final String BASIC_SOURCE = "basic.auth.credentials.source";
    private static final String USER_INFO = "basic.auth.user.info";
    private static final String BEARER_SOURCE = "bearer.auth.credentials.source";
    private static final String TOKEN = "bearer.auth.token";
    private static final String AUTHORIZATION = "Authorization";

    /** Header by key: which registry and which pool of identities of a cloud a token is for. */
    private static final Map<String, String> OF_TOKENS = Map.of(
            "bearer.auth.logical.cluster", "target-sr-cluster",
            "bearer.auth.identity.pool.id", "Confluent-Identity-Pool-Id");

    private final Map<String, ?> configs;

    private RegistryCredentials(Map<String, ?> configs) {
        this.configs = configs;
    }

    /**
     * The headers of every request; without {@code Authorization} the credentials of the address are used, if any.
     *
     * @throws IllegalArgumentException naming the key, what is accepted and what was given
     */
    static Map<String, String> headers(Map<String, ?> configs) {
        return new RegistryCredentials(configs).headers();
    }

    private Map<String, String> headers() {
        Map<String, String> headers = new TreeMap<>();
        String basic = basic();
        if (basic != null) {
            headers.put(AUTHORIZATION, RegistryAddress.basic(basic));
        }
        String token = token();
        if (token != null) {
            headers.put(AUTHORIZATION, "Bearer " + token);
            OF_TOKENS.forEach((key, header) -> {
                String value = get(key);
                if (value != null) {
                    headers.put(header, value);
                }
            });
        }
        headers.forEach((name, value) -> {
            if (value.chars().anyMatch(c -> c < ' ' || c > '~')) {
                throw new IllegalArgumentException(
                        (token == null ? USER_INFO : TOKEN) + " must be of characters that a header can have");
            }
        });
        return Map.copyOf(headers);
    }

    /** user:password, or null where the address has them or nothing does. */
    private String basic() {
        String source = get(BASIC_SOURCE);
        String given = get(USER_INFO);
        return switch (source == null ? "" : source.toUpperCase(Locale.ROOT)) {
            case "" -> given;
            case "URL" -> null;
            case "USER_INFO" -> {
                if (given == null) {
                    throw new IllegalArgumentException(USER_INFO + " must be user:password, got nothing");
                }
                yield given;
            }
            case "SASL_INHERIT" -> inherited();
            default ->
                throw new IllegalArgumentException(
                        BASIC_SOURCE + " must be one of URL, USER_INFO, SASL_INHERIT, got '" + source + "'");
        };
    }

    private String token() {
        String source = get(BEARER_SOURCE);
        String given = get(TOKEN);
        if (source == null) {
            return given;
        }
        if (!source.equalsIgnoreCase("STATIC_TOKEN")) {
            throw new IllegalArgumentException(
                    BEARER_SOURCE + " must be STATIC_TOKEN, got '" + source + "' (Confluent's serdes know others)");
        }
        if (given == null) {
            throw new IllegalArgumentException(TOKEN + " must be a token, got nothing");
        }
        return given;
    }

    /** What Kafka's clients log in with. */
    private String inherited() {
        String jaas = get(SaslConfigs.SASL_JAAS_CONFIG);
        Map<String, ?> context = jaas == null ? Map.of() : Map.of(SaslConfigs.SASL_JAAS_CONFIG, new Password(jaas));
        for (AppConfigurationEntry entry :
                JaasContext.loadClientContext(context).configurationEntries()) {
            Object user = entry.getOptions().get("username");
            Object password = entry.getOptions().get("password");
            if (user != null && password != null) {
                return user + ":" + password;
            }
        }
        throw new IllegalArgumentException(BASIC_SOURCE
                + " must be one of URL, USER_INFO where sasl.jaas.config has no username and password, got"
                + " 'SASL_INHERIT'");
    }

    private String get(String key) {
        return Stream.of(PREFIX + key, key)
                .map(configs::get)
                .filter(value -> value != null && !value.toString().isBlank())
                .map(value -> value instanceof Password password ? password.value() : value.toString())
                .findFirst()
                .orElse(null);
    }
}
