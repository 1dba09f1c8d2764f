package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ClientPrincipalTest {
    private static String of(String... settings) {
        Map<String, String> properties = new HashMap<>();
        for (int i = 0; i < settings.length; i += 2) {
            properties.put(settings[i], settings[i + 1]);
        }
        return ClientPrincipal.of(new Connection("a:1", "mock://principal", "", properties));
    }

    @Test
    void shouldBeWhoLogsIn() {
        assertThat(of()).isEqualTo("User:ANONYMOUS");
        assertThat(of(
                        "security.protocol",
                        "SASL_SSL",
                        "sasl.jaas.config",
                        "a.ScramLoginModule required username=\"svc\" password=\"hushhush\";"))
                .isEqualTo("User:svc");
        assertThat(of(
                        "security.protocol",
                        "sasl_plaintext",
                        "sasl.jaas.config",
                        "a.Krb5LoginModule required keyTab=\"/a\" principal=\"fitter/host@REALM\";"))
                .isEqualTo("User:fitter");
        assertThat(of("security.protocol", "SASL_SSL", "sasl.mechanism", "OAUTHBEARER"))
                .isEqualTo("User:<of OAUTHBEARER>");
        assertThat(of("security.protocol", "SSL", "ssl.keystore.location", "/nowhere.p12"))
                .isEqualTo("User:<of the certificate in /nowhere.p12>");
    }
}
