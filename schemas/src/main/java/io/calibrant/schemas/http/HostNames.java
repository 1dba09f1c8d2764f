package io.calibrant.schemas.http;

import io.calibrant.schemas.Require;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Collection;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/**
 * The names that a server answers to. A page of another site can make a browser ask a server on this machine, where the
 * site's name resolves to it (DNS rebinding); the request then has the site's name in its header Host.
 *
 * <p>Those of loopback always hold, and so does an address by which the caller has reached the server: rebinding needs
 * a name. Ports and case make no difference.
 *
 * @param others names besides, in lower case; {@code *} is any
 */
public record HostNames(Set<String> others) {
    private static final String ANY = "*";
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final String NAME = "[a-z0-9]([a-z0-9._-]{0,252})|\\[[0-9a-f:.]{2,45}\\]";

    public HostNames {
        others = Set.copyOf(others);
    }

    /** The names of loopback only. */
    public static HostNames loopback() {
        return new HostNames(Set.of());
    }

    /**
     * The names of loopback and others.
     *
     * @param key what the user calls them
     * @param names with or without a port, which is left out
     * @throws io.calibrant.schemas.ConfigurationException if one is no name
     */
    public static HostNames of(String key, Collection<String> names) {
        Set<String> others = new TreeSet<>();
        for (String name : names) {
            String host = withoutPort(name.strip());
            Require.that(
                    host.equals(ANY) || host.matches(NAME),
                    key,
                    name,
                    "names of hosts as in calibrant.example.org, or * for any");
            others.add(host);
        }
        return new HostNames(others);
    }

    /**
     * Whether a request may be answered.
     *
     * @param host its header Host; null where it has none
     * @param local the address of the connection on this side
     */
    public boolean accepts(String host, InetAddress local) {
        if (host == null) {
            return false;
        }
        String name = withoutPort(host.strip());
        return others.contains(ANY) || LOOPBACK.contains(name) || others.contains(name) || isAddress(name, local);
    }

    private static String withoutPort(String host) {
        String lower = host.toLowerCase(Locale.ROOT);
        int port = lower.lastIndexOf(':');
        boolean some =
                port > lower.lastIndexOf(']') && lower.substring(port + 1).matches("\\d{1,5}");
        return some ? lower.substring(0, port) : lower;
    }

    /** Whether a name is this very address; never asks anybody what a name resolves to. */
    private static boolean isAddress(String name, InetAddress local) {
        if (local == null || !(name.matches("[0-9.]{7,15}") || name.matches("\\[[0-9a-f:.]{2,45}\\]"))) {
            return false;
        }
        if (!name.startsWith("[")) {
            return name.equals(local.getHostAddress());
        }
        try {
            return InetAddress.getByName(name).equals(local);
        } catch (UnknownHostException e) {
            return false;
        }
    }
}
