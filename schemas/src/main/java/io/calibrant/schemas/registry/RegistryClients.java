package io.calibrant.schemas.registry;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/** Clients by configuration. They live as long as the JVM: they hold caches, no connections. */
final class RegistryClients {
    static final String URL = "schema.registry.url";
    private static final String USER_INFO = "basic.auth.user.info";
    private static final String TOKEN = "bearer.auth.token";
    private static final String MOCK = "mock://";
    private static final Pattern CREDENTIALS = Pattern.compile("(://)[^/@\\s]+@");

    private static final Map<Address, RegistryClient> CLIENTS = new ConcurrentHashMap<>();

    private record Address(List<String> urls, String authorization) {}

    private RegistryClients() {}

    static RegistryClient of(Map<String, ?> configs) {
        Object url = configs.get(URL);
        String text = url instanceof List<?> list ? String.join(",", strings(list)) : url == null ? "" : url.toString();
        if (text.isBlank()) {
            throw refused("nothing");
        }
        List<String> urls = new ArrayList<>();
        for (String part : text.split(",", -1)) {
            urls.add(check(part.trim()));
        }
        Address address = new Address(List.copyOf(urls), authorization(configs));
        return CLIENTS.computeIfAbsent(
                address,
                a -> a.urls().get(0).startsWith(MOCK)
                        ? new MemoryRegistry()
                        : new HttpRegistryClient(a.urls(), a.authorization()));
    }

    private static List<String> strings(List<?> list) {
        return list.stream().map(String::valueOf).toList();
    }

    private static String check(String url) {
        try {
            URI uri = URI.create(url);
            String scheme = uri.getScheme();
            boolean mock = url.startsWith(MOCK) && url.length() > MOCK.length();
            boolean http = uri.getHost() != null && ("http".equals(scheme) || "https".equals(scheme));
            if (mock || http) {
                return url.endsWith("/") ? url.substring(0, url.length() - 1) : url;
            }
        } catch (IllegalArgumentException e) {
            // Refused below, with what is accepted.
        }
        throw refused("'" + CREDENTIALS.matcher(url).replaceAll("$1********@") + "'");
    }

    private static IllegalArgumentException refused(String value) {
        return new IllegalArgumentException(
                URL + " must be http://host:port, https://host:port or mock://name, got " + value);
    }

    private static String authorization(Map<String, ?> configs) {
        Object token = configs.get(TOKEN);
        if (token != null) {
            return "Bearer " + token;
        }
        Object user = configs.get(USER_INFO);
        return user == null
                ? ""
                : "Basic " + Base64.getEncoder().encodeToString(user.toString().getBytes(StandardCharsets.UTF_8));
    }
}
