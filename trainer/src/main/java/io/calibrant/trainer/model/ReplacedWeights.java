package io.calibrant.trainer.model;

import io.calibrant.trainer.digest.Digest;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Weights that take the place of some of a model directory's when it is loaded: those of modules that an adapter's
 * training changed as a whole.
 *
 * @param file the safetensors file that holds them
 * @param tensors the model's name of each, and its name in that file
 */
public record ReplacedWeights(Path file, Map<String, String> tensors) {
    /** The model as its directory has it. */
    public static final ReplacedWeights NONE = new ReplacedWeights(Path.of(""), Map.of());

    /** The setting of a run that names them; absent where there are none. */
    public static final String SETTING = "replacedWeights";

    private static final int PIECE = 1 << 20;

    /** Copies the names. */
    public ReplacedWeights {
        tensors = Collections.unmodifiableMap(new TreeMap<>(tensors));
    }

    /** Whether nothing is replaced. */
    public boolean isEmpty() {
        return tensors.isEmpty();
    }

    /** The model's names of what is replaced, in words. */
    public String names() {
        return String.join(", ", tensors.keySet());
    }

    /**
     * What this changes of a model, for the model's digest: always the same for the same numbers; empty for nothing.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException if the file cannot be read
     */
    public String changes() {
        if (isEmpty()) {
            return "";
        }
        Digest digest = new Digest();
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            tensors.forEach((name, stored) -> {
                digest.add(name);
                add(digest, reader, reader.entry(stored));
            });
        }
        return "replaced weights " + digest.hex();
    }

    private static void add(Digest digest, SafetensorsReader reader, TensorEntry tensor) {
        digest.add(TensorEntry.describe(tensor.shape()));
        byte[] bytes = new byte[PIECE * Float.BYTES];
        for (long from = 0; from < tensor.size(); from += PIECE) {
            int count = (int) Math.min(PIECE, tensor.size() - from);
            ByteBuffer piece = ByteBuffer.wrap(bytes, 0, count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            reader.read(tensor, from, piece);
            digest.addBytes(bytes, count * Float.BYTES);
        }
    }
}
