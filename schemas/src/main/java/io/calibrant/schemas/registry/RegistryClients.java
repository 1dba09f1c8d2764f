package io.calibrant.schemas.registry;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Clients by configuration. They live as long as the JVM: they hold caches, no connections. */
final class RegistryClients {
    static final String URL = "schema.registry.url";

    private static final Map<Settings, RegistryClient> CLIENTS = new ConcurrentHashMap<>();

    private record Settings(List<RegistryAddress> addresses, Map<String, String> headers, Map<String, String> tls) {}

    private RegistryClients() {}

    static RegistryClient of(Map<String, ?> configs) {
        Object url = configs.get(URL);
        String text = url instanceof List<?> list ? String.join(",", strings(list)) : url == null ? "" : url.toString();
        List<RegistryAddress> addresses = RegistryAddress.list(URL, text);
        return addresses.get(0).url().startsWith(RegistryAddress.MOCK)
                ? CLIENTS.computeIfAbsent(new Settings(addresses, Map.of(), Map.of()), s -> new MemoryRegistry())
                : CLIENTS.computeIfAbsent(
                        new Settings(addresses, RegistryCredentials.headers(configs), RegistryTls.settings(configs)),
                        s -> new HttpRegistryClient(
                                s.addresses(), s.headers(), RegistryTls.client(s.addresses(), s.tls())));
    }

    private static List<String> strings(List<?> list) {
        return list.stream().map(String::valueOf).toList();
    }
}
