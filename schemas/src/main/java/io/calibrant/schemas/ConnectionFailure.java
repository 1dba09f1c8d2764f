package io.calibrant.schemas;

import io.calibrant.schemas.text.Secrets;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.UnrecoverableKeyException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.UnsupportedSaslMechanismException;

/** Why no connection to a broker comes about, in words that name the setting, where Kafka's clients do not say it. */
final class ConnectionFailure {
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    private static final String TRUSTSTORE = "ssl.truststore.location";
    private static final String KEYSTORE = "ssl.keystore.location";
    private static final String MECHANISM = "sasl.mechanism";

    /** How Kafka tells which mechanisms there are. */
    private static final Pattern ENABLED = Pattern.compile("enabled mechanisms are \\[([^\\]]*)]");

    private ConnectionFailure() {}

    /** The broker's address and the reason of a failure, in one line. */
    static String words(Connection connection, Throwable failure) {
        return "broker " + connection.bootstrapServers() + ": " + reason(connection, failure);
    }

    /** The reason of a failure. */
    static String reason(Connection connection, Throwable failure) {
        Throwable root = failure;
        for (Throwable each = failure; each != null; each = each.getCause()) {
            root = each;
            if (each instanceof CertificateExpiredException || each instanceof CertificateNotYetValidException) {
                boolean expired = each instanceof CertificateExpiredException;
                return "its certificate " + (expired ? "has expired" : "is not valid yet") + " (" + each.getMessage()
                        + "): the broker needs a new one, and where it is the authority's, " + TRUSTSTORE
                        + " must name a store with the new one, " + store(connection, TRUSTSTORE);
            }
            if (each instanceof CertPathBuilderException) {
                return "its certificate is not trusted: " + TRUSTSTORE
                        + " must name a store with the authority that has signed it, "
                        + store(connection, TRUSTSTORE);
            }
            if (each instanceof SaslAuthenticationException || each instanceof UnsupportedSaslMechanismException) {
                return login(connection, String.valueOf(each.getMessage()));
            }
        }
        String said = root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
        String lower = said.toLowerCase(Locale.ROOT);
        Optional<String> store = store(failure);
        if (store.isPresent()) {
            boolean password = root instanceof UnrecoverableKeyException || lower.contains("password");
            return store.get() + " cannot be opened: " + (password ? "its password is wrong" : said)
                    + ", or its type is another";
        }
        if (lower.contains("subject alternative") || lower.contains("no name matching")) {
            return "its certificate is for another host (" + said
                    + "): bootstrap.servers must have the name that stands in the certificate";
        }
        if (lower.contains("fatal alert") && lower.contains("certificate")) {
            return "it refuses this client's certificate (" + said + "): " + KEYSTORE
                    + " must name a store with a key and a certificate that the broker trusts, "
                    + store(connection, KEYSTORE);
        }
        if (said.contains("'KafkaClient' entry")) {
            return "security.protocol " + protocol(connection) + " wants a login: sasl.jaas.config must be "
                    + ClientSettings.LOGIN + ", got nothing";
        }
        if (lower.contains("unrecognized ssl message") || lower.contains("not an ssl/tls record")) {
            return "this does not look like a TLS port: security.protocol must be PLAINTEXT or SASL_PLAINTEXT here,"
                    + " got '"
                    + protocol(connection) + "'";
        }
        String first = failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
        return first.contains(said) ? first : first + ": " + said;
    }

    /** Who cannot log in, by what, and what to set. */
    private static String login(Connection connection, String said) {
        String mechanism = connection.properties().getOrDefault(MECHANISM, "GSSAPI");
        Matcher enabled = ENABLED.matcher(said);
        if (enabled.find()) {
            return "it knows no login by '" + mechanism + "': " + MECHANISM + " must be one of " + enabled.group(1)
                    + ", got '" + mechanism + "'";
        }
        return ClientPrincipal.of(connection) + " cannot log in by " + mechanism + " (" + Secrets.inText(said)
                + "): sasl.jaas.config must have the name and the password of a user that the broker knows";
    }

    /** What a setting that names a store says, in words that follow a comma. */
    private static String store(Connection connection, String key) {
        String file = connection.properties().get(key);
        String otherwise =
                key.equals(TRUSTSTORE) ? "got nothing (only those that the JVM knows are trusted)" : "got nothing";
        return file == null ? otherwise : "got '" + file + "'";
    }

    /**
     * Checks that the stores are there, for which a client would print a stack trace.
     *
     * @throws ConfigurationException naming the setting of a store that cannot be read
     */
    static void requireStores(Connection connection) {
        if (protocol(connection).toUpperCase(Locale.ROOT).endsWith("SSL")) {
            for (String key : new String[] {TRUSTSTORE, KEYSTORE}) {
                String file = connection.properties().get(key);
                Require.that(
                        file == null || (Files.isRegularFile(Path.of(file)) && Files.isReadable(Path.of(file))),
                        key,
                        file,
                        "a file that can be read");
            }
        }
    }

    /** The store that a message of Kafka's names, for example {@code SSL keystore /a/trust.p12 of type PKCS12}. */
    private static Optional<String> store(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            String said = each.getMessage() == null ? "" : each.getMessage();
            int begin = said.indexOf("SSL keystore ");
            if (begin >= 0) {
                return said.substring(begin).lines().findFirst();
            }
        }
        return Optional.empty();
    }

    private static String protocol(Connection connection) {
        return connection.properties().getOrDefault("security.protocol", "PLAINTEXT");
    }

    /** Why the first broker that can be connected to may be silent; empty where nothing is known. */
    static Optional<String> silence(Connection connection) {
        String protocol = protocol(connection).toUpperCase(Locale.ROOT);
        for (String each : connection.bootstrapServers().split(",", -1)) {
            String address = each.strip();
            int colon = address.lastIndexOf(':');
            InetSocketAddress host =
                    new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
            if (!takesConnections(host)) {
                continue;
            }
            boolean sasl = protocol.startsWith("SASL");
            if (protocol.endsWith("PLAINTEXT") == speaksTls(host)) {
                return Optional.of(
                        protocol.endsWith("PLAINTEXT")
                                ? address + " is a TLS port: security.protocol must be "
                                        + (sasl ? "SASL_SSL" : "SSL or SASL_SSL") + ", got '" + protocol + "'"
                                : address + " is no TLS port: security.protocol must be "
                                        + (sasl ? "SASL_PLAINTEXT" : "PLAINTEXT or SASL_PLAINTEXT") + ", got '"
                                        + protocol
                                        + "'");
            }
            return Optional.of(address + " takes connections, but speaks another protocol than security.protocol "
                    + protocol + ", or is no broker");
        }
        return Optional.empty();
    }

    private static boolean takesConnections(InetSocketAddress host) {
        try (Socket socket = new Socket()) {
            socket.connect(host, (int) PATIENCE.toMillis());
            return true;
        } catch (IOException | IllegalArgumentException e) {
            return false;
        }
    }

    /** Whether there is an answer to a handshake; a certificate that is not trusted is one, too. */
    private static boolean speaksTls(InetSocketAddress host) {
        try (Socket plain = new Socket()) {
            plain.connect(host, (int) PATIENCE.toMillis());
            plain.setSoTimeout((int) PATIENCE.toMillis());
            try (SSLSocket socket = (SSLSocket) ((SSLSocketFactory) SSLSocketFactory.getDefault())
                    .createSocket(plain, host.getHostString(), host.getPort(), true)) {
                socket.startHandshake();
                return true;
            }
        } catch (SSLException e) {
            String said = String.valueOf(e.getMessage());
            return !said.contains("unrecognized") && !said.contains("terminated the handshake");
        } catch (IOException e) {
            return false;
        }
    }
}
