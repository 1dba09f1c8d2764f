package io.calibrant.fitter.faults;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.SecuredBroker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A fitter with one thread and otherwise the default settings, as a process of its own. */
final class FitterProcess {
    /** What it prints once its state is back and it shares the work. */
    static final String READY = "fitting until interrupted";

    /** What stands before each change of its readiness: nothing behind it while it is ready, else why it is not. */
    static final String OBSTACLE = "obstacle: ";

    private static final long LOOK_MILLIS = 20;

    private FitterProcess() {}

    /** Arguments: broker, registry, topic prefix, state directory, and a file of settings where there are any. */
    public static void main(String... arguments) throws IOException {
        Map<String, String> client = arguments.length > 4 ? SecuredBroker.read(Path.of(arguments[4])) : Map.of();
        Connection connection = new Connection(arguments[0], arguments[1], arguments[2], client);
        FitterSettings standard = FitterSettings.defaults();
        FitterSettings settings = standard.with(
                standard.streaming().withStateDir(Path.of(arguments[3])).withThreads(1));
        try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
            printReadiness(fitter);
            ChildJvm.serve(fitter, () -> {
                fitter.start();
                System.out.println(READY);
                fitter.await();
            });
        }
    }

    private static void printReadiness(Fitter fitter) {
        Thread thread = new Thread(
                () -> {
                    String last = "";
                    while (true) {
                        String now = OBSTACLE + fitter.obstacle().orElse("");
                        if (!now.equals(last)) {
                            System.out.println(now);
                        }
                        last = now;
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS));
                    }
                },
                "readiness");
        thread.setDaemon(true);
        thread.start();
    }
}
