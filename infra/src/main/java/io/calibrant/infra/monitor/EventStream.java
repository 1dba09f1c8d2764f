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
    /** The time is said so often: a page that hears nothing for several of these connects again. */
    private static final Duration CLOCK = Duration.ofSeconds(5);

    private EventStream() {}

    /**
     * Sends events until the page or the feed is closed, or the page is dropped. One that has to make place for others
     * is told so: it would connect again, and put out the next.
     */
    static void serve(HttpExchange exchange, OpenPages.Page page, Feed feed, PageSelection selection)
            throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/event-stream; charset=utf-8");
        exchange.getResponseHeaders().set("X-Accel-Buffering", "no"); // nginx would keep events back
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream body = exchange.getResponseBody()) {
            try {
                follow(page, body, feed, selection);
            } catch (InterruptedException e) {
                if (!page.isCrowdedOut()) {
                    Thread.currentThread().interrupt();
                }
            }
            if (page.isCrowdedOut()) {
                send(page, body, event("crowded", Integer.toString(page.most())));
            }
        }
    }

    private static void follow(OpenPages.Page page, OutputStream body, Feed feed, PageSelection selection)
            throws IOException, InterruptedException {
        Map<String, String> sent = new HashMap<>();
        long seen = -1;
        long told = 0;
        send(page, body, "retry: 1000\n\n");
        while (!feed.closed() && !page.isCrowdedOut()) {
            seen = feed.await(seen, QUIET);
            Feed.Health health = feed.health();
            Map<String, ObjectNode> sections =
                    feed.look(state -> Sections.of(state, health, selection, System.currentTimeMillis()));
            StringBuilder events = new StringBuilder();
            // The time here: a browser elsewhere may have another, and every age would be wrong.
            if (told == 0 || System.nanoTime() - told > CLOCK.toNanos()) {
                told = System.nanoTime() | 1;
                events.append(event("clock", Long.toString(System.currentTimeMillis())));
            }
            sections.forEach((name, object) -> {
                String json = object.toString(); // on one line: JSON escapes line breaks
                if (!json.equals(sent.put(name, json))) {
                    events.append(event(name, json));
                }
            });
            send(page, body, events.isEmpty() ? ":\n\n" : events.toString());
            Thread.sleep(PAUSE_MILLIS);
        }
    }

    private static String event(String name, String data) {
        return "event: " + name + "\ndata: " + data + "\n\n";
    }

    private static void send(OpenPages.Page page, OutputStream body, String text) throws IOException {
        page.send(() -> {
            body.write(text.getBytes(StandardCharsets.UTF_8));
            body.flush();
        });
    }
}
