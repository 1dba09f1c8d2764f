package io.calibrant.schemas.registry;

import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.Socket;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.ssl.DefaultSslEngineFactory;

/**
 * HTTP clients for a registry behind TLS or a proxy: {@code schema.registry.ssl.*} is read as Kafka's clients read
 * {@code ssl.*}, by their own classes; {@code proxy.host} and {@code proxy.port} are Confluent's.
 */
final class RegistryTls {
    private static final String PREFIX = "schema.registry.";
    private static final String SSL = PREFIX + "ssl.";
    private static final String PROXY_HOST = "proxy.host";
    private static final String PROXY_PORT = "proxy.port";
    private static final Duration CONNECTING = Duration.ofSeconds(5);

    private RegistryTls() {}

    /** One for all that need no settings, made when it is needed. */
    private static final class Plain {
        static final HttpClient CLIENT = builder().sslContext(trustingNobody()).build();
    }

    private static final class Default {
        static final HttpClient CLIENT = builder().build();
    }

    private static HttpClient.Builder builder() {
        return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECTING);
    }

    /** The settings of a configuration that are read here, by key without {@code schema.registry.} before it. */
    static Map<String, String> settings(Map<String, ?> configs) {
        Map<String, String> settings = new TreeMap<>();
        for (String key : List.of(PROXY_HOST, PROXY_PORT)) {
            Object value = configs.get(PREFIX + key) == null ? configs.get(key) : configs.get(PREFIX + key);
            if (value != null && !value.toString().isBlank()) {
                settings.put(key, value.toString());
            }
        }
        configs.forEach((key, value) -> {
            if (key.startsWith(SSL) && value != null) {
                settings.put(
                        key.substring(PREFIX.length()),
                        value instanceof Password password ? password.value() : value.toString());
            }
        });
        return Map.copyOf(settings);
    }

    /**
     * A client for these settings; one for all where there are none.
     *
     * @throws IllegalArgumentException naming the key, or saying what is wrong with a file or its password
     */
    static HttpClient client(List<RegistryAddress> addresses, Map<String, String> settings) {
        if (settings.isEmpty()) {
            return addresses.stream().anyMatch(RegistryAddress::isTls) ? Default.CLIENT : Plain.CLIENT;
        }
        HttpClient.Builder client = builder();
        Map<String, String> tls = new TreeMap<>(settings);
        String proxy = tls.remove(PROXY_HOST);
        String port = tls.remove(PROXY_PORT);
        if (proxy != null) {
            client.proxy(ProxySelector.of(new InetSocketAddress(proxy, port(port))));
        }
        return tls.isEmpty() ? client.build() : speakingTls(client, tls);
    }

    /**
     * Java's client reads all certificates that are trusted before it speaks to anybody, which is most of what it takes
     * to make one; without TLS it needs none. Redirects are not followed.
     */
    private static SSLContext trustingNobody() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[0], null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("a Java without TLS", e);
        }
    }

    private static int port(String text) {
        try {
            int port = Integer.parseInt(text == null ? "" : text.strip());
            if (port > 0 && port < 1 << 16) {
                return port;
            }
        } catch (NumberFormatException e) {
            // Refused below.
        }
        throw new IllegalArgumentException(
                PROXY_PORT + " must be 1 to 65535, got " + (text == null ? "nothing" : "'" + text + "'"));
    }

    private static HttpClient speakingTls(HttpClient.Builder client, Map<String, String> settings) {
        ConfigDef known = new ConfigDef().withClientSslSupport();
        settings.keySet().forEach(key -> {
            if (!known.names().contains(key) || key.equals(SslConfigs.SSL_ENGINE_FACTORY_CLASS_CONFIG)) {
                throw new IllegalArgumentException(PREFIX + key + " must be one of Kafka's ssl.* settings of a file, a"
                        + " certificate or a protocol: no such setting for the registry");
            }
        });
        for (String key : List.of(SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG, SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG)) {
            if (settings.containsKey(key) && !Files.isReadable(Path.of(settings.get(key)))) {
                throw new IllegalArgumentException(
                        PREFIX + key + " must be a file that can be read, got '" + settings.get(key) + "'");
            }
        }
        try (DefaultSslEngineFactory engines = new DefaultSslEngineFactory()) {
            Map<String, ?> values = new AbstractConfig(known, settings, false).values();
            engines.configure(values);
            boolean anyHost = settings.containsKey(SslConfigs.SSL_ENDPOINT_IDENTIFICATION_ALGORITHM_CONFIG)
                    && settings.get(SslConfigs.SSL_ENDPOINT_IDENTIFICATION_ALGORITHM_CONFIG)
                            .isBlank();
            client.sslContext(anyHost ? withoutHostNames(engines, values) : engines.sslContext());
            SSLParameters parameters = new SSLParameters();
            if (values.get(SslConfigs.SSL_CIPHER_SUITES_CONFIG) instanceof List<?> suites && !suites.isEmpty()) {
                parameters.setCipherSuites(suites.toArray(String[]::new));
            }
            if (values.get(SslConfigs.SSL_ENABLED_PROTOCOLS_CONFIG) instanceof List<?> protocols) {
                parameters.setProtocols(protocols.toArray(String[]::new));
            }
            return client.sslParameters(parameters).build();
        } catch (KafkaException | GeneralSecurityException e) {
            throw new IllegalArgumentException(
                    SSL + "* must be settings with which TLS can be spoken, got: " + Reasons.of(e), e);
        }
    }

    /** Kafka's word for it is an empty ssl.endpoint.identification.algorithm; Java's HTTP client has none. */
    private static SSLContext withoutHostNames(DefaultSslEngineFactory engines, Map<String, ?> values)
            throws GeneralSecurityException {
        TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(engines.truststore());
        KeyManager[] keys = null;
        KeyStore own = engines.keystore();
        if (own != null) {
            Password password = (Password) values.get(SslConfigs.SSL_KEY_PASSWORD_CONFIG);
            Password ofStore = (Password) values.get(SslConfigs.SSL_KEYSTORE_PASSWORD_CONFIG);
            Password used = password == null ? ofStore : password;
            KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            factory.init(own, used == null ? null : used.value().toCharArray());
            keys = factory.getKeyManagers();
        }
        SSLContext context = SSLContext.getInstance((String) values.get(SslConfigs.SSL_PROTOCOL_CONFIG));
        context.init(keys, new TrustManager[] {new AnyHost(first(trusted))}, null);
        return context;
    }

    private static X509TrustManager first(TrustManagerFactory factory) {
        for (TrustManager each : factory.getTrustManagers()) {
            if (each instanceof X509TrustManager x509) {
                return x509;
            }
        }
        throw new IllegalArgumentException("no certificates that could be trusted");
    }

    /** Trusts by certificate alone. */
    private static final class AnyHost extends X509ExtendedTrustManager {
        private final X509TrustManager certificates;

        AnyHost(X509TrustManager certificates) {
            this.certificates = certificates;
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            certificates.checkServerTrusted(chain, type);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
                throws CertificateException {
            certificates.checkServerTrusted(chain, type);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
            certificates.checkServerTrusted(chain, type);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            certificates.checkClientTrusted(chain, type);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
                throws CertificateException {
            certificates.checkClientTrusted(chain, type);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
            certificates.checkClientTrusted(chain, type);
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return certificates.getAcceptedIssuers();
        }
    }
}
