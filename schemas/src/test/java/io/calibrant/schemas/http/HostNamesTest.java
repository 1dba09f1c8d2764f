package io.calibrant.schemas.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.ConfigurationException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;

class HostNamesTest {
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

    private static InetAddress address(String literal) throws UnknownHostException {
        return InetAddress.getByName(literal);
    }

    @Test
    void shouldAcceptTheNamesOfLoopbackWithAnyPort() {
        HostNames names = HostNames.loopback();
        assertThat(List.of("localhost", "LOCALHOST:8077", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8077"))
                .allMatch(host -> names.accepts(host, LOOPBACK));
        assertThat(List.of("evil.example", "evil.example:8077", "localhost.evil.example", "127.0.0.1.evil.example"))
                .noneMatch(host -> names.accepts(host, LOOPBACK));
        assertThat(List.of("", ":8077", "127.0.0.2", "[::2]", "127.0.0.1:x", "*", "localhost:8077:1"))
                .noneMatch(host -> names.accepts(host, LOOPBACK));
        assertThat(names.accepts(null, LOOPBACK)).isFalse();
    }

    @Test
    void shouldAcceptTheNamesThatItIsTold() {
        HostNames names = HostNames.of("--allowed-hosts", List.of("Calibrant.Example.ORG:443", " other "));
        assertThat(List.of("calibrant.example.org", "CALIBRANT.example.org:8443", "other", "localhost"))
                .allMatch(host -> names.accepts(host, LOOPBACK));
        assertThat(names.accepts("example.org", LOOPBACK)).isFalse();
        assertThat(HostNames.of("k", List.of("*")).accepts("anything", LOOPBACK))
                .isTrue();
    }

    @Test
    void shouldAcceptTheAddressByWhichItWasReachedAndNoOther() throws Exception {
        HostNames names = HostNames.loopback();
        assertThat(names.accepts("10.1.2.3:9464", address("10.1.2.3"))).isTrue();
        assertThat(names.accepts("10.1.2.4:9464", address("10.1.2.3"))).isFalse();
        assertThat(names.accepts("[fd00::1]:9464", address("fd00:0:0::1"))).isTrue();
        assertThat(names.accepts("[fd00::2]", address("fd00::1"))).isFalse();
    }

    @Test
    void shouldRefuseWhatIsNoName() {
        for (String wrong : List.of("", "http://a", "a/b", "a b", "-a", "[::1", "*.example.org")) {
            assertThatThrownBy(() -> HostNames.of("--allowed-hosts", List.of(wrong)))
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessage(
                            "--allowed-hosts must be names of hosts as in calibrant.example.org, or * for any, got '"
                                    + wrong + "'");
        }
    }
}
