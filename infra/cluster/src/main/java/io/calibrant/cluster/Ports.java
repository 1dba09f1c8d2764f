package io.calibrant.cluster;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/** Ports on loopback. */
final class Ports {
    /**
     * Free ports are looked for below those that systems give to outgoing connections: such a one may be taken again
     * before the program listens, which for the registry is two seconds later.
     */
    private static final int FIRST = 20_000;

    private static final int COUNT = 12_000;
    private static final int ATTEMPTS = 100;

    private Ports() {}

    /**
     * The port itself, or a free one for 0.
     *
     * @throws ClusterException if somebody listens there
     */
    static int check(String what, int port) {
        if (port != 0) {
            return bound(what, port);
        }
        ClusterException taken = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                return bound(what, FIRST + ThreadLocalRandom.current().nextInt(COUNT));
            } catch (ClusterException e) {
                taken = e;
            }
        }
        throw taken;
    }

    private static int bound(String what, int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException | IllegalArgumentException e) {
            throw new ClusterException(what + ": port " + port + " cannot be used: " + e.getMessage(), e);
        }
    }
}
