package io.calibrant.trainer.finetuning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.curvature.ClassProbabilities;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Fine-tunes the adapter of a model in place: AdamW on the mean cross-entropy over each question's class logits at its
 * last token, linear schedule, no clipping of gradients. Of a DoRA the magnitudes are trained, too, and of a sequence
 * classifier the head; the frozen weights stay as they are.
 *
 * <p>What a step draws depends on seed and step alone: fine-tuning that resumes from a {@link FineTuningState} takes
 * the very steps that it would have taken.
 *
 * <p>Memory is flat: a step's arrays are freed with the step, only the optimizer's moments outlive it.
 */
public final class FineTuning implements AutoCloseable {
    /** Keeps what dropout draws apart from the order of the questions. */
    private static final long DROPOUT = 0x64726f706f7574L;

    /** Neighbouring multiples of it are far apart: the increment of SplittableRandom. */
    private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

    private final AdaptedModel model;
    private final List<EncodedPrompt> prompts;
    private final int pad;
    private final FineTuningSettings settings;
    private final QuestionOrder order;
    private final LinearSchedule schedule;
    private final List<NDArray> parameters;
    private final NDManager manager;
    private final AdamW optimizer;
    private int done;
    private long examples;

    /**
     * Nothing done yet.
     *
     * @param model is trained in place; not closed
     * @param prompts labelled questions
     * @param pad id that fills the left of shorter prompts
     * @param from a state of fine-tuning with the same questions and settings, whose weights the model has; empty:
     *     starts at the first step
     */
    public FineTuning(
            AdaptedModel model,
            List<EncodedPrompt> prompts,
            int pad,
            FineTuningSettings settings,
            Optional<FineTuningState> from) {
        this.model = model;
        this.prompts = prompts;
        this.pad = pad;
        this.settings = settings;
        order = new QuestionOrder(prompts.size(), settings.batchSize(), settings.seed());
        schedule = new LinearSchedule(settings.learningRate(), settings.steps());
        parameters = model.weights().parameters();
        manager = model.model().newManager();
        optimizer = from.map(state -> new AdamW(parameters, manager, settings.weightDecay(), state))
                .orElseGet(() -> new AdamW(parameters, manager, settings.weightDecay()));
        done = from.map(FineTuningState::step).orElse(0);
        examples = order.skip(done);
    }

    /**
     * Trains from the first step until the steps are done or the listener says stop.
     *
     * @return steps done
     * @throws IllegalArgumentException if a question has no answer
     * @throws IllegalStateException if the loss is no longer a number
     */
    public static int run(
            AdaptedModel model,
            List<EncodedPrompt> prompts,
            int pad,
            FineTuningSettings settings,
            FineTuningListener listener) {
        try (FineTuning tuning = new FineTuning(model, prompts, pad, settings, Optional.empty())) {
            return tuning.run(listener);
        }
    }

    /**
     * Trains until the steps are done or the listener says stop.
     *
     * @return steps done, those of the state it started from included
     * @throws IllegalArgumentException if a question has no answer
     * @throws IllegalStateException if the loss is no longer a number
     */
    public int run(FineTuningListener listener) {
        try {
            while (done < settings.steps()) {
                int step = done + 1;
                List<EncodedPrompt> batch =
                        Arrays.stream(order.nextBatch()).mapToObj(prompts::get).toList();
                double rate = schedule.rate(done);
                // dropout draws from the engine's own generator
                manager.getEngine().setRandomSeed(dropoutSeed(settings.seed(), step));
                double loss = step(batch, rate, listener.captures(step) ? new Captured(step, listener) : null);
                if (!Double.isFinite(loss)) {
                    throw new IllegalStateException("loss is " + loss + " at step " + step
                            + ": training diverged, lower --learning-rate (now " + settings.learningRate() + ")");
                }
                examples += batch.size();
                done = step;
                if (!listener.stepped(step, loss, rate, examples)) {
                    break;
                }
            }
            return done;
        } finally {
            model.weights().setTrainable(false);
        }
    }

    /** The step-th number of a generator of the seed. */
    private static int dropoutSeed(long seed, int step) {
        return new SplittableRandom((seed ^ DROPOUT) + step * GOLDEN_GAMMA).nextInt();
    }

    /** Where it is, copied to the host; to be asked between steps. */
    public FineTuningState state() {
        return new FineTuningState(done, model.weights().snapshot(), optimizer.first(), optimizer.second());
    }

    /** Who looks into the pass of a step. */
    private record Captured(int step, FineTuningListener listener) {}

    private double step(List<EncodedPrompt> batch, double rate, Captured captured) {
        int[] labels = batch.stream()
                .mapToInt(prompt -> prompt.question()
                        .answerIndex()
                        .orElseThrow(() -> new IllegalArgumentException(
                                "question '" + prompt.question().id()
                                        + "': answer must be one of its choices (training needs labels), got none")))
                .toArray();
        TokenBatch tokens =
                TokenBatch.leftPadded(batch.stream().map(EncodedPrompt::ids).toList(), pad);
        try (NDScope scope = new NDScope();
                Pass pass = model.forward(tokens, captured == null ? Mode.TRAINING : Mode.TRAINING_PROBED)) {
            scope.suppressNotUsedWarning();
            ClassProbabilities classes = ClassProbabilities.of(pass.logits(), batch);
            backward(pass, classes.lossCotangent(labels, 1.0 / labels.length));
            if (captured != null) {
                captured.listener.captured(captured.step, pass, batch);
            }
            Autograd.unrecorded(() -> {
                optimizer.step(
                        parameters,
                        parameters.stream().map(NDArray::getGradient).toList(),
                        rate);
                return null;
            });
            model.weightsChanged();
            parameters.forEach(Autograd::zeroGradient);
            return -classes.logLikelihood(labels) / labels.length;
        }
    }

    private static void backward(Pass pass, float[] cotangent) {
        try (NDArray host = pass.manager().create(cotangent, pass.logits().getShape());
                NDArray start = host.toType(pass.logits().getDataType(), true)) {
            pass.backward(start, false);
        }
    }

    @Override
    public void close() {
        optimizer.close();
        manager.close();
    }
}
