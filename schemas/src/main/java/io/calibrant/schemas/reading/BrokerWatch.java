package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.kafka.common.errors.AuthenticationException;

/**
 * Tells of a broker that is away, for services whose own clients wait for it in silence. Looks about once a second, in
 * a thread of its own.
 */
public final class BrokerWatch {
    private static final Duration LOOK = Duration.ofMillis(250);

    private final BrokerProbe probe;
    private final Outages outages;
    private final AtomicBoolean away;
    private final Thread thread;

    private BrokerWatch(Connection connection, Consumer<String> lines, AtomicBoolean away) {
        this.away = away;
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
        return during(connection, lines, new AtomicBoolean(), task);
    }

    /**
     * The same, and others may look whether the broker is away.
     *
     * @param away true while it is
     */
    public static <T> T during(Connection connection, Consumer<String> lines, AtomicBoolean away, Callable<T> task)
            throws Exception {
        BrokerWatch watch = new BrokerWatch(connection, lines, away);
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
                probe.ask(topics -> back(), this::away);
            }
        } catch (AuthenticationException e) {
            // It is not away. The service's own clients come upon the same, and say so.
        } catch (InterruptedException e) {
            // Closed; a probe's answer that has come is read without waiting.
        }
    }

    private void away() {
        away.set(true);
        outages.brokerAway();
    }

    private void back() {
        away.set(false);
        outages.brokerBack();
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
