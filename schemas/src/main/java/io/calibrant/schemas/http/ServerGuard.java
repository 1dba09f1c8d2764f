package io.calibrant.schemas.http;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * Stands before the handlers of a server that only shows: sets the headers that every response has, refusals too, and
 * refuses names that are not the server's and methods that would change something. Thread-safe.
 */
public final class ServerGuard {
    /** A content security policy for what is no page: nothing is loaded, nothing is framed. */
    public static final String NOTHING_ELSE =
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static final String REQUEST_TIME = "sun.net.httpserver.maxReqTime";

    private final HostNames names;
    private final String contentSecurityPolicy;

    /**
     * A guard.
     *
     * @param names that the server answers to
     * @param contentSecurityPolicy of every response
     */
    public ServerGuard(HostNames names, String contentSecurityPolicy) {
        this.names = names;
        this.contentSecurityPolicy = contentSecurityPolicy;
    }

    /**
     * A request that is not whole after some seconds is closed by the JDK's server, which has no other setting for it.
     * That is read once: to be called before the first server of a process is made.
     */
    public static void boundRequests() {
        if (System.getProperty(REQUEST_TIME) == null) {
            System.setProperty(REQUEST_TIME, "10");
        }
    }

    /** Sets the headers. False where the request has been refused, and answered. */
    public boolean admits(HttpExchange exchange) throws IOException {
        Headers headers = exchange.getResponseHeaders();
        headers.set("Content-Security-Policy", contentSecurityPolicy);
        headers.set("X-Content-Type-Options", "nosniff");
        headers.set("X-Frame-Options", "DENY"); // for browsers that do not know frame-ancestors
        headers.set("Referrer-Policy", "no-referrer");
        headers.set("Cross-Origin-Resource-Policy", "same-origin");
        headers.set("Cross-Origin-Opener-Policy", "same-origin");
        headers.set("Cache-Control", "no-store");
        if (!names.accepts(
                exchange.getRequestHeaders().getFirst("Host"),
                exchange.getLocalAddress().getAddress())) {
            text(exchange, 403, "this is none of the names that this server answers to");
            return false;
        }
        if (isOfAnotherSite(exchange.getRequestHeaders())) {
            text(exchange, 403, "this server answers to its own pages only");
            return false;
        }
        String method = exchange.getRequestMethod();
        if (!method.equals("GET") && !method.equals("HEAD")) {
            headers.set("Allow", "GET, HEAD");
            text(exchange, 405, "GET and HEAD only");
            return false;
        }
        return true;
    }

    /** Whether a page of another site has a browser ask, and not its user who follows a link. */
    private static boolean isOfAnotherSite(Headers headers) {
        String site = headers.getFirst("Sec-Fetch-Site");
        return site != null
                && !site.equals("same-origin")
                && !site.equals("none")
                && !"navigate".equals(headers.getFirst("Sec-Fetch-Mode"));
    }

    /** Answers with one line of text. */
    public static void text(HttpExchange exchange, int code, String line) throws IOException {
        body(exchange, code, "text/plain", (line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Answers with a body in UTF-8; with its headers alone where the method is HEAD.
     *
     * @param type the media type, without a charset
     */
    public static void body(HttpExchange exchange, int code, String type, byte[] bytes) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", type + "; charset=utf-8");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(code, -1);
        } else {
            exchange.sendResponseHeaders(code, bytes.length == 0 ? -1 : bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }
}
