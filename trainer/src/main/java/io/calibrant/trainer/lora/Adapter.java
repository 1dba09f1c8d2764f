package io.calibrant.trainer.lora;

import io.calibrant.trainer.digest.Digest;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * A LoRA adapter on the host: which maps it touches and with what weights. Immutable. lm_head.lora_B holds the rows of
 * the class tokens only, in their order; the other rows, which no loss on class tokens can change, are kept aside for
 * writing the adapter back.
 */
public final class Adapter {

    /** A matrix is one array. */
    private static final long MOST_NUMBERS = Integer.MAX_VALUE - 16;

    private final LoraSettings settings;
    private final int[] classTokens;
    private final Map<String, LoraMatrices> matrices;
    private final LoraMatrices fullHead;
    private final SavedModules saved;
    private final ClassifierHead classifier;

    private Adapter(
            LoraSettings settings,
            int[] classTokens,
            Map<String, LoraMatrices> matrices,
            LoraMatrices fullHead,
            SavedModules saved,
            ClassifierHead classifier) {
        this.settings = settings;
        this.classTokens = classTokens;
        this.matrices = Collections.unmodifiableMap(matrices);
        this.fullHead = fullHead;
        this.saved = saved;
        this.classifier = classifier;
    }

    /**
     * An untrained adapter, as PEFT makes one: A uniform within 1 / sqrt(Din) (Kaiming with a = sqrt 5), B zero, so
     * that the model starts unchanged.
     *
     * @param classTokens the tokens whose logits are used, distinct, in the order of lm_head.lora_B
     * @throws IllegalArgumentException if a target is unknown, or a class token is not in the vocabulary or repeated
     */
    public static Adapter initialise(ModelConfig config, LoraSettings settings, int[] classTokens, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<LoraMatrices> all = new ArrayList<>();
        for (LinearShape full : settings.targets().select(config)) {
            LinearShape linear = trimmed(full, classTokens.length);
            long widest = Math.max(linear.inputs(), linear.outputs());
            int rank = settings.rank(linear.path());
            if (rank * widest > MOST_NUMBERS) {
                throw new IllegalArgumentException("LoRA rank must be at most " + MOST_NUMBERS / widest + " for "
                        + linear.path() + " of width " + widest + ", got " + rank);
            }
            double bound = 1 / Math.sqrt(linear.inputs());
            float[] a = new float[rank * linear.inputs()];
            for (int i = 0; i < a.length; i++) {
                a[i] = (float) ((2 * random.nextDouble() - 1) * bound);
            }
            all.add(new LoraMatrices(linear, rank, a, new float[linear.outputs() * rank]));
        }
        return of(config, settings, classTokens, all);
    }

    /**
     * An adapter of given weights.
     *
     * @param matrices one element for each map that the settings' targets select, in any order
     * @throws IllegalArgumentException if a map is missing, unknown, or shaped otherwise, or a class token is not in
     *     the vocabulary or repeated
     */
    public static Adapter of(
            ModelConfig config, LoraSettings settings, int[] classTokens, List<LoraMatrices> matrices) {
        return of(config, settings, classTokens, matrices, null, SavedModules.NONE);
    }

    static Adapter of(
            ModelConfig config,
            LoraSettings settings,
            int[] classTokens,
            List<LoraMatrices> matrices,
            LoraMatrices fullHead,
            SavedModules saved) {
        checkTokens(config, classTokens);
        Map<String, LoraMatrices> given = new LinkedHashMap<>();
        matrices.forEach(m -> given.put(m.linear().path(), m));
        Map<String, LoraMatrices> ordered = new LinkedHashMap<>();
        for (LinearShape full : settings.targets().select(config)) {
            LinearShape linear = trimmed(full, classTokens.length);
            LoraMatrices found = given.remove(linear.path());
            if (found == null) {
                throw new IllegalArgumentException("adapter without " + linear.path() + ", which its targets select");
            }
            if (!found.linear().equals(linear) || found.rank() != settings.rank(linear.path())) {
                throw new IllegalArgumentException(linear.path() + ": expected " + linear.inputs() + " inputs, "
                        + linear.outputs() + " outputs, rank " + settings.rank(linear.path()) + ", found "
                        + found.linear().inputs() + ", " + found.linear().outputs() + ", " + found.rank());
            }
            ordered.put(linear.path(), found);
        }
        if (!given.isEmpty()) {
            throw new IllegalArgumentException(
                    "adapter with " + given.keySet().iterator().next() + ", which its targets do not select");
        }
        return new Adapter(settings, classTokens.clone(), ordered, fullHead, saved, null);
    }

    private static void checkTokens(ModelConfig config, int[] classTokens) {
        if (classTokens.length == 0) {
            throw new IllegalArgumentException("no class tokens");
        }
        if (Arrays.stream(classTokens).distinct().count() != classTokens.length) {
            throw new IllegalArgumentException("class tokens " + Arrays.toString(classTokens) + " are not distinct");
        }
        for (int token : classTokens) {
            if (token < 0 || token >= config.vocabularySize()) {
                throw new IllegalArgumentException(
                        "class token " + token + " is not in the vocabulary of " + config.vocabularySize());
            }
        }
    }

    /** A map as it is adapted: the head is trimmed to the class tokens. */
    static LinearShape trimmed(LinearShape full, int classes) {
        return full.path().equals(ModelConfig.HEAD) ? new LinearShape(full.path(), full.inputs(), classes) : full;
    }

    /** How it is built. */
    public LoraSettings settings() {
        return settings;
    }

    /** A copy of the class tokens, [K]. */
    public int[] classTokens() {
        return classTokens.clone();
    }

    /** The adapted maps by module path, in the order of the forward pass. */
    public Map<String, LoraMatrices> matrices() {
        return matrices;
    }

    /**
     * Everything that fine-tuning changes, in one order: of each map A [r, Din], B [Dout, r] and, of a DoRA, m [Dout];
     * then the head of a sequence classifier, [K, D].
     */
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>();
        matrices.forEach((path, m) -> {
            long rank = m.rank();
            long outputs = m.linear().outputs();
            all.add(new Parameter(
                    path + "." + AdapterTensors.A, m.a(), rank, m.linear().inputs()));
            all.add(new Parameter(path + "." + AdapterTensors.B, m.b(), outputs, rank));
            m.magnitude()
                    .ifPresent(
                            values -> all.add(new Parameter(path + "." + AdapterTensors.MAGNITUDE, values, outputs)));
        });
        classifier()
                .ifPresent(head ->
                        all.add(new Parameter(ModelConfig.SCORE, head.weight().clone(), head.classes(), head.width())));
        return all;
    }

    /**
     * The same adapter with other numbers.
     *
     * @param values those of its {@link #parameters}, in their order
     * @throws IllegalArgumentException if they are not as many, or of other sizes
     */
    public Adapter with(List<float[]> values) {
        int count = 2 * matrices.size() + (classifier == null ? 0 : 1);
        count += (int)
                matrices.values().stream().filter(LoraMatrices::hasMagnitude).count();
        if (values.size() != count) {
            throw new IllegalArgumentException("values for " + values.size() + " of " + count + " parameters");
        }
        Iterator<float[]> next = values.iterator();
        Map<String, LoraMatrices> ordered = new LinkedHashMap<>();
        matrices.forEach((path, m) ->
                ordered.put(path, m.with(next.next(), next.next(), m.hasMagnitude() ? next.next() : null)));
        ClassifierHead head = classifier == null ? null : classifier.with(next.next());
        return new Adapter(settings, classTokens, ordered, fullHead, saved, head);
    }

    /** How many numbers its parameters have. */
    public long size() {
        long size = classifier == null ? 0 : classifier.weight().length;
        for (LoraMatrices m : matrices.values()) {
            long inputs = m.linear().inputs();
            long outputs = m.linear().outputs();
            size += m.rank() * (inputs + outputs) + (m.hasMagnitude() ? outputs : 0);
        }
        return size;
    }

    /** Adds its parameters to a digest. */
    public void addTo(Digest digest) {
        matrices.forEach((path, m) -> {
            digest.add(path).add(m.a()).add(m.b());
            m.magnitude().ifPresent(digest::add);
        });
        classifier().ifPresent(head -> digest.add(ModelConfig.SCORE).add(head.weight()));
    }

    /**
     * The same adapter with the head of a sequence classifier; its class tokens are then the rows of this head.
     *
     * @throws IllegalArgumentException if the head does not have a row for every class
     */
    public Adapter withClassifier(ClassifierHead head) {
        if (head.classes() != classTokens.length) {
            throw new IllegalArgumentException(
                    "score must have a row for each of " + classTokens.length + " classes, got " + head.classes());
        }
        return new Adapter(settings, classTokens, matrices, fullHead, saved, head);
    }

    /** The head of a sequence classifier; empty where labels are tokens. */
    public Optional<ClassifierHead> classifier() {
        return Optional.ofNullable(classifier);
    }

    /** The matrices of lm_head with all V rows, as they were read. */
    Optional<LoraMatrices> fullHead() {
        return Optional.ofNullable(fullHead);
    }

    /** What of the base model it was trained with beside LoRA. */
    public SavedModules saved() {
        return saved;
    }

    /** Whether it is a DoRA: the rows of its adapted weights have lengths of their own. */
    public boolean isDora() {
        return matrices.values().stream().anyMatch(LoraMatrices::hasMagnitude);
    }
}
