package io.calibrant.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A loopback address in front of another one that can be made to refuse, and to answer again, in no time. */
public final class Relay implements AutoCloseable {
    private final URI target;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private ServerSocket server;

    private Relay(URI target) {
        this.target = target;
        server = listen(0);
        accept(server);
    }

    /** Answers. */
    public static Relay to(String url) {
        return new Relay(URI.create(url));
    }

    /** The target's URL with this relay's port. */
    public String url() {
        return target.getScheme() + "://127.0.0.1:" + server.getLocalPort() + target.getPath();
    }

    /** Refuses connections, and ends those that there are. */
    public void cut() {
        close(server);
        sockets.forEach(Relay::close);
        sockets.clear();
    }

    /** Answers again, at the same address. */
    public void restore() {
        server = listen(server.getLocalPort());
        accept(server);
    }

    private static ServerSocket listen(int port) {
        try {
            ServerSocket socket = new ServerSocket();
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            return socket;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void accept(ServerSocket from) {
        start(() -> {
            while (true) {
                Socket here = from.accept();
                Socket there = new Socket(target.getHost(), target.getPort());
                sockets.add(here);
                sockets.add(there);
                if (from.isClosed()) {
                    close(here);
                    close(there);
                }
                start(() -> pump(here, there));
                start(() -> pump(there, here));
            }
        });
    }

    private static void pump(Socket from, Socket to) throws IOException {
        try (from;
                to;
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream()) {
            in.transferTo(out);
        }
    }

    private interface Task {
        void run() throws IOException;
    }

    private static void start(Task task) {
        Thread thread = new Thread(
                () -> {
                    try {
                        task.run();
                    } catch (IOException e) {
                        // Cut.
                    }
                },
                "relay");
        thread.setDaemon(true);
        thread.start();
    }

    private static void close(AutoCloseable socket) {
        try {
            socket.close();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        cut();
    }
}
