package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Server-sent events for one page: a section is sent when it differs from what was sent last. */
final class EventStream {
    /** The shortest time between two checks for changes. */
    private static final long PAUSE_MILLIS = 250;
    /** The interval without changes: rates fall, and a closed page is noticed. */
    private static final Duration QUIET = Duration.ofSeconds(1);

    private EventStream() {}

    /** Sends events until the page or the feed is closed, or the page is dropped. */
    static void serve(HttpExchange exchange, OpenPages.Page page, Feed feed, PageSelection selection)
            throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/event-stream; charset=utf-8");
        exchange.sendResponseHeaders(200, 0);
        Map<String, String> sent = new HashMap<>();
        long seen = -1;
        try (OutputStream body = exchange.getResponseBody()) {
            send(page, body, "retry: 1000\n\n");
            while (!feed.closed()) {
                seen = feed.await(seen, QUIET);
                Feed.Health health = feed.health();
                Map<String, ObjectNode> sections =
                        feed.look(state -> Sections.of(state, health, selection, System.currentTimeMillis()));
                StringBuilder events = new StringBuilder();
                sections.forEach((name, object) -> {
                    String json = object.toString(); // on one line: JSON escapes line breaks
                    if (!json.equals(sent.put(name, json))) {
                        events.append("event: ")
                                .append(name)
                                .append("\ndata: ")
                                .append(json)
                                .append("\n\n");
                    }
                });
                send(page, body, events.isEmpty() ? ":\n\n" : events.toString());
                Thread.sleep(PAUSE_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void send(OpenPages.Page page, OutputStream body, String text) throws IOException {
        page.send(() -> {
            body.write(text.getBytes(StandardCharsets.UTF_8));
            body.flush();
        });
    }
}
