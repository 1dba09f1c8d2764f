package io.calibrant.infra.telemetry;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.http.HostNames;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a service tells its metrics and its health.
 *
 * @param host the address that it listens at
 * @param port 0 for a free one
 * @param allowedHosts names that it answers to besides those of loopback and the host itself; {@code *} is any
 */
public record TelemetrySettings(String host, int port, List<String> allowedHosts) {
    /** Loopback. */
    public static final String DEFAULT_HOST = "127.0.0.1";

    private static final String HOST = "--metrics-host";

    /** @throws io.calibrant.schemas.ConfigurationException naming flag, value and what is accepted */
    public TelemetrySettings {
        Require.notBlank(HOST, host);
        Require.between("--metrics-port", port, 0, 65_535);
        allowedHosts = List.copyOf(allowedHosts);
        HostNames.of("--metrics-allowed-hosts", allowedHosts);
    }

    /** The names that it answers to; an address in the place of one holds where it is that of the connection. */
    HostNames names() {
        List<String> names = new ArrayList<>(allowedHosts);
        if (host.matches("[A-Za-z0-9][A-Za-z0-9._-]*") && !host.matches("[0-9.]+")) {
            names.add(host);
        }
        return HostNames.of("--metrics-allowed-hosts", names);
    }
}
