package io.calibrant.infra.commands;

import io.calibrant.infra.commands.output.ServiceLines;
import io.calibrant.infra.telemetry.Telemetry;
import io.calibrant.infra.telemetry.TelemetrySettings;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/** The telemetry of a command that is a service; nothing at all where it was not asked for. */
final class ServiceTelemetry implements AutoCloseable {
    /** So long a broker is waited for before metrics are shown without what only it knows. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    /** So long a command that is done waits at most until that was seen. */
    private static final Duration LAST_SCRAPE = Duration.ofMinutes(1);

    private final Optional<Telemetry> telemetry;

    private ServiceTelemetry(Optional<Telemetry> telemetry) {
        this.telemetry = telemetry;
    }

    /**
     * Starts its server, where it is asked for, and says where that is.
     *
     * @param service as the label of metrics names it
     */
    static ServiceTelemetry open(Optional<TelemetrySettings> settings, String service, ServiceLines lines) {
        Optional<Telemetry> opened = settings.map(each -> {
            String version = ServiceTelemetry.class.getPackage().getImplementationVersion();
            return Telemetry.start(each, service, version == null ? "unknown" : version, lines::warn);
        });
        opened.ifPresent(each -> lines.info("metrics at " + each.address()));
        return new ServiceTelemetry(opened);
    }

    /** Takes the meters of the service; empty where nobody asked for them. */
    Optional<MeterRegistry> registry() {
        return telemetry.map(Telemetry::registry);
    }

    /** As {@link Telemetry#serve}. */
    void serve(Supplier<Optional<String>> obstacle, Runnable look) {
        telemetry.ifPresent(each -> each.serve(obstacle, look));
    }

    /** The same; while the broker is away, that is the obstacle. */
    void serve(AtomicBoolean brokerAway, Supplier<Optional<String>> obstacle, Runnable look) {
        serve(() -> brokerAway.get() ? Optional.of("waiting-for-kafka") : obstacle.get(), look);
    }

    /** As {@link Telemetry#awaitScrape}, for {@link #LAST_SCRAPE}. */
    void awaitScrape() throws InterruptedException {
        if (telemetry.isPresent()) {
            telemetry.get().awaitScrape(LAST_SCRAPE);
        }
    }

    /** What ends a service at once: no scrape is waited for any longer. */
    AutoCloseable ending(AutoCloseable service) {
        return () -> {
            service.close();
            telemetry.ifPresent(Telemetry::endWaiting);
        };
    }

    @Override
    public void close() {
        telemetry.ifPresent(Telemetry::close);
    }
}
