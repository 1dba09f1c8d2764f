package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLServerSocketFactory;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.UnsupportedSaslMechanismException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReachabilityCheckTest {
    @TempDir
    private Path dir;

    private static Connection over(String protocol, int port, String... more) {
        Map<String, String> settings = new HashMap<>(Map.of("security.protocol", protocol));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(more[i], more[i + 1]);
        }
        return new Connection("127.0.0.1:" + port, "mock://reachability", "", settings);
    }

    @Test
    void shouldNameATruststoreThatIsNotThere() {
        Connection connection = over("SSL", 1, "ssl.truststore.location", "/nowhere/trust.p12");
        assertThatThrownBy(() -> ReachabilityCheck.check(connection))
                .hasMessage("ssl.truststore.location must be a file that can be read, got" + " '/nowhere/trust.p12'");
    }

    @Test
    void shouldNameATruststoreWhosePasswordIsWrong() throws Exception {
        Path store = dir.resolve("trust.p12");
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        try (OutputStream out = Files.newOutputStream(store)) {
            keys.store(out, "changeit".toCharArray());
        }
        Connection connection = over(
                "SSL",
                1,
                "ssl.truststore.location",
                store.toString(),
                "ssl.truststore.password",
                "hushhush",
                "ssl.truststore.type",
                "PKCS12");
        assertThatThrownBy(() -> ReachabilityCheck.check(connection))
                .hasMessageContaining("SSL keystore " + store)
                .hasMessageContaining("its password is wrong")
                .hasMessageNotContaining("hushhush");
    }

    @Test
    void shouldSayThatACertificateIsNotTrusted() {
        Throwable failure = new SslAuthenticationException(
                "SSL handshake failed",
                new SSLHandshakeException("PKIX path building failed")
                        .initCause(new CertPathBuilderException("unable to find valid certification path")));
        assertThat(ConnectionFailure.reason(over("SSL", 1), failure))
                .startsWith("its certificate is not trusted: ssl.truststore.location must name a store");
        assertThat(ConnectionFailure.reason(
                        over("SSL", 1),
                        new SslAuthenticationException(
                                "SSL handshake failed", new SSLException("Unsupported or unrecognized SSL message"))))
                .startsWith("this does not look like a TLS port");
    }

    @Test
    void shouldNameTheSettingOfWhateverTlsRefuses() {
        Connection connection = over("SASL_SSL", 1, "ssl.truststore.location", "/a/trust.p12");
        assertThat(ConnectionFailure.reason(
                        connection, handshake(new CertificateExpiredException("NotAfter: Sat Nov 28 2026"))))
                .startsWith("its certificate has expired (NotAfter: Sat Nov 28 2026)")
                .endsWith("ssl.truststore.location must name a store with the new one, got '/a/trust.p12'");
        assertThat(ConnectionFailure.reason(
                        connection, handshake(new CertificateNotYetValidException("NotBefore: Sat Nov 28 2099"))))
                .startsWith("its certificate is not valid yet");
        assertThat(ConnectionFailure.reason(
                        connection,
                        handshake(new CertificateException("No subject alternative names matching IP address"))))
                .startsWith("its certificate is for another host (No subject")
                .endsWith("bootstrap.servers must have the name that stands in the certificate");
        assertThat(ConnectionFailure.reason(
                        connection,
                        new SslAuthenticationException(
                                "SSL handshake failed",
                                new SSLHandshakeException("Received fatal alert: certificate_required"))))
                .startsWith("it refuses this client's certificate")
                .endsWith("ssl.keystore.location must name a store with a key and a certificate that the broker trusts,"
                        + " got nothing");
    }

    private static Throwable handshake(Exception cause) {
        return new SslAuthenticationException(
                "SSL handshake failed", new SSLHandshakeException("certificate").initCause(cause));
    }

    @Test
    void shouldSayWhoCannotLogInByWhat() {
        Connection connection = over(
                "SASL_SSL",
                1,
                "sasl.mechanism",
                "SCRAM-SHA-512",
                "sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"svc\" password=\"hush\";");
        assertThat(new AccessFailure(connection, "fit")
                        .describe(new IllegalStateException(
                                new SaslAuthenticationException("invalid credentials with SASL mechanism"))))
                .contains("broker 127.0.0.1:1: User:svc cannot log in by SCRAM-SHA-512 (invalid credentials with SASL"
                        + " mechanism): sasl.jaas.config must have the name and the password of a user that the broker"
                        + " knows");
        assertThat(ConnectionFailure.reason(
                        connection,
                        new UnsupportedSaslMechanismException("Client SASL mechanism 'SCRAM-SHA-512' not enabled in the"
                                + " server, enabled mechanisms are [PLAIN, OAUTHBEARER]")))
                .endsWith("sasl.mechanism must be one of PLAIN, OAUTHBEARER, got 'SCRAM-SHA-512'");
    }

    @Test
    void shouldTellATlsPortFromAnother() throws Exception {
        InetAddress loopback = InetAddress.getLoopbackAddress();
        // Without a certificate every handshake ends with an alert, which is TLS all the same.
        try (ServerSocket tls = SSLServerSocketFactory.getDefault().createServerSocket(0, 5, loopback)) {
            answer(tls);
            assertThat(ConnectionFailure.silence(over("PLAINTEXT", tls.getLocalPort())))
                    .contains("127.0.0.1:" + tls.getLocalPort()
                            + " is a TLS port: security.protocol must be SSL or SASL_SSL, got 'PLAINTEXT'");
        }
        try (ServerSocket plain = new ServerSocket(0, 5, loopback)) {
            answer(plain);
            assertThat(ConnectionFailure.silence(over("SASL_SSL", plain.getLocalPort())))
                    .contains("127.0.0.1:" + plain.getLocalPort()
                            + " is no TLS port: security.protocol must be SASL_PLAINTEXT, got 'SASL_SSL'");
            assertThat(ConnectionFailure.silence(over("PLAINTEXT", plain.getLocalPort()))
                            .orElseThrow())
                    .contains("speaks another protocol than security.protocol PLAINTEXT");
        }
        int port;
        try (ServerSocket closed = new ServerSocket(0, 5, loopback)) {
            port = closed.getLocalPort();
        }
        assertThat(ConnectionFailure.silence(over("PLAINTEXT", port))).isEmpty();
    }

    /** Reads of every connection what comes first, and closes it. */
    private static void answer(ServerSocket server) {
        Thread thread = new Thread(() -> {
            while (!server.isClosed()) {
                try (var socket = server.accept()) {
                    int unused = socket.getInputStream().read();
                } catch (java.io.IOException e) {
                    // The client has gone, or the test is over.
                }
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
