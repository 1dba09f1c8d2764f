package io.calibrant.testing;

import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/** A broker that is a process of its own: it can be killed, and opened again where it was. */
public final class BrokerProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String SERVING = "serving";

    private final Path home;
    private final int port;
    private final Path log;
    private ChildJvm process;

    private BrokerProcess(Path home, int port, Path log) {
        this.home = home;
        this.port = port;
        this.log = log;
    }

    /** The process. Arguments: directory, port. */
    public static void main(String... arguments) throws InterruptedException {
        try (Broker broker = Broker.start(Path.of(arguments[0]), Integer.parseInt(arguments[1]))) {
            System.out.println(SERVING + " " + broker.bootstrapServers());
            new CountDownLatch(1).await();
        }
    }

    /** Starts one, on a port that is free now. */
    public static BrokerProcess start(Path home, Path log) throws IOException {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        BrokerProcess broker = new BrokerProcess(home, port, log);
        broker.restart();
        return broker;
    }

    /** Starts it again, and returns once it serves. */
    public void restart() throws IOException {
        int before = starts();
        process = ChildJvm.start(log, BrokerProcess.class.getName(), home.toString(), Integer.toString(port));
        await("the broker serves").atMost(PATIENCE).until(() -> starts() > before);
    }

    private int starts() {
        return process == null
                ? 0
                : (int) process.printed()
                        .lines()
                        .filter(line -> line.startsWith(SERVING))
                        .count();
    }

    /** kill -9. */
    public void kill() throws InterruptedException {
        process.kill();
    }

    /** {@code 127.0.0.1:N}. */
    public String bootstrapServers() {
        return "127.0.0.1:" + port;
    }

    @Override
    public void close() {
        process.close();
    }
}
