package io.calibrant.trainer.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Path;

/**
 * A frozen model of the Llama family. Immutable after loading; any number of threads may run passes.
 *
 * <p>Every pass works in a manager of the caller's, and frees the intermediates of each layer before the next one: what
 * a backward pass needs is kept by the graph, all else is gone, so that memory does not grow with depth.
 */
public final class LanguageModel implements AutoCloseable {

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";

    private final ModelConfig config;
    private final NDManager manager;
    private final DataType dataType;
    private final Rope rope;
    private final NDArray embedding;
    private final LayerWeights[] layers;
    private final NDArray norm;
    private final NDArray head;
    private final NDArray epsilon;

    private LanguageModel(ModelConfig config, WeightLoader loader, NDManager manager, DataType dataType) {
        this.config = config;
        this.manager = manager;
        this.dataType = dataType;
        rope = new Rope(config, manager, dataType);
        // Of a tied pair some files hold only the head.
        String table =
                config.architecture().tiedHead() && !loader.has(EMBEDDING) && loader.has(HEAD) ? HEAD : EMBEDDING;
        embedding = loader.load(table, config.vocabularySize(), config.width());
        layers = new LayerWeights[config.layers()];
        for (int i = 0; i < layers.length; i++) {
            layers[i] = new LayerWeights(loader, config, i);
        }
        norm = loader.load("model.norm.weight", config.width());
        head = config.architecture().tiedHead()
                ? embedding
                : loader.load(HEAD, config.vocabularySize(), config.width());
        epsilon = Constants.array(manager, new double[] {config.normEpsilon()}, new Shape(1), dataType);
    }

    /**
     * Loads a model directory in float32.
     *
     * @throws ModelFileException if a file is missing, damaged, of an unsupported kind, or does not fit the
     *     configuration
     */
    public static LanguageModel load(Path directory, Device device) {
        return load(directory, device, DataType.FLOAT32);
    }

    /**
     * Loads a model directory.
     *
     * @param dataType FLOAT32, or FLOAT64 for tests
     * @throws ModelFileException if a file is missing, damaged, of an unsupported kind, or does not fit the
     *     configuration
     */
    public static LanguageModel load(Path directory, Device device, DataType dataType) {
        if (dataType != DataType.FLOAT32 && dataType != DataType.FLOAT64) {
            throw new IllegalArgumentException("data type must be one of FLOAT32, FLOAT64, got " + dataType);
        }
        ModelConfig config = ModelConfig.read(directory);
        try (SafetensorsReader reader = SafetensorsReader.open(directory)) {
            NDManager manager = NDManager.newBaseManager(device, "PyTorch");
            boolean loaded = false;
            try {
                LanguageModel model =
                        new LanguageModel(config, new WeightLoader(reader, manager, dataType), manager, dataType);
                loaded = true;
                return model;
            } finally {
                if (!loaded) {
                    manager.close();
                }
            }
        }
    }

    /** The configuration. */
    public ModelConfig config() {
        return config;
    }

    /** FLOAT32 or FLOAT64. */
    public DataType dataType() {
        return dataType;
    }

    /** A manager on the model's device for a pass, closed by the caller (or with the model). */
    public NDManager newManager() {
        return manager.newSubManager();
    }

    /**
     * The rows of the head that belong to class tokens, [K, D], in {@code owner}.
     *
     * @throws IllegalArgumentException if a token is not in the vocabulary
     */
    public NDArray classRows(NDManager owner, int... tokens) {
        long[] ids = new long[tokens.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = checked(tokens[i]);
        }
        try (NDArray index = Constants.array(owner, ids)) {
            return Embedding.embedding(index, head, SparseFormat.DENSE).singletonOrThrow();
        }
    }

    /**
     * Logits of the class tokens at the last real token of each sequence.
     *
     * @param pass owns the result
     * @param classRows [K, D] from {@link #classRows}
     * @param hook called for every linear map, the head included ({@code lm_head}: x [B, D], weight [K, D])
     * @return [B, K]
     * @throws IllegalArgumentException if the batch is longer than the model's positions or a token is unknown
     */
    public NDArray logits(TokenBatch batch, NDArray classRows, LinearHook hook, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            Sequences sequences = sequences(batch, pass);
            NDArray x = layers(sequences, hook, true, null);
            return keep(hook.apply(ModelConfig.HEAD, normalise(x, norm, top(hook), null), classRows, null));
        }
    }

    /**
     * A forward pass that keeps what a backward pass of our own needs, from one layer up. Records no graph.
     *
     * @param classRows [K, D] from {@link #classRows}
     * @param hook as in {@link #logits}
     * @param from the lowest layer that a backward pass will enter; the number of layers for none, only the head
     * @param pass owns the result and all that is kept
     * @throws IllegalArgumentException if the batch is longer than the model's positions or a token is unknown
     */
    public ForwardTape trace(TokenBatch batch, NDArray classRows, LinearHook hook, int from, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            ForwardTape trace = new ForwardTape(layers, norm, classRows, sequences(batch, pass), from);
            trace.sequences().keepForBackward();
            NDArray x = layers(trace.sequences(), hook, true, trace);
            NDArray normalised = normalise(x, norm, top(hook), trace.finalNorm());
            trace.keep(keep(hook.apply(ModelConfig.HEAD, normalised, classRows, null)));
            return trace;
        }
    }

    /**
     * Hidden states after the final norm of every token, padding included.
     *
     * @return [B, T, D], owned by {@code pass}
     */
    public NDArray hidden(TokenBatch batch, LinearHook hook, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray x = layers(sequences(batch, pass), hook, false, null);
            return keep(normalise(x, norm, top(hook), null).reshape(batch.size(), batch.tokens(), config.width()));
        }
    }

    /**
     * Logits of the whole vocabulary at every token, for tests.
     *
     * @return [B, T, vocabulary], owned by {@code pass}
     */
    public NDArray fullLogits(TokenBatch batch, LinearHook hook, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray x = normalise(layers(sequences(batch, pass), hook, false, null), norm, top(hook), null);
            return keep(hook.apply(ModelConfig.HEAD, x, head, null)
                    .reshape(batch.size(), batch.tokens(), config.vocabularySize()));
        }
    }

    private Sequences sequences(TokenBatch batch, NDManager pass) {
        if (batch.tokens() > config.maxPositions()) {
            throw new IllegalArgumentException(
                    "sequence of " + batch.tokens() + " tokens, the model has " + config.maxPositions() + " positions");
        }
        for (long id : batch.ids()) {
            checked(id);
        }
        return new Sequences(batch, rope, pass, dataType);
    }

    private long checked(long token) {
        if (token < 0 || token >= config.vocabularySize()) {
            throw new IllegalArgumentException(
                    "token " + token + " is not in the vocabulary of " + config.vocabularySize());
        }
        return token;
    }

    /** @return [N, D], or with {@code lastOnly} the last real tokens, [B, D] */
    private NDArray layers(Sequences sequences, LinearHook hook, boolean lastOnly, ForwardTape trace) {
        NDArray x = Embedding.embedding(sequences.ids, embedding, SparseFormat.DENSE)
                .singletonOrThrow();
        for (int i = 0; i < layers.length; i++) {
            NDArray before = x;
            boolean top = lastOnly && i == layers.length - 1;
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                boolean lastHere = top && !layers[i].needsAllTokens(hook);
                LayerTape kept = trace == null ? null : trace.layer(i, lastHere);
                x = layer(layers[i], x, sequences, hook, new Arithmetic(i >= hook.recordsFrom()), lastHere, kept);
                if (top && !lastHere) {
                    x = sequences.last(x);
                }
                keep(x);
            }
            before.close();
        }
        return x;
    }

    /**
     * One transformer block: [N, D] to [N, D], or to [B, D] where only the last tokens are wanted.
     *
     * @param trace takes what the backward pass needs; null for none
     */
    private NDArray layer(
            LayerWeights w, NDArray x, Sequences s, LinearHook hook, Arithmetic a, boolean lastOnly, LayerTape trace) {
        NDArray n = normalise(x, w.attentionNorm, a, trace == null ? null : trace.attentionNorm);
        NDArray heads = attention(w, n, s, hook, a, lastOnly, trace);
        NDArray y = w.o.addTo(lastOnly ? s.last(x) : x, hook, heads);
        n = normalise(y, w.feedForwardNorm, a, trace == null ? null : trace.feedForwardNorm);
        NDArray gate = w.gate.apply(hook, n);
        NDArray up = w.up.apply(hook, n);
        NDArray sigmoid = gate.getNDArrayInternal().sigmoid();
        if (trace == null) {
            return w.down.addTo(y, hook, a.mul(a.mul(sigmoid, gate), up)); // silu(gate) * up
        }
        NDArray silu = sigmoid.mul(gate);
        trace.keepFeedForward(silu, sigmoid.add(silu).subi(sigmoid.mul(silu)).muli(up));
        return w.down.addTo(y, hook, silu.mul(up));
    }

    /**
     * Grouped-query attention. The G queries of a key/value head are stacked as rows of one product, so that keys and
     * values are never repeated.
     *
     * @param n [N, D], normalised
     * @return [N or B, H E]
     */
    private NDArray attention(
            LayerWeights w, NDArray n, Sequences s, LinearHook hook, Arithmetic a, boolean lastOnly, LayerTape trace) {
        long b = s.size;
        long t = s.tokens;
        long queries = lastOnly ? 1 : t;
        long v = config.keyValueHeads();
        long g = config.group();
        long e = config.headWidth();
        NDArray q = s.rope.query(w.q.apply(hook, n).reshape(b, t, v * g, e), a);
        if (lastOnly) {
            q = s.last(q.reshape(b * t, v * g * e));
        }
        NDArray rows = q.reshape(b, queries, v, g, e).transpose(0, 2, 3, 1, 4).reshape(b * v, g * queries, e);
        NDArray keys = s.rope.key(w.k.apply(hook, n).reshape(b, t, v, e), a)
                .transpose(0, 2, 3, 1)
                .reshape(b * v, e, t);
        NDArray values =
                w.v.apply(hook, n).reshape(b, t, v, e).transpose(0, 2, 1, 3).reshape(b * v, t, e);
        NDArray scores = a.add(rows.batchMatMul(keys).reshape(b, v * g, queries, t), s.mask(lastOnly));
        NDArray weights = scores.softmax(-1).reshape(b * v, g * queries, t);
        NDArray heads = weights.batchMatMul(values);
        if (trace != null) {
            trace.keepAttention(rows, keys, values, weights, heads);
        }
        return heads.reshape(b, v, g, queries, e).transpose(0, 3, 1, 2, 4).reshape(b * queries, v * g * e);
    }

    /** What the final norm may do: nothing in place where anything at all is recorded in the layers below. */
    private Arithmetic top(LinearHook hook) {
        return new Arithmetic(hook.recordsFrom() <= layers.length);
    }

    /**
     * RMSNorm: x / sqrt(mean(x^2) + epsilon) * weight, each row of [rows, D].
     *
     * @param trace takes what the backward pass needs; null for none
     */
    private NDArray normalise(NDArray x, NDArray weight, Arithmetic a, NormTape trace) {
        NDArray rms = x.square().mean(new int[] {1}, true).add(epsilon).sqrt();
        NDArray normalised = x.div(rms);
        if (trace == null) {
            return a.mul(normalised, weight);
        }
        trace.keep(normalised, rms);
        return normalised.mul(weight);
    }

    /** Takes an array out of the scope that would close it; its manager still owns it. */
    private static NDArray keep(NDArray array) {
        NDScope.unregister(array);
        return array;
    }

    @Override
    public void close() {
        manager.close();
    }
}
