package io.calibrant.infra.monitor;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A reverse proxy on loopback that serves one path and passes another name on: one request a connection, the response
 * as it comes. What is not under the path gets 404, as from the other sites behind a real one, and all get 502 while
 * nobody is behind it.
 */
public final class PathProxy implements AutoCloseable {
    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final AtomicInteger refused = new AtomicInteger();
    private final String path;
    private final boolean strips;
    private final String host;
    private volatile int target;
    private boolean held;

    /**
     * Starts one.
     *
     * @param target port of the server behind it
     * @param strips whether it takes the path away before it passes a request on
     * @param host that it passes on
     */
    public PathProxy(int target, String path, boolean strips, String host) throws IOException {
        this.target = target;
        this.path = path;
        this.strips = strips;
        this.host = host;
        start(this::accept);
    }

    /** Where it is. */
    public URI address() {
        return URI.create("http://127.0.0.1:" + server.getLocalPort() + "/");
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "path-proxy");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                start(() -> pass(client));
            } catch (IOException e) {
                return;
            }
        }
    }

    /** Another server takes the place of the one behind it. */
    public void passTo(int port) {
        target = port;
    }

    /** How many requests got 502: nobody was behind it. */
    public int refused() {
        return refused.get();
    }

    /** Whether nothing that the server sends is passed on for now; connections stay open. */
    public synchronized void hold(boolean wanted) {
        held = wanted;
        notifyAll();
    }

    private synchronized void awaitPassing() {
        try {
            while (held) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void pass(Socket client) {
        try (client) {
            String request = line(client.getInputStream());
            String asked = request.isEmpty() ? "" : request.split(" ", 3)[1];
            for (String header = line(client.getInputStream()); !header.isEmpty(); ) {
                header = line(client.getInputStream());
            }
            if (!asked.matches(path + "([/?].*)?")) {
                answer(client, "404 Not Found");
                return;
            }
            String passed = strips ? asked.substring(path.length()) : asked;
            String head = "GET " + (passed.startsWith("/") ? passed : "/" + passed) + " HTTP/1.1\r\nHost: " + host
                    + "\r\nConnection: close\r\n\r\n";
            try (Socket behind = new Socket(InetAddress.getLoopbackAddress(), target)) {
                behind.getOutputStream().write(head.getBytes(StandardCharsets.UTF_8));
                byte[] part = new byte[1 << 14];
                for (int n = behind.getInputStream().read(part); n >= 0; ) {
                    awaitPassing();
                    client.getOutputStream().write(part, 0, n);
                    n = behind.getInputStream().read(part);
                }
            } catch (ConnectException e) {
                answer(client, "502 Bad Gateway");
                refused.incrementAndGet();
            }
        } catch (IOException e) {
            // One of both is gone.
        }
    }

    private static void answer(Socket client, String status) throws IOException {
        client.getOutputStream()
                .write(("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.UTF_8));
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
            line.append((char) next);
        }
        return line.toString().strip();
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
