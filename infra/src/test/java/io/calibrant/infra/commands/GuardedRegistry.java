package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** As much of a registry as our clients ask for, over TLS, for those who know its password. */
final class GuardedRegistry implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpsServer server;
    private final String authorization;
    private final List<String> schemas = new ArrayList<>();

    private GuardedRegistry(HttpsServer server, String userInfo) {
        this.server = server;
        this.authorization = header(userInfo);
        server.createContext("/", this::answer);
        server.start();
    }

    /** What a client sends that knows the password: a secret as well. */
    static String header(String userInfo) {
        return "Basic " + Base64.getEncoder().encodeToString(userInfo.getBytes(StandardCharsets.UTF_8));
    }

    /** Starts one whose key is in a store. */
    static GuardedRegistry start(Path store, String password, String userInfo)
            throws IOException, GeneralSecurityException {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, password.toCharArray());
        }
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(keys, password.toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), null, null);
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        return new GuardedRegistry(server, userInfo);
    }

    String url() {
        return "https://127.0.0.1:" + server.getAddress().getPort();
    }

    private synchronized void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            byte[] asked = exchange.getRequestBody().readAllBytes();
            if (!authorization.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                reply(exchange, 401, Map.of("error_code", 40101, "message", "Unauthorized"));
            } else if (path.equals("/subjects")) {
                reply(exchange, 200, List.of());
            } else if (path.startsWith("/subjects/")) {
                JsonNode schema = JSON.readTree(asked).path("schema");
                int known = schemas.indexOf(schema.asText());
                if (known < 0) {
                    known = schemas.size();
                    schemas.add(schema.asText());
                }
                reply(exchange, 200, Map.of("id", known + 1));
            } else {
                int id = Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
                reply(exchange, 200, Map.of("schema", schemas.get(id - 1)));
            }
        }
    }

    private static void reply(HttpExchange exchange, int status, Object body) throws IOException {
        byte[] bytes = JSON.writeValueAsBytes(body);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
