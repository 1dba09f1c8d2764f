package io.calibrant.schemas;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Who a client is to a cluster, as far as its settings tell: no request of Kafka's answers that. A cluster with rules
 * of its own for names may call it something else.
 */
final class ClientPrincipal {
    private static final Pattern USER = Pattern.compile("\\busername\\s*=\\s*\"?([^\"\\s;]+)\"?");
    private static final Pattern KERBEROS = Pattern.compile("\\bprincipal\\s*=\\s*\"?([^\"\\s;/@]+)[^\"\\s;]*\"?");

    private ClientPrincipal() {}

    /** For example {@code User:svc}. */
    static String of(Connection connection) {
        Map<String, String> settings = connection.properties();
        String protocol =
                settings.getOrDefault("security.protocol", "PLAINTEXT").toUpperCase(Locale.ROOT);
        if (protocol.startsWith("SASL")) {
            String jaas = settings.getOrDefault("sasl.jaas.config", "");
            for (Pattern pattern : new Pattern[] {USER, KERBEROS}) {
                Matcher name = pattern.matcher(jaas);
                if (name.find()) {
                    return "User:" + name.group(1);
                }
            }
            return "User:<of " + settings.getOrDefault("sasl.mechanism", "GSSAPI") + ">";
        }
        String store = settings.get("ssl.keystore.location");
        return protocol.equals("SSL") && store != null ? "User:" + subject(settings, store) : "User:ANONYMOUS";
    }

    /** The name in the certificate of a key store. */
    private static String subject(Map<String, String> settings, String file) {
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            KeyStore store = KeyStore.getInstance(settings.getOrDefault("ssl.keystore.type", "JKS"));
            store.load(in, settings.getOrDefault("ssl.keystore.password", "").toCharArray());
            for (String alias : Collections.list(store.aliases())) {
                if (store.isKeyEntry(alias) && store.getCertificate(alias) instanceof X509Certificate certificate) {
                    return certificate.getSubjectX500Principal().getName();
                }
            }
        } catch (IOException | GeneralSecurityException e) {
            // Then it is named by its file.
        }
        return "<of the certificate in " + file + ">";
    }
}
