package io.calibrant.schemas.registry;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Finds or makes the client of a configuration. Clients live as long as the JVM: they hold caches, no connections. */
final class RegistryClients {
    static final String URL = "schema.registry.url";
    private static final String USER_INFO = "basic.auth.user.info";
    private static final String TOKEN = "bearer.auth.token";
    private static final String MOCK = "mock://";
    private static final String ADDRESSES = "http://host:port, https://host:port or mock://name";

    private static final Map<Address, RegistryClient> CLIENTS = new ConcurrentHashMap<>();

    private record Address(List<String> urls, String authorization) {}

    private RegistryClients() {}

    static RegistryClient of(Map<String, ?> configs) {
        Object url = configs.get(URL);
        String text = url instanceof List<?> list ? String.join(",", strings(list)) : url == null ? "" : url.toString();
        Require.that(!text.isBlank(), URL, url, ADDRESSES);
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
            // Said below, with what is accepted.
        }
        throw new ConfigurationException(URL, url, ADDRESSES);
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
