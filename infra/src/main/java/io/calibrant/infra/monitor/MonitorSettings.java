package io.calibrant.infra.monitor;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.http.HostNames;

/**
 * Where a page is.
 *
 * @param port 0 for a free one
 * @param basePath what a reverse proxy puts before the paths of the page, for example {@code /calibrant}; empty for
 *     nothing. Requests come with it or without it, as the proxy likes
 * @param names that the server answers to
 */
public record MonitorSettings(int port, String basePath, HostNames names) {
    /** A proxy that strips such a path would ask for what is not there. */
    private static final String OWN = "/(events|answer|letter|[^/]+\\.(js|css))";

    private static final String SEGMENTS = "(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*";

    /** A slash at the end is left out; {@code /} is nothing. */
    public MonitorSettings {
        Require.between("--port", port, 0, 65_535);
        String given = basePath;
        basePath = basePath.endsWith("/") ? basePath.substring(0, basePath.length() - 1) : basePath;
        Require.that(
                basePath.matches(SEGMENTS) && !basePath.matches(OWN) && basePath.length() <= 200,
                "--base-path",
                given,
                "a path as in /calibrant, of letters, digits, '.', '_', '~' and '-', and none of the page's own");
    }

    /** At the root of a port, for this machine. */
    public static MonitorSettings onPort(int port) {
        return new MonitorSettings(port, "", HostNames.loopback());
    }
}
