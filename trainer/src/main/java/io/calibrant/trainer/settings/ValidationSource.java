package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which labelled questions are sent as validation questions after the curvature pass.
 *
 * @param fraction of the training questions that are held out, 0 to below 1
 * @param file a question file, instead
 */
public record ValidationSource(double fraction, Optional<Path> file) {
    /** Nothing. */
    public static final ValidationSource NONE = new ValidationSource(0, Optional.empty());

    /** At most so many questions are held out. */
    public static final int MOST_HELD_OUT = 400;

    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public ValidationSource {
        Require.that(fraction >= 0 && fraction < 1, "--validation-fraction", fraction, "0 or more and below 1");
        Require.that(
                file.isEmpty() || fraction == 0,
                "--validation-fraction",
                fraction,
                "left out where --validation is given");
    }

    /** A part of the training questions. */
    public static ValidationSource heldOut(double fraction) {
        return new ValidationSource(fraction, Optional.empty());
    }

    /** The labelled questions of a file. */
    public static ValidationSource of(Path file) {
        return new ValidationSource(0, Optional.of(file));
    }
}
