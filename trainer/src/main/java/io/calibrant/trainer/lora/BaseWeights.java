package io.calibrant.trainer.lora;

import io.calibrant.trainer.safetensors.ElementType;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * Weights in an adapter's file that are not LoRA's: embeddings, a head, a base layer. PEFT loads them over the base
 * model's. Those that the adapter says it was trained with are loaded here, too ({@link SavedModules}); the others have
 * to be the base model's own.
 */
public final class BaseWeights {
    /** Numbers that are compared at a time. */
    private static final int COMPARED = 1 << 18;

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";

    private BaseWeights() {}

    /**
     * Checks an adapter that was read against its base model.
     *
     * @param adapter its directory
     * @param saved what was found there beside LoRA
     * @param model the base model's directory
     * @throws ModelFileException naming file and tensor of the first weight that the base model does not have, or has
     *     otherwise; a difference that its narrower type makes does not count, nor do the numbers of a weight that was
     *     trained
     */
    public static void requireUnchanged(Path adapter, SavedModules saved, Path model) {
        Set<String> trained = Set.copyOf(saved.weights().tensors().values());
        try (SafetensorsReader own = SafetensorsReader.open(adapter.resolve(Peft.WEIGHTS));
                SafetensorsReader base = SafetensorsReader.open(model)) {
            saved.missing(base.names()).ifPresent(module -> {
                throw new ModelFileException(
                        adapter.resolve(PeftConfig.NAME) + ": modules_to_save must be modules of which " + Peft.WEIGHTS
                                + " has the weights, or that the base model lacks, got '" + module + "'");
            });
            for (String name : own.names()) {
                boolean ofHead = saved.head().equals(Optional.of(name))
                        || (saved.head().isPresent() && SequenceClassifier.isOriginalHead(name));
                if (!name.contains(".lora_") && !ofHead) {
                    TensorEntry original = sameKind(own.entry(name), base);
                    if (!trained.contains(name)) {
                        requireUnchanged(own, own.entry(name), base, original);
                    }
                }
            }
        }
    }

    /** The base model's tensor in whose place this one would be, of the same shape. */
    private static TensorEntry sameKind(TensorEntry tensor, SafetensorsReader base) {
        String name = nameInBase(tensor.name(), base);
        if (!base.contains(name)) {
            throw changed(tensor, "which the base model " + base.source().getParent() + " does not have");
        }
        TensorEntry original = base.entry(name);
        if (!original.shape().equals(tensor.shape())) {
            throw changed(
                    tensor,
                    TensorEntry.describe(tensor.shape()) + ", where the base model's is "
                            + TensorEntry.describe(original.shape()) + " (were tokens added?)");
        }
        if (!tensor.type().isFloatingPoint() || !original.type().isFloatingPoint()) {
            throw changed(tensor, "of " + tensor.type() + ", where the base model's is of " + original.type());
        }
        return original;
    }

    private static void requireUnchanged(
            SafetensorsReader own, TensorEntry tensor, SafetensorsReader base, TensorEntry original) {
        for (long from = 0; from < tensor.size(); from += COMPARED) {
            int count = (int) Math.min(COMPARED, tensor.size() - from);
            float[] a = floats(own, tensor, from, count);
            float[] b = floats(base, original, from, count);
            for (int i = 0; i < count; i++) {
                if (!isRounded(a[i], b[i], tensor.type())) {
                    throw changed(
                            tensor,
                            "which differs from that of the base model (" + a[i] + " for " + b[i] + " at element "
                                    + (from + i) + ")");
                }
            }
        }
    }

    private static float[] floats(SafetensorsReader reader, TensorEntry tensor, long from, int count) {
        ByteBuffer bytes = ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        reader.readFinite(tensor, from, bytes);
        float[] values = new float[count];
        bytes.asFloatBuffer().get(values);
        return values;
    }

    /** The base model's name of a tensor; of a tied pair its file holds perhaps the other one. */
    private static String nameInBase(String name, SafetensorsReader base) {
        String plain = AdapterTensors.nameInBase(name);
        if (plain.equals(HEAD) && !base.contains(HEAD)) {
            return EMBEDDING;
        }
        return plain.equals(EMBEDDING) && !base.contains(EMBEDDING) ? HEAD : plain;
    }

    /**
     * Whether a number is the other one, rounded to the nearest of a type. F32 may hold numbers of a narrower type:
     * PEFT casts what was loaded as BF16 or F16 back to it for training with quantised weights.
     */
    private static boolean isRounded(float number, float original, ElementType type) {
        double difference = Math.abs((double) number - original);
        return switch (type) {
            case BF16 -> difference <= 0x1p-8 * Math.abs(original);
            case F16 -> difference <= 0x1p-11 * Math.abs(original) + 0x1p-25;
            default ->
                difference == 0
                        || isRoundedFirst(number, original, ElementType.BF16)
                        || isRoundedFirst(number, original, ElementType.F16);
        };
    }

    private static boolean isRoundedFirst(float number, float original, ElementType type) {
        return type.nearest(number) == number && isRounded(number, original, type);
    }

    private static ModelFileException changed(TensorEntry tensor, String how) {
        return new ModelFileException(tensor.file() + ": tensor " + tensor.name() + ": expected lora_A, lora_B or a"
                + " weight of the base model, found one " + how
                + ": PEFT would load it, it is not loaded here; merge it into the base model's files");
    }
}
