package io.calibrant.infra.telemetry;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.http.ServerGuard;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The meters of a service, served with its health by a small HTTP server of their own:
 *
 * <ul>
 *   <li>{@code /metrics}: Prometheus' text format, or OpenMetrics where it is asked for
 *   <li>{@code /health/live}: 200 as long as the server answers
 *   <li>{@code /health/ready}: 200, or 503 with a word that says why the service does not do its work
 * </ul>
 */
public final class Telemetry implements AutoCloseable {
    /** What the label {@code service} says of the command {@code fit}. */
    public static final String FITTER = "fitter";

    /** The same of {@code score}. */
    public static final String SCORER = "scorer";

    /** The same of {@code train}. */
    public static final String TRAINER = "trainer";

    private static final String OPEN_METRICS = "application/openmetrics-text; version=1.0.0";
    private static final String TEXT = "text/plain; version=0.0.4";
    private static final String CHARSET = "; charset=utf-8";
    private static final int THREADS = 4;
    /** Requests that wait for a thread; more are closed. */
    private static final int WAITING = 64;

    static {
        ServerGuard.boundRequests();
    }

    private final String service;
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics collections = new JvmGcMetrics();
    private final HttpServer server;
    private final ServerGuard guard;
    private final ExecutorService threads;
    private volatile Supplier<Optional<String>> obstacle = () -> Optional.of("starting");
    private volatile Runnable look = () -> {};
    private final ReentrantLock looking = new ReentrantLock();
    private final Consumer<String> lines;
    private final MultiGauge obstacles;
    private boolean failed;

    /** Guards the four below, and is notified when they change. */
    private final Object scraped = new Object();

    private long begun;
    private long ended; // the last of those that were begun
    private long lastScrape;
    private boolean unawaited;

    private Telemetry(String service, HttpServer server, ServerGuard guard, String version, Consumer<String> lines) {
        this.lines = lines;
        this.service = service;
        this.server = server;
        this.guard = guard;
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                THREADS, THREADS, 30, TimeUnit.SECONDS, new LinkedBlockingQueue<>(WAITING), task -> {
                    Thread thread = new Thread(task, "calibrant-metrics");
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        threads = pool;
        obstacles = MultiGauge.builder("calibrant.obstacle")
                .description("1, with the word with which /health/ready says why the service does not do its work")
                .tag("service", service)
                .register(registry);
        bind(version);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    private void bind(String version) {
        new JvmMemoryMetrics().bindTo(registry);
        collections.bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        new ProcessMemory().bindTo(registry);
        Gauge.builder("calibrant.ready", this, each -> each.obstacle.get().isEmpty() ? 1 : 0)
                .description("1 while the service does its work, as /health/ready says")
                .tag("service", service)
                .register(registry);
        showObstacle();
        Gauge.builder("calibrant.build", () -> 1)
                .description("1, with the version of the program")
                .tag("service", service)
                .tag("version", version)
                .register(registry);
    }

    /**
     * Starts the server of a service that is not ready yet.
     *
     * @param service {@link #FITTER}, {@link #SCORER} or {@link #TRAINER}
     * @param version of the program
     * @param lines hears once of a look that fails, see {@link #serve}
     * @throws IllegalStateException if the port is in use
     * @throws ConfigurationException if the host has no address here
     */
    public static Telemetry start(TelemetrySettings settings, String service, String version, Consumer<String> lines) {
        InetAddress address;
        try {
            address = InetAddress.getAllByName(settings.host())[0];
        } catch (UnknownHostException e) {
            throw new ConfigurationException(
                    "--metrics-host", settings.host(), "a name or an address of this machine", e);
        }
        try {
            HttpServer server = HttpServer.create(new InetSocketAddress(address, settings.port()), 0);
            return new Telemetry(
                    service, server, new ServerGuard(settings.names(), ServerGuard.NOTHING_ELSE), version, lines);
        } catch (BindException e) {
            throw new IllegalStateException(
                    "--metrics-port: port " + settings.port() + " of " + settings.host() + " cannot be used ("
                            + e.getMessage() + ")",
                    e);
        } catch (IOException e) {
            throw new IllegalStateException(
                    "--metrics-port: port " + settings.port() + " of " + settings.host() + ": " + e.getMessage(), e);
        }
    }

    /** Takes the meters of the service. */
    public MeterRegistry registry() {
        return registry;
    }

    /**
     * From now on the server tells of this service.
     *
     * @param obstacle why it does not do its work now, in a word; empty while it does
     * @param look brings the meters up to date that are not counted as things happen; called before they are shown, by
     *     one thread at a time
     */
    public void serve(Supplier<Optional<String>> obstacle, Runnable look) {
        this.look = look;
        this.obstacle = obstacle;
    }

    /** Where the metrics are. */
    public URI address() {
        InetSocketAddress address = server.getAddress();
        String host = address.getAddress().getHostAddress();
        return URI.create(
                "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort() + "/metrics");
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (guard.admits(exchange)) {
                switch (exchange.getRequestURI().getPath()) {
                    case "/metrics" -> metrics(exchange);
                    case "/health/live" -> ServerGuard.text(exchange, 200, "UP");
                    case "/health/ready" -> ready(exchange);
                    default -> ServerGuard.text(exchange, 404, "/metrics, /health/live and /health/ready are here");
                }
            }
        }
    }

    private void ready(HttpExchange exchange) throws IOException {
        Optional<String> why = obstacle.get();
        ServerGuard.text(
                exchange,
                why.isEmpty() ? 200 : 503,
                why.map(word -> "DOWN " + word).orElse("UP"));
    }

    private void metrics(HttpExchange exchange) throws IOException {
        long number;
        synchronized (scraped) {
            number = ++begun;
        }
        String accepted = exchange.getRequestHeaders().getFirst("Accept");
        String type = accepted != null && accepted.contains("application/openmetrics-text") ? OPEN_METRICS : TEXT;
        look();
        showObstacle();
        ServerGuard.body(exchange, 200, type, registry.scrape(type + CHARSET).getBytes(StandardCharsets.UTF_8));
        synchronized (scraped) {
            ended = Math.max(ended, number);
            lastScrape = System.nanoTime();
            scraped.notifyAll();
        }
    }

    /**
     * Waits until somebody has seen what the meters show now: for the next scrape, where there was one not long ago.
     *
     * @param patience a scrape is not waited for any longer, nor one that came longer ago than this remembered
     */
    public void awaitScrape(Duration patience) throws InterruptedException {
        synchronized (scraped) {
            long now = System.nanoTime();
            long before = begun; // those may have shown what was then
            long left = ended == 0 || now - lastScrape > patience.toNanos() ? 0 : patience.toMillis();
            long end = now + left * 1_000_000;
            if (left > 0 && !unawaited) {
                lines.accept("done; waits for the scrape that shows it, for " + patience.toSeconds() + " s at most");
            }
            while (ended <= before && left > 0 && !unawaited) {
                scraped.wait(left);
                left = (end - System.nanoTime()) / 1_000_000;
            }
        }
    }

    /** No scrape is waited for any longer. */
    public void endWaiting() {
        synchronized (scraped) {
            unawaited = true;
            scraped.notifyAll();
        }
    }

    private void showObstacle() {
        obstacles.register(
                obstacle.get().stream()
                        .<MultiGauge.Row<?>>map(reason -> MultiGauge.Row.of(Tags.of("reason", reason), 1))
                        .toList(),
                true);
    }

    /** Where another request looks already, this one shows what is there: a look may wait for a broker. */
    private void look() {
        if (looking.tryLock()) {
            try {
                look.run();
                failed = false;
            } catch (RuntimeException e) {
                if (!failed) {
                    lines.accept("metrics: what is not counted as it happens is as it was: " + e);
                }
                failed = true;
            } finally {
                looking.unlock();
            }
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
        collections.close();
        registry.close();
    }
}
