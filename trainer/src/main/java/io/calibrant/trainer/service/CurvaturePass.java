package io.calibrant.trainer.service;

import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.CurvatureFold;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.state.PassProgress;
import io.calibrant.trainer.state.StateKeeper;
import io.calibrant.trainer.statistics.BatchRange;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.Publisher;
import io.calibrant.trainer.statistics.SendQueue;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * Publishes a checkpoint and measures its curvature: this shard's batches of all training questions, in evaluation
 * mode.
 */
final class CurvaturePass {
    /** A progress record is sent at every so many batches, and at the last. */
    private static final int BATCHES_PER_REPORT = 5;

    private final TrainerSettings settings;
    private final AdaptedModel model;
    private final TrainingSet set;
    private final Publisher publisher;
    private final SendQueue queue;
    private final StateKeeper keeper;
    private final ProgressListener listener;
    private final BooleanSupplier stopping;

    CurvaturePass(
            TrainerSettings settings,
            AdaptedModel model,
            TrainingSet set,
            Publisher publisher,
            SendQueue queue,
            StateKeeper keeper,
            ProgressListener listener,
            BooleanSupplier stopping) {
        this.settings = settings;
        this.model = model;
        this.set = set;
        this.publisher = publisher;
        this.queue = queue;
        this.keeper = keeper;
        this.listener = listener;
        this.stopping = stopping;
    }

    /**
     * Makes a pass at the model's present weights, or the rest of one.
     *
     * @param checkpoint these weights
     * @param last whether the run is done with it
     * @param from the batches that are done already
     * @param now where fine-tuning is; asked once, if state is kept
     * @return false if it was stopped before its end
     */
    boolean run(Checkpoint checkpoint, boolean last, PassProgress from, Supplier<FineTuningState> now) {
        List<EncodedPrompt> prompts = set.prompts();
        int size = settings.optimisation().batchSize();
        long batches = ((long) prompts.size() + size - 1) / size;
        long mine = LongStream.range(0, batches)
                .filter(settings.curvature().shard()::has)
                .count();
        Integer rank = settings.curvature().rank().orElse(null);
        KfacEstimator curvature = new KfacEstimator(
                settings.curvature().kfac(), settings.curvature().fisher(), rank, settings.run(), settings.seed());
        if (from.batches() == mine) {
            return !stopping.getAsBoolean();
        }
        FineTuningState tuning = keeper.isOn() ? now.get() : null;
        PassProgress progress = from;
        if (from.batches() == 0) {
            if (!queue.send(checkpoint.bytes(), () -> publisher.checkpoint(checkpoint))) {
                return false;
            }
            keeper.keep(tuning, progress, false);
        }
        long start = System.nanoTime();
        long passed = 0;
        event(progress.batches(), mine, Optional.empty());
        Guessing guessing = new Guessing();
        try (NDManager manager = model.model().newManager()) {
            CurvatureFold fold =
                    new CurvatureFold(settings.streaming().batchesPerRecord(), 1, rank, settings.run(), manager);
            for (long batch = 0; batch < batches; batch++) {
                if (stopping.getAsBoolean()) {
                    return false;
                }
                if (!settings.curvature().shard().has(batch) || passed++ < from.batches()) {
                    continue;
                }
                int first = Math.toIntExact(batch * size);
                List<EncodedPrompt> some = prompts.subList(first, Math.min(first + size, prompts.size()));
                BatchCurvature measured = curvature.measure(model, some, set.pad(), batch);
                guessing.add(some, measured);
                send(checkpoint, fold, fold.add(batch, measured), batches);
                progress = progress.plus(measured);
                long done = progress.batches();
                event(done, mine, Trainer.remaining(start, done - from.batches(), mine - from.batches()));
                if (done % BATCHES_PER_REPORT == 0 && done < mine) {
                    report(checkpoint, progress, mine, false);
                }
                if (keeper.isDue() && fold.isEmpty() && done < mine) {
                    keeper.keep(tuning, progress, false);
                }
            }
            send(checkpoint, fold, fold.rest(), batches);
        }
        if (settings.adapter().from().isPresent() && settings.optimisation().steps() == 0) {
            guessing.warning().ifPresent(listener::warned);
        }
        report(checkpoint, progress, mine, last);
        keeper.keep(tuning, progress, false);
        return !stopping.getAsBoolean();
    }

    private void send(Checkpoint checkpoint, CurvatureFold fold, Optional<CurvatureSum> ready, long batches) {
        ready.ifPresent(sum -> {
            BatchRange range =
                    new BatchRange(fold.first(), settings.curvature().shard().count(), batches);
            queue.send(sum.bytes(), () -> publisher.statistics(checkpoint, range, sum));
        });
    }

    private void report(Checkpoint checkpoint, PassProgress progress, long mine, boolean last) {
        queue.send(
                0,
                () -> publisher.curvature(
                        checkpoint, progress.batches(), mine, progress.examples(), progress.logLikelihood(), last));
    }

    private void event(long done, long total, Optional<Duration> remaining) {
        listener.progressed(new Event(Phase.CURVATURE, done, total, OptionalDouble.empty(), remaining));
    }
}
