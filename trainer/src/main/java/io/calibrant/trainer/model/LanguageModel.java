package io.calibrant.trainer.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.core.Embedding;
import io.calibrant.trainer.model.Architecture.Scales;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A frozen decoder-only language model: embedding, {@link DecoderLayer}s, final norm and head. Immutable after loading;
 * any number of threads may run passes.
 *
 * <p>Every pass works in a manager of the caller's, and frees the intermediates of each layer before the next one: what
 * a backward pass needs is kept by the graph, all else is gone, so that memory does not grow with depth.
 */
public final class LanguageModel implements AutoCloseable {

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";
    private static final String SCORE = ModelConfig.SCORE + ".weight";

    private final ModelConfig config;
    private final NDManager manager;
    private final DataType dataType;
    private final Map<Optional<RotarySettings>, RotaryEmbedding> rotaries = new LinkedHashMap<>();
    private final Set<Integer> windows;
    private final NDArray embedding;
    private final DecoderLayer[] layers;
    private final RmsNorm norm;
    private final NDArray head;
    private final NDArray embeddingScale;
    private final LogitScale logitScale;

    private LanguageModel(ModelConfig config, WeightLoader loader, NDManager manager, DataType dataType) {
        this.config = config;
        this.manager = manager;
        this.dataType = dataType;
        Scales scales = config.architecture().scales();
        double scoreScale = config.scoreScale() / scales.scoreCap().orElse(1);
        for (AttentionKind kind : config.attention()) {
            rotaries.computeIfAbsent(
                    kind.rotary(), r -> new RotaryEmbedding(r, config.headWidth(), scoreScale, manager, dataType));
        }
        windows = config.attention().stream().map(AttentionKind::window).collect(Collectors.toUnmodifiableSet());
        // Of a tied pair some files hold only the head.
        String table =
                config.architecture().tiedHead() && !loader.has(EMBEDDING) && loader.has(HEAD) ? HEAD : EMBEDDING;
        embedding = loader.isReplaced(EMBEDDING)
                ? loader.load(EMBEDDING, config.vocabularySize(), config.width())
                : loader.loadOwn(table, config.vocabularySize(), config.width());
        NDArray epsilon = loader.constant(config.normEpsilon());
        layers = new DecoderLayer[config.layers()];
        LayerLoader layer = LayerLoader.first(loader, config, epsilon, rotaries);
        for (int i = 0; i < layers.length; i++) {
            layers[i] = DecoderLayer.load(layer);
            layer = layer.next();
        }
        norm = RmsNorm.load(loader, "model.norm.weight", config.width(), config, epsilon);
        head = head(loader, table);
        double scale = scales.embedding(loader.type());
        embeddingScale = scale == 1 ? null : loader.constant(scale);
        logitScale = new LogitScale(scales, loader::constant);
    }

    /** Of a tied pair one may be replaced: the other one stays as it was. Of a sequence classifier's file: null. */
    private NDArray head(WeightLoader loader, String table) {
        if (!loader.isReplaced(HEAD) && isHeadShared(config, loader)) {
            return loader.isReplaced(EMBEDDING)
                    ? loader.loadOwn(table, config.vocabularySize(), config.width())
                    : embedding;
        }
        return loader.has(SCORE) && !loader.has(HEAD) && !loader.isReplaced(HEAD)
                ? null
                : loader.load(HEAD, config.vocabularySize(), config.width());
    }

    /** The head over the vocabulary, if there is one. */
    private NDArray head() {
        if (head == null) {
            throw new IllegalArgumentException("the model must have a head over its vocabulary (lm_head), got that of a"
                    + " sequence classifier: its adapter must be one, too (task_type SEQ_CLS)");
        }
        return head;
    }

    /** Whether the embedding table is the head. A file may hold another head though the pair is tied: it is taken. */
    private static boolean isHeadShared(ModelConfig config, WeightLoader loader) {
        return config.architecture().tiedHead()
                && (!loader.has(EMBEDDING)
                        || !loader.has(HEAD)
                        || loader.areSame(EMBEDDING, HEAD, config.vocabularySize(), config.width()));
    }

    /**
     * Loads a model directory in float32.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException if a file is missing, damaged, of an unsupported
     *     kind, or does not fit the configuration
     */
    public static LanguageModel load(Path directory, Device device) {
        return load(directory, device, DataType.FLOAT32);
    }

    /**
     * Loads a model directory.
     *
     * @param dataType FLOAT32, or FLOAT64 for tests
     * @throws io.calibrant.trainer.safetensors.ModelFileException if a file is missing, damaged, of an unsupported
     *     kind, or does not fit the configuration
     */
    public static LanguageModel load(Path directory, Device device, DataType dataType) {
        return load(directory, device, dataType, ReplacedWeights.NONE);
    }

    /**
     * Loads a model directory, with some weights replaced.
     *
     * @param dataType FLOAT32, or FLOAT64 for tests
     * @throws io.calibrant.trainer.safetensors.ModelFileException if a file is missing, damaged, of an unsupported
     *     kind, or does not fit the configuration
     */
    public static LanguageModel load(Path directory, Device device, DataType dataType, ReplacedWeights replaced) {
        return load(directory, device, dataType, BaseFormat.F32, replaced);
    }

    /**
     * Loads a model directory in float32, with weights that are perhaps rounded and have two bytes a number.
     *
     * @param format of the weights
     * @throws io.calibrant.trainer.safetensors.ModelFileException if a file is missing, damaged, of an unsupported
     *     kind, or does not fit the configuration
     */
    public static LanguageModel load(Path directory, Device device, BaseFormat format) {
        return load(directory, device, format, ReplacedWeights.NONE);
    }

    /**
     * As {@link #load(Path, Device, BaseFormat)}, with some weights replaced.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException if a file is missing, damaged, of an unsupported
     *     kind, or does not fit the configuration
     */
    public static LanguageModel load(Path directory, Device device, BaseFormat format, ReplacedWeights replaced) {
        return load(directory, device, DataType.FLOAT32, format, replaced);
    }

    private static LanguageModel load(
            Path directory, Device device, DataType dataType, BaseFormat format, ReplacedWeights replaced) {
        if (dataType != DataType.FLOAT32 && dataType != DataType.FLOAT64) {
            throw new IllegalArgumentException("data type must be one of FLOAT32, FLOAT64, got " + dataType);
        }
        ConfigFile file = ConfigFile.read(directory.resolve(ModelConfig.FILE));
        ModelConfig config = ConfigReader.read(file);
        Optional<StoredQuantization> stored = StoredQuantization.read(file);
        try (SafetensorsReader reader = SafetensorsReader.open(directory);
                SafetensorsReader replacing = replaced.isEmpty() ? null : SafetensorsReader.open(replaced.file())) {
            NDManager manager = NDManager.newBaseManager(device, "PyTorch");
            boolean loaded = false;
            try {
                WeightLoader weights = new WeightLoader(reader, replacing, replaced, manager, dataType, format, stored);
                LanguageModel model = new LanguageModel(config, weights, manager, dataType);
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
     * @throws IllegalArgumentException if a token is not in the vocabulary, or the model is a sequence classifier, that
     *     has no such head
     */
    public NDArray classRows(NDManager owner, int... tokens) {
        long[] ids = new long[tokens.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = checked(tokens[i]);
        }
        try (NDArray index = Constants.array(owner, ids)) {
            NDArray rows =
                    Embedding.embedding(index, head(), SparseFormat.DENSE).singletonOrThrow();
            NDArray wide = HalfPrecision.widened(rows, dataType);
            if (wide != rows) {
                rows.close();
            }
            return wide;
        }
    }

    /** {@link #logits(TokenBatch, NDArray, boolean, LinearHook, NDManager)} of tokens, scaled as the model's are. */
    public NDArray logits(TokenBatch batch, NDArray classRows, LinearHook hook, NDManager pass) {
        return logits(batch, classRows, true, hook, pass);
    }

    /**
     * Logits of the classes at the last real token of each sequence.
     *
     * @param pass owns the result
     * @param classRows [K, D] from {@link #classRows}, or the head of a sequence classifier
     * @param scaled whether scale and cap of the model's logits apply: not to the head of a sequence classifier
     * @param hook called for every linear map, the head included ({@code lm_head}: x [B, D], weight [K, D])
     * @return [B, K]
     * @throws IllegalArgumentException if the batch is longer than the model's positions or a token is unknown
     */
    public NDArray logits(TokenBatch batch, NDArray classRows, boolean scaled, LinearHook hook, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            Sequences sequences = sequences(batch, pass);
            NDArray x = layers(sequences, hook, true, null);
            NDArray h = hook.apply(ModelConfig.HEAD, norm.forward(x, top(hook), null), classRows, null);
            return keep(scaled ? logitScale.forward(h, null) : h);
        }
    }

    /**
     * A forward pass that keeps what a backward pass of our own needs, from one layer up. Records no graph.
     *
     * @param classRows [K, D] from {@link #classRows}
     * @param scaled as for {@code logits}
     * @param hook as for {@code logits}
     * @param from the lowest layer that a backward pass will enter; the number of layers for none, only the head
     * @param pass owns the result and all that is kept
     * @throws IllegalArgumentException if the batch is longer than the model's positions or a token is unknown
     */
    public ForwardTape forwardWithTape(
            TokenBatch batch, NDArray classRows, boolean scaled, LinearHook hook, int from, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            Linear classes = new Linear(ModelConfig.HEAD, classRows, null);
            LogitScale scale = scaled ? logitScale : LogitScale.NONE;
            ForwardTape tape = new ForwardTape(layers, norm, classes, scale, sequences(batch, pass), from);
            tape.sequences().keepForBackward();
            NDArray x = norm.forward(layers(tape.sequences(), hook, true, tape), top(hook), tape.finalNorm());
            tape.keep(keep(scale.forward(classes.forward(x, hook), tape.scaled())));
            return tape;
        }
    }

    /**
     * Logits of the whole vocabulary at every token, as pretraining needs them.
     *
     * @return [B, T, vocabulary], owned by {@code pass}
     */
    public NDArray fullLogits(TokenBatch batch, LinearHook hook, NDManager pass) {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray x = norm.forward(layers(sequences(batch, pass), hook, false, null), top(hook), null);
            return keep(logitScale
                    .forward(hook.apply(ModelConfig.HEAD, x, head(), null), null)
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
        return new Sequences(batch, rotaries.values(), windows, pass, dataType);
    }

    private long checked(long token) {
        if (token < 0 || token >= config.vocabularySize()) {
            throw new IllegalArgumentException(
                    "token " + token + " is not in the vocabulary of " + config.vocabularySize());
        }
        return token;
    }

    /** @return [N, D], or with {@code lastOnly} the last real tokens, [B, D] */
    private NDArray layers(Sequences sequences, LinearHook hook, boolean lastOnly, ForwardTape tape) {
        NDArray x = HalfPrecision.widened(
                Embedding.embedding(sequences.ids, embedding, SparseFormat.DENSE)
                        .singletonOrThrow(),
                dataType);
        if (embeddingScale != null) {
            x = x.muli(embeddingScale);
        }
        for (int i = 0; i < layers.length; i++) {
            NDArray before = x;
            boolean top = lastOnly && i == layers.length - 1;
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                boolean lastHere = top && !layers[i].needsAllTokens(hook);
                LayerPass pass = new LayerPass(sequences, hook, new Arithmetic(i >= hook.recordsFrom()), lastHere);
                x = layers[i].forward(x, pass, tape == null ? null : tape.layer(i));
                if (top && !lastHere) {
                    x = sequences.last(x);
                }
                keep(x);
            }
            before.close();
        }
        return x;
    }

    /** What the final norm may do: nothing in place where anything at all is recorded in the layers below. */
    private Arithmetic top(LinearHook hook) {
        return new Arithmetic(hook.recordsFrom() <= layers.length);
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
