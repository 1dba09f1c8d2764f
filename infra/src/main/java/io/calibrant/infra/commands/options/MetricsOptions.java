package io.calibrant.infra.commands.options;

import io.calibrant.infra.telemetry.TelemetrySettings;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Whether and where a service tells its metrics and its health. */
public final class MetricsOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec mixee;

    @Option(
            names = "--metrics-port",
            paramLabel = "N",
            order = 880,
            description = "Serve /metrics for Prometheus, /health/live and /health/ready on this port; 0: a free one."
                    + " Default: nothing is served.")
    private Integer port;

    @Option(
            names = "--metrics-host",
            paramLabel = "HOST",
            order = 881,
            defaultValue = TelemetrySettings.DEFAULT_HOST,
            description = "The address that they are served at; 0.0.0.0: every one. Default: ${DEFAULT-VALUE}.")
    private String host;

    @Option(
            names = "--metrics-allowed-hosts",
            paramLabel = "NAME",
            order = 882,
            split = ",",
            description = "Names by which others reach that server, besides its addresses; *: any. Default: none.")
    private List<String> allowedHosts = List.of();

    /**
     * What the flags say; empty where nothing is to be served.
     *
     * @throws picocli.CommandLine.ParameterException naming flag, value and what is accepted
     */
    public Optional<TelemetrySettings> settings() {
        return Optional.ofNullable(port)
                .map(number -> Usage.checked(mixee, () -> new TelemetrySettings(host, number, allowedHosts)));
    }
}
