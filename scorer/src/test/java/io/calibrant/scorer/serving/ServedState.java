package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.Posterior;
import java.util.HashMap;
import java.util.Map;

/** What a test sees of a {@link ModelTable} and of a {@link RefCounted} that nobody else asks for. */
final class ServedState {
    private ServedState() {}

    /** Whether its last reference is gone. */
    static boolean isFree(RefCounted held) {
        try {
            held.hold();
        } catch (IllegalStateException e) {
            return true;
        }
        held.release();
        return false;
    }

    /** The posteriors that are served now. */
    static Map<Target, Posterior> posteriors(ModelTable table) {
        Map<Target, Posterior> now = new HashMap<>();
        synchronized (table) {
            table.models.forEach((target, model) -> now.put(target, model.posterior()));
        }
        return now;
    }
}
