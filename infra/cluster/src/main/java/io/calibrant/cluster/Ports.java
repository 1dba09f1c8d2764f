package io.calibrant.cluster;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;

/** Ports on loopback. */
final class Ports {
    private Ports() {}

    /**
     * The port itself, or a free one for 0.
     *
     * @throws ClusterException if somebody listens there
     */
    static int check(String what, int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException | IllegalArgumentException e) {
            throw new ClusterException(what + ": port " + port + " cannot be used: " + e.getMessage(), e);
        }
    }
}
