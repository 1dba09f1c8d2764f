package io.calibrant.infra.commands.output;

import io.calibrant.infra.live.Age;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.avro.Phase;
import java.time.Instant;

/** How a run's trainer does, as commands show it: done, at work, or not heard of for much longer than it pauses. */
public final class TrainerFields {
    private TrainerFields() {}

    /**
     * One word for machines.
     *
     * @param trainer null where it has said nothing
     */
    public static String state(RunHistory trainer, Instant now) {
        if (trainer == null) {
            return "UNKNOWN";
        }
        if (trainer.latest().getPhase() == Phase.DONE) {
            return "DONE";
        }
        return trainer.isSilent(now) ? "SILENT" : "RUNNING";
    }

    /**
     * For people: what it did last, and how long ago.
     *
     * @param trainer null where it has said nothing
     */
    public static String words(RunHistory trainer, Instant now) {
        if (trainer == null) {
            return "-";
        }
        String age = Age.of(trainer.age(now));
        String step = (trainer.latest().getPhase() == Phase.CURVATURE ? "batch " : "step ")
                + trainer.latest().getStep() + "/" + trainer.latest().getSteps();
        return switch (state(trainer, now)) {
            case "DONE" -> "done " + age + " ago";
            case "SILENT" -> "SILENT for " + age + " at " + step;
            default -> step + ", " + age + " ago";
        };
    }
}
