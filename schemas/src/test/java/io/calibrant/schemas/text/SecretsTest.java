package io.calibrant.schemas.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SecretsTest {
    @Test
    void shouldMaskKeysThatSpeakOfASecret() {
        for (String key : List.of(
                "sasl.jaas.config",
                "ssl.keystore.password",
                "ssl.keystore.key",
                "ssl.keystore.certificate.chain",
                "basic.auth.user.info",
                "schema.registry.basic.auth.user.info",
                "bearer.auth.client.secret",
                "my.apikey",
                "my.api.key",
                "my-api-key",
                "aws.access.key.id",
                "proxy.pwd",
                "proxy.auth",
                "proxyauth",
                "db.passwd",
                "db.pass",
                "http.authorization",
                "a.jwt",
                "SASL.OAUTHBEARER.ASSERTION.PRIVATE.KEY.FILE")) {
            assertThat(Secrets.masked(key, "hush")).as(key).isEqualTo(Secrets.MASK);
        }
    }

    @Test
    void shouldShowTheRest() {
        for (String key : List.of(
                "sasl.mechanism",
                "sasl.login.class",
                "key.serializer",
                "ssl.keystore.location",
                "ssl.truststore.type",
                "session.timeout.ms",
                "compression.type",
                "calibrant.topic.prefix",
                "allow.auto.create.topics",
                "design",
                "bypass.x")) {
            assertThat(Secrets.masked(key, "shown")).as(key).isEqualTo("shown");
        }
    }

    @Test
    void shouldMaskCredentialsInAddressesWhereverTheyStand() {
        Map.of(
                        "http://user:hush@r:8081/x", "http://********@r:8081/x",
                        "http://user:hush-p@ss@proxy:3128", "http://********@proxy:3128",
                        "http://user:hu/sh@r", "http://********@r",
                        "https://hush-token@r:1,https://u:hush@s:2", "https://********@r:1,https://********@s:2",
                        "registry http://u:hush@r:1: HTTP status 401", "registry http://********@r:1: HTTP status 401",
                        "got 'user:hush@r:8081'", "got '********@r:8081'",
                        "http:/user:hush@r:8081", "********@r:8081",
                        "https://id/token?client_id=a&client_secret=hush&x=1",
                                "https://id/token?client_id=a&client_secret=********&x=1",
                        "https://id/?apikey=hush", "https://id/?apikey=********",
                        "https://id/?sig=hush&sv=1", "https://id/?sig=********&sv=1")
                .forEach((text, shown) -> assertThat(Secrets.inText(text)).isEqualTo(shown));
    }

    @Test
    void shouldLeaveOtherTextAlone() {
        for (String text : List.of(
                "k1:9092,k2:9092",
                "question 'a@b' of run r",
                "http://r:8081/apis/ccompat/v7",
                "io.calibrant.Foo@1b2c3d",
                "lambda=0.5, key=x",
                "a: b @ c")) {
            assertThat(Secrets.inText(text)).isEqualTo(text);
        }
        assertThat(Secrets.inText(null)).isNull();
    }
}
