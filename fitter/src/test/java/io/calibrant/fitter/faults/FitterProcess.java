package io.calibrant.fitter.faults;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.testing.ChildJvm;
import java.nio.file.Path;
import java.util.Map;

/** A fitter with one thread and otherwise the default settings, as a process of its own. */
final class FitterProcess {
    /** What it prints once its state is back and it shares the work. */
    static final String READY = "fitting until interrupted";

    private FitterProcess() {}

    /** Arguments: broker, registry, topic prefix, state directory. */
    public static void main(String... arguments) {
        Connection connection = new Connection(arguments[0], arguments[1], arguments[2], Map.of());
        FitterSettings standard = FitterSettings.defaults();
        FitterSettings settings = standard.with(
                standard.streaming().withStateDir(Path.of(arguments[3])).withThreads(1));
        try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
            ChildJvm.serve(fitter, () -> {
                fitter.start();
                System.out.println(READY);
                fitter.await();
            });
        }
    }
}
