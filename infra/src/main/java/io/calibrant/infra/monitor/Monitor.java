package io.calibrant.infra.monitor;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.calibrant.schemas.Connection;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The page and what feeds it, on loopback. Keeps nothing but what it can read again from the topics, so that several
 * can run and each can be stopped at any time.
 */
public final class Monitor implements AutoCloseable {
    private static final int PAGES = 32;
    /** A client that reads nothing for so long is dropped. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** Requests at once, pages included; more wait until one of these has ended. */
    private static final int THREADS = 256;

    static {
        // A request that is not whole after so many seconds is closed by the JDK's server, which has no other setting
        // for
        // it. It is read once: the first server of a process decides.
        if (System.getProperty("sun.net.httpserver.maxReqTime") == null) {
            System.setProperty("sun.net.httpserver.maxReqTime", "10");
        }
    }

    private static final String UPLOT = "/META-INF/resources/webjars/uplot/" + uplotVersion() + "/dist/";

    /** The files that are served, and their resources. */
    private static final Map<String, Resource> RESOURCES = Map.of(
            "/", own("index.html", "text/html"),
            "/monitor.css", own("monitor.css", "text/css"),
            "/monitor.js", own("monitor.js", "text/javascript"),
            "/dom.js", own("dom.js", "text/javascript"),
            "/charts.js", own("charts.js", "text/javascript"),
            "/blocks.js", own("blocks.js", "text/javascript"),
            "/answers.js", own("answers.js", "text/javascript"),
            "/uplot.js", new Resource(UPLOT + "uPlot.esm.js", "text/javascript"),
            "/uplot.css", new Resource(UPLOT + "uPlot.min.css", "text/css"));

    private final Feed feed;
    private final HttpServer server;
    private final ExecutorService threads;
    private final OpenPages pages = new OpenPages(PAGES, PATIENCE);
    private final Set<String> hosts;

    private record Resource(String path, String type) {}

    /** The webjar's path has its version in it. */
    private static String uplotVersion() {
        Properties properties = new Properties();
        try (InputStream in =
                Monitor.class.getResourceAsStream("/META-INF/maven/org.webjars.npm/uplot/pom.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties.getProperty("version");
    }

    private static Resource own(String name, String type) {
        return new Resource("/io/calibrant/infra/monitor/" + name, type);
    }

    private Monitor(HttpServer server, Connection connection, Consumer<String> outages) {
        this.server = server;
        int port = server.getAddress().getPort();
        hosts = Set.of("127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port);
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(THREADS, THREADS, 30, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "calibrant-monitor");
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        threads = pool;
        feed = new Feed(connection, outages);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    /**
     * Starts a monitor.
     *
     * @param port 0 for a free one
     * @throws IllegalStateException if the port is in use; names another one that is free
     */
    public static Monitor start(Connection connection, int port) {
        return start(connection, port, line -> {});
    }

    /**
     * As {@link #start(Connection, int)}.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back; the page shows it,
     *     too
     */
    public static Monitor start(Connection connection, int port, Consumer<String> outages) {
        try {
            InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
            return new Monitor(HttpServer.create(address, 0), connection, outages);
        } catch (BindException e) {
            throw new IllegalStateException(
                    "--port: port " + port + " cannot be used (" + e.getMessage() + "); " + free(port) + " is free", e);
        } catch (IOException e) {
            throw new UncheckedIOException("--port: " + port + ": " + e.getMessage(), e);
        }
    }

    /** The next free port. */
    private static int free(int port) {
        for (int next = port + 1; next < Math.min(port + 50, 65536); next++) {
            try (ServerSocket socket = new ServerSocket(next, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (IOException e) {
                // In use as well.
            }
        }
        return 0;
    }

    /** Where the page is. */
    public URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            var headers = exchange.getResponseHeaders();
            headers.set(
                    "Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
                            + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
            headers.set("X-Content-Type-Options", "nosniff");
            headers.set("Referrer-Policy", "no-referrer");
            headers.set("Cross-Origin-Resource-Policy", "same-origin");
            headers.set("Cache-Control", "no-store");
            String host = exchange.getRequestHeaders().getFirst("Host");
            String path = exchange.getRequestURI().getPath();
            if (host == null || !hosts.contains(host)) {
                // DNS rebinding: a page of another site whose name resolves to loopback.
                text(exchange, 403, "this monitor is at " + address());
            } else if (!exchange.getRequestMethod().equals("GET")) {
                text(exchange, 405, "GET only");
            } else if (path.equals("/events")) {
                events(exchange);
            } else if (RESOURCES.containsKey(path)) {
                resource(exchange, RESOURCES.get(path));
            } else {
                text(exchange, 404, "nothing here; the monitor is at " + address());
            }
        }
    }

    private void events(HttpExchange exchange) throws IOException {
        try (OpenPages.Page page = pages.open()) {
            Map<String, String> wanted = query(exchange.getRequestURI().getRawQuery());
            EventStream.serve(
                    exchange,
                    page,
                    feed,
                    new PageSelection(
                            wanted.get("run"), wanted.get("checkpoint"), wanted.get("fit"), wanted.get("block")));
        }
    }

    private static Map<String, String> query(String raw) {
        Map<String, String> query = new HashMap<>();
        for (String part : raw == null ? new String[0] : raw.split("&", -1)) {
            int equals = part.indexOf('=');
            if (equals > 0) {
                try {
                    query.put(
                            part.substring(0, equals),
                            URLDecoder.decode(part.substring(equals + 1), StandardCharsets.UTF_8));
                } catch (IllegalArgumentException e) {
                    // Malformed encoding: treated as absent.
                }
            }
        }
        query.values().removeIf(String::isEmpty);
        return query;
    }

    private static void resource(HttpExchange exchange, Resource resource) throws IOException {
        byte[] bytes;
        try (InputStream in = Monitor.class.getResourceAsStream(resource.path())) {
            if (in == null) {
                throw new IllegalStateException(resource.path() + " is not on the class path");
            }
            bytes = in.readAllBytes();
        }
        exchange.getResponseHeaders().set("Content-Type", resource.type() + "; charset=utf-8");
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private static void text(HttpExchange exchange, int code, String text) throws IOException {
        byte[] bytes = (text + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        exchange.sendResponseHeaders(code, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    @Override
    public void close() {
        server.stop(0);
        feed.close();
        threads.shutdownNow();
        pages.close();
    }
}
