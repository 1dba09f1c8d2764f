package io.calibrant.trainer.tuning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import io.calibrant.trainer.capture.AdaptedLlama;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.curvature.ClassProbabilities;
import io.calibrant.trainer.llama.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Fine-tunes the adapter of a model in place: AdamW on the mean cross-entropy over each question's class logits at its
 * last token, linear schedule, no clipping of gradients. The frozen weights stay as they are.
 *
 * <p>Memory is flat: a step's arrays are freed with the step, only the optimizer's moments outlive it.
 */
public final class FineTuning {
    private FineTuning() {}

    /**
     * Trains until the steps are done or the listener says stop.
     *
     * @param prompts labelled questions
     * @param pad id that fills the left of shorter prompts
     * @return steps done
     * @throws IllegalArgumentException if a question has no answer
     * @throws IllegalStateException if the loss is no longer a number
     */
    public static int run(
            AdaptedLlama model,
            List<EncodedPrompt> prompts,
            int pad,
            TuningSettings settings,
            TuningListener listener) {
        QuestionOrder order = new QuestionOrder(prompts.size(), settings.batchSize(), settings.seed());
        LinearSchedule schedule = new LinearSchedule(settings.learningRate(), settings.steps());
        List<NDArray> parameters = new ArrayList<>();
        model.weights().pairs().values().forEach(pair -> {
            parameters.add(pair.a());
            parameters.add(pair.b());
        });
        long examples = 0;
        try (NDManager manager = model.model().newManager();
                AdamW optimizer = new AdamW(parameters, manager, settings.weightDecay())) {
            // dropout draws from the engine's own generator
            manager.getEngine().setRandomSeed(Long.hashCode(settings.seed()));
            for (int step = 0; step < settings.steps(); step++) {
                List<EncodedPrompt> batch =
                        Arrays.stream(order.nextBatch()).mapToObj(prompts::get).toList();
                double rate = schedule.rate(step);
                double loss = step(model, batch, pad, optimizer, parameters, rate);
                if (!Double.isFinite(loss)) {
                    throw new IllegalStateException("loss is " + loss + " at step " + (step + 1)
                            + ": training diverged, lower --learning-rate (now " + settings.learningRate() + ")");
                }
                examples += batch.size();
                if (!listener.stepped(step + 1, loss, rate, examples)) {
                    return step + 1;
                }
            }
        } finally {
            model.weights().setTrainable(false);
        }
        return settings.steps();
    }

    private static double step(
            AdaptedLlama model,
            List<EncodedPrompt> batch,
            int pad,
            AdamW optimizer,
            List<NDArray> parameters,
            double rate) {
        int[] labels = batch.stream()
                .mapToInt(prompt -> prompt.question()
                        .answerIndex()
                        .orElseThrow(() -> new IllegalArgumentException("question '"
                                + prompt.question().id() + "' has no answer: training needs labelled questions")))
                .toArray();
        TokenBatch tokens =
                TokenBatch.leftPadded(batch.stream().map(EncodedPrompt::ids).toList(), pad);
        try (NDScope scope = new NDScope();
                Pass pass = model.forward(tokens, Mode.TRAINING)) {
            scope.suppressNotUsedWarning();
            ClassProbabilities classes = ClassProbabilities.of(pass.logits(), batch);
            backward(pass, classes.lossCotangent(labels, 1.0 / labels.length));
            Autograd.unrecorded(() -> {
                optimizer.step(
                        parameters,
                        parameters.stream().map(NDArray::getGradient).toList(),
                        rate);
                return null;
            });
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
}
