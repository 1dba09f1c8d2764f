package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Consumer;

/**
 * Tells of a broker that is away, for services whose own clients wait for it in silence. Looks about once a second, in
 * a thread of its own.
 */
public final class BrokerWatch {
    private static final Duration LOOK = Duration.ofMillis(250);

    private final BrokerProbe probe;
    private final Outages outages;
    private final Thread thread;

    private BrokerWatch(Connection connection, Consumer<String> lines) {
        probe = new BrokerProbe(connection);
        outages = new Outages(connection, lines);
        thread = new Thread(this::look, "calibrant-broker-watch");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Watches while a task runs, and returns what the task does.
     *
     * @param lines hears once, with the address, that the broker is away, and once that it is back; from another thread
     * @throws Exception what the task throws
     */
    public static <T> T during(Connection connection, Consumer<String> lines, Callable<T> task) throws Exception {
        BrokerWatch watch = new BrokerWatch(connection, lines);
        try {
            return task.call();
        } finally {
            watch.end();
        }
    }

    private void look() {
        try {
            while (true) {
                Thread.sleep(LOOK.toMillis());
                probe.ask(topics -> outages.brokerBack(), outages::brokerAway);
            }
        } catch (InterruptedException e) {
            // Closed; a probe's answer that has come is read without waiting.
        }
    }

    /** After this it says nothing more. */
    private void end() {
        thread.interrupt();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        probe.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
