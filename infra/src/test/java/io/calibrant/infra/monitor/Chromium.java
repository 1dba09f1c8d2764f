package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.testing.ProcessTree;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** One page in a real headless Chromium, driven by its DevTools protocol. */
public final class Chromium implements AutoCloseable, WebSocket.Listener {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long PATIENCE_SECONDS = 60;
    private static final Map<String, Integer> CODES = Map.of("Escape", 27, "End", 35, "Home", 36, "ArrowLeft", 37);

    private final Process process;
    private final WebSocket socket;
    private final AtomicInteger ids = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonNode>> asked = new ConcurrentHashMap<>();
    private final List<String> complaints = new CopyOnWriteArrayList<>();
    private final List<String> requests = new CopyOnWriteArrayList<>();
    private final StringBuilder partial = new StringBuilder();

    private Chromium(Process process, String page) {
        this.process = process;
        socket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .buildAsync(URI.create(page), this)
                .join();
        for (String domain : List.of("Page", "Runtime", "Log", "Network")) {
            command(domain + ".enable", JSON.createObjectNode());
        }
    }

    /** Where Chromium is on this machine; null where it is not. */
    public static Path installed() {
        return Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
    }

    /** Starts one, with an empty page. */
    public static Chromium start(Path directory) throws Exception {
        Process process = new ProcessBuilder(
                        installed().toString(),
                        "--headless=new",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--no-first-run",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + directory,
                        "about:blank")
                .redirectErrorStream(true)
                .start();
        try {
            int port = port(process.inputReader());
            JsonNode pages = JSON.readTree(HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list"))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body());
            for (JsonNode page : pages) {
                if (page.get("type").asText().equals("page")) {
                    return new Chromium(
                            process, page.get("webSocketDebuggerUrl").asText());
                }
            }
            throw new IllegalStateException("Chromium has no page: " + pages);
        } catch (Exception e) {
            ProcessTree.kill(process);
            throw e;
        }
    }

    private static int port(BufferedReader said) throws IOException {
        StringBuilder all = new StringBuilder();
        for (String line = said.readLine(); line != null; line = said.readLine()) {
            if (line.startsWith("DevTools listening on ")) {
                Thread drain = new Thread(() -> said.lines().forEach(rest -> {}), "chromium"); // or it would block
                drain.setDaemon(true);
                drain.start();
                return URI.create(line.substring("DevTools listening on ".length())
                                .strip())
                        .getPort();
            }
            all.append(line).append('\n');
        }
        throw new IllegalStateException("Chromium did not start: " + all);
    }

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
        partial.append(data);
        if (last) {
            String message = partial.toString();
            partial.setLength(0);
            try {
                take(JSON.readTree(message));
            } catch (IOException e) {
                complaints.add(e.toString());
            }
        }
        from.request(1);
        return null;
    }

    private void take(JsonNode message) {
        if (message.has("id")) {
            asked.remove(message.get("id").asInt()).complete(message);
            return;
        }
        JsonNode parameters = message.path("params");
        switch (message.path("method").asText()) {
            case "Runtime.exceptionThrown" -> complaints.add(parameters.toString());
            case "Runtime.consoleAPICalled" -> {
                if (parameters.path("type").asText().matches("error|warning|assert")) {
                    complaints.add(parameters.toString());
                }
            }
            case "Log.entryAdded" -> {
                if (parameters.path("entry").path("level").asText().matches("error|warning")) {
                    complaints.add(parameters.toString());
                }
            }
            case "Network.requestWillBeSent" ->
                requests.add(parameters.path("request").path("url").asText());
            default -> {}
        }
    }

    private JsonNode command(String method, ObjectNode parameters) {
        int id = ids.incrementAndGet();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        asked.put(id, answer);
        ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
        message.set("params", parameters);
        socket.sendText(message.toString(), true).join();
        JsonNode answered = answer.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
        if (answered.has("error")) {
            throw new IllegalStateException(method + ": " + answered.get("error"));
        }
        return answered.get("result");
    }

    /** Sets the size of the window, CSS pixels, and the colors that the user prefers. */
    public void look(int width, int height, boolean dark) {
        command(
                "Emulation.setDeviceMetricsOverride",
                JSON.createObjectNode()
                        .put("width", width)
                        .put("height", height)
                        .put("deviceScaleFactor", 1)
                        .put("mobile", false));
        ObjectNode media = JSON.createObjectNode();
        media.putArray("features")
                .addObject()
                .put("name", "prefers-color-scheme")
                .put("value", dark ? "dark" : "light");
        command("Emulation.setEmulatedMedia", media);
    }

    /** Sets the time zone, by its name in the database of zones. */
    public void zone(String name) {
        command("Emulation.setTimezoneOverride", JSON.createObjectNode().put("timezoneId", name));
    }

    /** Opens an address. */
    public void open(URI address) {
        command("Page.navigate", JSON.createObjectNode().put("url", address.toString()));
    }

    /** What an expression of JavaScript says, as text. */
    public String evaluate(String expression) {
        JsonNode result = command(
                "Runtime.evaluate",
                JSON.createObjectNode().put("expression", expression).put("returnByValue", true));
        if (result.has("exceptionDetails")) {
            throw new IllegalStateException(expression + ": " + result.get("exceptionDetails"));
        }
        return result.path("result").path("value").asText();
    }

    /** Presses a key. */
    public void press(String key) {
        for (String type : List.of("keyDown", "keyUp")) {
            ObjectNode event =
                    JSON.createObjectNode().put("type", type).put("key", key).put("code", key);
            if (key.equals("Enter")) {
                event.put("text", "\r").put("windowsVirtualKeyCode", 13);
            } else if (CODES.containsKey(key)) {
                event.put("windowsVirtualKeyCode", CODES.get(key));
            }
            command("Input.dispatchKeyEvent", event);
        }
    }

    /** Moves the pointer to a place in the window, CSS pixels. */
    public void move(double x, double y) {
        mouse("mouseMoved", x, y, 0);
    }

    /** Drags the pointer from one place to another. */
    public void drag(double x, double y, double toX, double toY) {
        move(x, y);
        mouse("mousePressed", x, y, 1);
        mouse("mouseMoved", (x + toX) / 2, (y + toY) / 2, 1);
        mouse("mouseMoved", toX, toY, 1);
        mouse("mouseReleased", toX, toY, 1);
    }

    /** Clicks twice at a place. */
    public void doubleClick(double x, double y) {
        move(x, y);
        for (int count = 1; count <= 2; count++) {
            mouse("mousePressed", x, y, count);
            mouse("mouseReleased", x, y, count);
        }
    }

    /** Draws a finger from one place to another and lifts it; a tap where both are the same. */
    public void swipe(double x, double y, double toX, double toY) {
        touch("touchStart", x, y);
        if (x != toX || y != toY) {
            for (int step = 1; step <= 4; step++) {
                touch("touchMove", x + step * (toX - x) / 4, y + step * (toY - y) / 4);
            }
        }
        command(
                "Input.dispatchTouchEvent",
                JSON.createObjectNode().put("type", "touchEnd").set("touchPoints", JSON.createArrayNode()));
    }

    private void touch(String type, double x, double y) {
        ObjectNode event = JSON.createObjectNode().put("type", type);
        event.putArray("touchPoints").addObject().put("x", x).put("y", y);
        command("Input.dispatchTouchEvent", event);
    }

    private void mouse(String type, double x, double y, int clicks) {
        ObjectNode event = JSON.createObjectNode().put("type", type).put("x", x).put("y", y);
        if (clicks > 0) {
            event.put("button", "left").put("clickCount", clicks).put("buttons", 1);
        }
        command("Input.dispatchMouseEvent", event);
    }

    /** A picture of the whole page, PNG. */
    public byte[] picture() {
        JsonNode result = command(
                "Page.captureScreenshot",
                JSON.createObjectNode().put("format", "png").put("captureBeyondViewport", true));
        return Base64.getDecoder().decode(result.get("data").asText());
    }

    /** What the page complained of: errors and warnings of its console, exceptions, files that could not be loaded. */
    public List<String> complaints() {
        return complaints;
    }

    /** Every address that was asked for. */
    public List<String> requests() {
        return requests;
    }

    @Override
    public void close() {
        socket.abort();
        ProcessTree.kill(process);
    }
}
