package io.calibrant.infra.refit;

import io.calibrant.fitter.settings.FitterSettings;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * What a refit would do.
 *
 * @param settings of the fitter that would do it
 * @param checkpoints batches that are to be folded, by checkpoint
 * @param records statistics to be folded
 * @param bytes of these
 * @param first when the first of them was sent; null where there is none
 * @param last when the last of them was sent; null where there is none
 * @param gaps what retention has dropped of the passes that are asked for
 * @param missing batches that are neither there nor dropped, by checkpoint: not sent yet
 * @param bytesPerSecond at which the topic was read
 * @param secondsPerFold that a fold took on a sample of these statistics, here; 0 where there is none
 * @param begun whether the name stands for these settings already
 */
public record RefitPlan(
        FitterSettings settings,
        Map<String, Long> checkpoints,
        long records,
        long bytes,
        Instant first,
        Instant last,
        List<Gap> gaps,
        Map<String, Long> missing,
        double bytesPerSecond,
        double secondsPerFold,
        boolean begun) {
    /** To start, to join the group, and to tune at the end. */
    private static final double START_SECONDS = 5;

    /** What a record costs Kafka Streams besides the fold: state, changelog, transactions. */
    private static final double OVERHEAD_SECONDS = 1e-3;

    /** About how long it would take, seconds. */
    public double estimatedSeconds() {
        return START_SECONDS
                + bytes / bytesPerSecond
                + records
                        * (secondsPerFold + OVERHEAD_SECONDS)
                        / settings.streaming().threads();
    }
}
