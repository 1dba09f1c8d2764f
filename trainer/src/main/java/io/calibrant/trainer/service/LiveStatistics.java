package io.calibrant.trainer.service;

import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.MathThreads;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.curvature.CurvatureFold;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.BatchRange;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.Publisher;
import io.calibrant.trainer.statistics.SendQueue;
import java.util.List;
import java.util.Optional;

/**
 * The EMPIRICAL statistics of fine-tuning steps, from their own backward passes, under the checkpoint {@code live}:
 * batch i is that of step 1 + i every, at the weights before its update. Numbers without gaps: the fitter keeps every
 * folded batch beyond a gap.
 *
 * <p>Processes that share a curvature pass all fine-tune alike; the first of them streams.
 */
final class LiveStatistics implements AutoCloseable {
    private final int every;
    private final AdaptedModel model;
    private final Adapter initial;
    private final Publisher publisher;
    private final SendQueue queue;
    private final KfacEstimator curvature;
    private final NDManager manager;
    private final CurvatureFold fold;
    private final MathThreads threads;

    /** @param initial the weights before fine-tuning */
    LiveStatistics(
            TrainerSettings settings, AdaptedModel model, Adapter initial, Publisher publisher, SendQueue queue) {
        this.model = model;
        this.initial = initial;
        this.publisher = publisher;
        this.queue = queue;
        StreamingSettings streaming = settings.streaming();
        every = settings.curvature().shard().index() == 0 ? streaming.every() : 0;
        Integer rank = settings.curvature().rank().orElse(null);
        curvature = new KfacEstimator(
                settings.curvature().kfac(), FisherType.EMPIRICAL, rank, settings.run(), settings.seed());
        manager = model.model().newManager();
        fold = new CurvatureFold(streaming.batchesPerRecord(), streaming.forgetting(), rank, settings.run(), manager);
        threads = every > 0 ? MathThreads.on(manager.getDevice()) : new MathThreads(1);
    }

    /** @param step from 1 */
    boolean captures(int step) {
        return every > 0 && (step - 1) % every == 0;
    }

    /**
     * Takes a step that captures.
     *
     * @param pass after its backward pass, before the optimizer changes the weights
     */
    void captured(int step, Pass pass, List<EncodedPrompt> prompts) {
        long batch = (step - 1L) / every;
        send(fold.add(batch, curvature.ofTraining(pass, model.weights(), prompts, batch, threads)));
    }

    /** Whether everything that was taken has been given to the queue. */
    boolean isEmpty() {
        return fold.isEmpty();
    }

    /** Sends what is folded but makes no whole record. */
    void end() {
        send(fold.rest());
    }

    private void send(Optional<CurvatureSum> ready) {
        if (ready.isEmpty()) {
            return;
        }
        CurvatureSum sum = ready.get();
        BatchRange range = new BatchRange(fold.first(), 1, null);
        Adapter now = model.weights().snapshot();
        // norms are taken in the sending thread
        queue.send(sum.bytes(), () -> publisher.statistics(new Checkpoint(Checkpoint.LIVE, now, initial), range, sum));
    }

    @Override
    public void close() {
        threads.close();
        manager.close();
    }
}
