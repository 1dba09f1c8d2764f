package io.calibrant.infra.monitor;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.http.ServerGuard;
import java.io.IOException;
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
        ServerGuard.boundRequests();
    }

    private final Feed feed;
    private final HttpServer server;
    private final ExecutorService threads;
    private final OpenPages pages = new OpenPages(PAGES, PATIENCE);
    /** Of what is sent at once: for clients that read nothing, too. */
    private final OpenPages bodies = new OpenPages(THREADS, PATIENCE);

    private final String basePath;
    private final PageFiles files;
    private final ServerGuard guard;
    private final OpenedRecords opened;

    private Monitor(HttpServer server, Connection connection, MonitorSettings settings, Consumer<String> outages) {
        this.server = server;
        basePath = settings.basePath();
        files = new PageFiles(basePath);
        guard = new ServerGuard(settings.names(), policy(basePath));
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(THREADS, THREADS, 30, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "calibrant-monitor");
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        threads = pool;
        feed = new Feed(connection, outages);
        opened = new OpenedRecords(connection, feed);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    /** The page's own files only; where there is no base element, nothing may put one in. */
    private static String policy(String basePath) {
        return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
                + " base-uri " + (basePath.isEmpty() ? "'none'" : "'self'")
                + "; form-action 'none'; frame-ancestors 'none'";
    }

    /**
     * Starts a monitor at the root of a port, for this machine.
     *
     * @param port 0 for a free one
     * @throws IllegalStateException if the port is in use; names another one that is free
     */
    public static Monitor start(Connection connection, int port) {
        return start(connection, MonitorSettings.onPort(port), line -> {});
    }

    /**
     * Starts a monitor.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back; the page shows it,
     *     too
     * @throws IllegalStateException if the port is in use; names another one that is free
     */
    public static Monitor start(Connection connection, MonitorSettings settings, Consumer<String> outages) {
        int port = settings.port();
        try {
            InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
            return new Monitor(HttpServer.create(address, 0), connection, settings, outages);
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
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + basePath + "/");
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (!guard.admits(exchange)) {
                return;
            }
            String path = exchange.getRequestURI().getPath();
            if (!basePath.isEmpty() && path.equals(basePath)) {
                exchange.getResponseHeaders().set("Location", basePath + "/");
                ServerGuard.text(exchange, 307, "the page is at " + basePath + "/");
                return;
            }
            String own = path.startsWith(basePath + "/") ? path.substring(basePath.length()) : path;
            PageFiles.PageFile file = files.get(own);
            if (file != null) {
                body(exchange, 200, file.type(), file.bytes());
            } else if (own.equals("/events")) {
                events(exchange);
            } else if (own.equals("/answer") || own.equals("/letter")) {
                open(exchange, own.substring(1));
            } else {
                ServerGuard.text(exchange, 404, "nothing here; the page is at " + basePath + "/");
            }
        }
    }

    private void open(HttpExchange exchange, String kind) throws IOException {
        OpenedRecords.Response response =
                opened.open(kind, query(exchange.getRequestURI().getRawQuery()));
        body(
                exchange,
                response.code(),
                "application/json",
                response.json().toString().getBytes(StandardCharsets.UTF_8));
    }

    private void body(HttpExchange exchange, int code, String type, byte[] bytes) throws IOException {
        try (OpenPages.Page sending = bodies.open()) {
            sending.send(() -> ServerGuard.body(exchange, code, type, bytes));
        }
    }

    private void events(HttpExchange exchange) throws IOException {
        if (exchange.getRequestMethod().equals("HEAD")) {
            ServerGuard.body(exchange, 200, "text/event-stream", new byte[0]);
            return;
        }
        try (OpenPages.Page page = pages.open()) {
            Map<String, String> wanted = query(exchange.getRequestURI().getRawQuery());
            EventStream.serve(
                    exchange,
                    page,
                    feed,
                    new PageSelection(
                            wanted.get("run"),
                            wanted.get("checkpoint"),
                            wanted.get("fit"),
                            wanted.get("block"),
                            wanted.get("with")));
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

    @Override
    public void close() {
        server.stop(0);
        feed.close();
        threads.shutdownNow();
        pages.close();
        bodies.close();
    }
}
