package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.ForwardTape;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A frozen model with an adapter on it, restricted to the adapter's class tokens. Passes may run in any number of
 * threads, except that the weights are not guarded against an optimizer that changes them meanwhile.
 */
public final class AdaptedModel implements AutoCloseable {

    private final LanguageModel model;
    private final NDManager manager;
    private final LoraSettings settings;
    private final LoraWeights weights;
    private final NDArray classRows;
    private final boolean ofVocabulary;
    private final NDArray scaling;
    private final Optional<ClassifierHead> headBlock;
    private final RowScales rowScales = new RowScales();

    /** Copies the adapter to the model's device. The model is not closed with this object. */
    public AdaptedModel(LanguageModel model, Adapter adapter) {
        this.model = model;
        settings = adapter.settings();
        manager = model.newManager();
        weights = new LoraWeights(adapter, manager, model.dataType());
        classRows = weights.head().orElseGet(() -> model.classRows(manager, adapter.classTokens()));
        ofVocabulary = adapter.classifier().isEmpty();
        headBlock = adapter.classifier().filter(ClassifierHead::isBlock);
        scaling = Constants.scalar(manager, settings.scaling(), model.dataType());
    }

    /** The frozen model. */
    public LanguageModel model() {
        return model;
    }

    /** How the adapter is built. */
    public LoraSettings settings() {
        return settings;
    }

    /** The adapter's weights on the device. */
    public LoraWeights weights() {
        return weights;
    }

    /** The head of a sequence classifier whose weights are a block; empty where there is no such block. */
    public Optional<ClassifierHead> headBlock() {
        return headBlock;
    }

    /**
     * Paths of the maps that have blocks: those with LoRA in the order of the forward pass, then {@link #headBlock}.
     */
    public Set<String> maps() {
        Set<String> maps = new LinkedHashSet<>(weights.pairs().keySet());
        headBlock.ifPresent(head -> maps.add(ModelConfig.SCORE));
        return maps;
    }

    /**
     * Runs a batch forward.
     *
     * @throws IllegalArgumentException if the batch is longer than the model's positions or a token is unknown
     */
    public Pass forward(TokenBatch batch, Mode mode) {
        if (mode.isTraining()) {
            weights.setTrainable(true);
        }
        NDManager pass = manager.newSubManager();
        boolean done = false;
        try {
            LoraHook hook = new LoraHook(weights, settings, rowScales, mode, headBlock.isPresent(), pass);
            Supplier<NDArray> forward = () -> model.logits(batch, classRows, ofVocabulary, hook, pass);
            NDArray logits = mode == Mode.PLAIN ? Autograd.unrecorded(forward) : Autograd.recorded(forward);
            done = true;
            return new Pass(batch, logits, hook, settings, pass);
        } finally {
            if (!done) {
                pass.close();
            }
        }
    }

    /** To be called when the weights were changed in place: what was computed of them is computed anew. */
    public void weightsChanged() {
        rowScales.forget();
    }

    /** {@link #stacked(TokenBatch, Set)} for all {@link #maps}. */
    public StackedPass stacked(TokenBatch batch) {
        return stacked(batch, maps());
    }

    /**
     * Runs a batch forward, in evaluation mode, so that one stacked backward pass may follow.
     *
     * @param maps those of {@link #maps} whose gradients will be asked for, at least one
     * @throws IllegalArgumentException if the batch is longer than the model's positions or a token is unknown
     */
    public StackedPass stacked(TokenBatch batch, Set<String> maps) {
        int from = maps().stream()
                .filter(maps::contains)
                .mapToInt(ModelConfig::layerOf)
                .min()
                .orElseThrow(() -> new IllegalArgumentException("no adapted map among " + maps));
        NDManager pass = manager.newSubManager();
        boolean done = false;
        try {
            StackHook hook = new StackHook(weights, rowScales, scaling, maps, batch.size());
            int lowest = Math.min(from, model.config().layers());
            ForwardTape tape = Autograd.unrecorded(
                    () -> model.forwardWithTape(batch, classRows, ofVocabulary, hook, lowest, pass));
            done = true;
            return new StackedPass(batch, tape, hook, pass);
        } finally {
            if (!done) {
                pass.close();
            }
        }
    }

    /** Frees the adapter's weights; the model stays. */
    @Override
    public void close() {
        weights.close();
        manager.close();
    }
}
