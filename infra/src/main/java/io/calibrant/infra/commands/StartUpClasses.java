package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.calibrant.cluster.Broker;
import io.calibrant.infra.demo.DemoFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import picocli.CommandLine.ExitCode;

/**
 * Runs once what commands do when they start. The launcher runs it after a build, and where it was installed before the
 * first command, with the option by which a JVM archives the classes that it has loaded: from that archive every
 * command has them without reading and verifying them again, which is most of what a short command does.
 *
 * <p>The broker is a real one in this JVM; the registry is a stand-in that keeps schemas in a list, as the real one
 * takes longer to start than everything else.
 */
final class StartUpClasses {
    /** The build waits for it: after this time there is no archive, which nothing needs. */
    private static final long LIMIT_SECONDS = 90;

    private static final String IDS = "/schemas/ids/";
    private static final ObjectMapper JSON = new ObjectMapper();

    private StartUpClasses() {}

    /** Takes no arguments. */
    public static void main(String[] arguments) throws IOException {
        CompletableFuture.delayedExecutor(LIMIT_SECONDS, TimeUnit.SECONDS)
                .execute(() -> Runtime.getRuntime().halt(ExitCode.SOFTWARE));
        Path home = Files.createTempDirectory("calibrant-classes");
        HttpServer registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        List<String> schemas = new CopyOnWriteArrayList<>();
        registry.createContext("/", exchange -> answer(exchange, schemas));
        registry.start();
        try (Broker broker = Broker.start(home.resolve("broker"), 0)) {
            Map<String, String> environment = Map.of(
                    "CALIBRANT_BOOTSTRAP_SERVERS",
                    broker.bootstrapServers(),
                    "CALIBRANT_SCHEMA_REGISTRY_URL",
                    "http://127.0.0.1:" + registry.getAddress().getPort());
            commands(DemoFiles.unpack(home.resolve("demo"))).forEach(command -> run(environment, command));
        } finally {
            registry.stop(0);
            delete(home);
        }
    }

    /** As a registry answers: the list of subjects, the id of a schema, the schema of an id. */
    private static void answer(HttpExchange exchange, List<String> schemas) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            String answer = "[]";
            if (exchange.getRequestMethod().equals("POST")) {
                schemas.add(schema(exchange));
                answer = JSON.createObjectNode().put("id", schemas.size()).toString();
            } else if (path.startsWith(IDS)) {
                String schema = schemas.get(Integer.parseInt(path.substring(IDS.length())) - 1);
                answer = JSON.createObjectNode().put("schema", schema).toString();
            }
            byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    private static String schema(HttpExchange exchange) throws IOException {
        return JSON.readTree(exchange.getRequestBody()).path("schema").asText();
    }

    private static List<List<String>> commands(DemoFiles files) {
        String questions = files.test().toString();
        return List.of(
                List.of("--help"),
                List.of("topics", "--apply"),
                List.of("runs"),
                List.of("fits", "--json"),
                List.of("fits"),
                List.of("ask", "--run", "none", "--questions", questions),
                List.of("label", "--questions", questions),
                List.of("answers", "--from-beginning", "--count", "1", "--timeout", "1", "--json"));
    }

    /** What it says and whether it succeeds is all the same. */
    private static void run(Map<String, String> environment, List<String> command) {
        PrintWriter nobody = new PrintWriter(Writer.nullWriter());
        Calibrant.run(command.toArray(String[]::new), environment, nobody, nobody);
    }

    private static void delete(Path directory) {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        } catch (IOException | UncheckedIOException e) {
            // What remains lies in the directory for temporary files.
        }
    }
}
