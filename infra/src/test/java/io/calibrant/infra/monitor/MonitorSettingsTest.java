package io.calibrant.infra.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.http.HostNames;
import java.util.List;
import org.junit.jupiter.api.Test;

class MonitorSettingsTest {
    private static String path(String given) {
        return new MonitorSettings(0, given, HostNames.loopback()).basePath();
    }

    @Test
    void shouldTakePathsWithAndWithoutASlashAtTheEnd() {
        assertThat(path("")).isEmpty();
        assertThat(path("/")).isEmpty();
        assertThat(path("/calibrant")).isEqualTo("/calibrant");
        assertThat(path("/calibrant/")).isEqualTo("/calibrant");
        assertThat(path("/tools/calibrant-1.0")).isEqualTo("/tools/calibrant-1.0");
    }

    @Test
    void shouldRefuseWhatIsNoPath() {
        for (String wrong : List.of(
                "calibrant",
                "//",
                "/a//b",
                "/..",
                "/a/../b",
                "/a b",
                "/<b>",
                "/\"",
                "http://a/b",
                "/events",
                "/monitor.js/")) {
            assertThatThrownBy(() -> path(wrong))
                    .hasMessage(
                            "--base-path must be a path as in /calibrant, of letters, digits, '.', '_', '~' and '-',"
                                    + " and none of the page's own, got '" + wrong + "'");
        }
    }
}
