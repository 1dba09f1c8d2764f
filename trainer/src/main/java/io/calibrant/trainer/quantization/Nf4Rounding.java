package io.calibrant.trainer.quantization;

import io.calibrant.trainer.safetensors.ElementType;
import io.calibrant.trainer.safetensors.Piece;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * A weight of a file, rounded to NF4 on the way: w' = NF4[code] absmax' with code the nearest to w / absmax. The file
 * is read twice, first for the scales.
 */
public final class Nf4Rounding implements WeightSource {
    /** Numbers that share a scale. */
    static final int BLOCK = 64;

    /** Scales that share a scale of their own. */
    static final int NESTED_BLOCK = 256;

    /** Smaller ones would have no finite inverse; a block of zeros has the code of 0 everywhere. */
    private static final float LEAST_DIVISOR = 1e-38f;

    private final SafetensorsReader reader;
    private final TensorEntry entry;
    private final ElementType type;
    private final float[] inverses;
    private final float[] scales;

    private Nf4Rounding(
            SafetensorsReader reader, TensorEntry entry, ElementType type, float[] inverses, float[] scales) {
        this.reader = reader;
        this.entry = entry;
        this.type = type;
        this.inverses = inverses;
        this.scales = scales;
    }

    /**
     * Finds the scales of a weight.
     *
     * @param type what the weight is loaded as: its numbers are rounded to that before, and once more after
     * @param nested whether the scales are rounded, too (double quantisation)
     * @throws io.calibrant.trainer.safetensors.ModelFileException naming the first number that is not finite
     */
    public static Nf4Rounding of(SafetensorsReader reader, TensorEntry entry, ElementType type, boolean nested) {
        float[] absmax = absmax(reader, entry, type);
        float[] inverses = new float[absmax.length];
        for (int i = 0; i < inverses.length; i++) {
            inverses[i] = 1 / Math.max(absmax[i], LEAST_DIVISOR);
        }
        return new Nf4Rounding(reader, entry, type, inverses, nested ? rounded(absmax) : absmax);
    }

    private static float[] absmax(SafetensorsReader reader, TensorEntry entry, ElementType type) {
        long size = entry.size();
        float[] absmax = new float[Math.toIntExact((size + BLOCK - 1) / BLOCK)];
        Piece.of(size).forEach(piece -> {
            ByteBuffer bytes = ByteBuffer.allocate(piece.size() * Float.BYTES).order(ByteOrder.nativeOrder());
            reader.readRounded(entry, piece.from(), bytes, type);
            FloatBuffer values = bytes.asFloatBuffer();
            int first = (int) (piece.from() / BLOCK); // pieces are whole blocks
            for (int i = 0; i < piece.size(); i++) {
                int block = first + i / BLOCK;
                absmax[block] = Math.max(absmax[block], Math.abs(values.get(i)));
            }
        });
        return absmax;
    }

    /** Scales as double quantisation leaves them: DYNAMIC[code] nested absmax + offset. */
    static float[] rounded(float[] absmax) {
        double sum = 0;
        for (float scale : absmax) {
            sum += scale;
        }
        float offset = (float) (sum / absmax.length);
        float[] scales = new float[absmax.length];
        for (int begin = 0; begin < absmax.length; begin += NESTED_BLOCK) {
            int end = Math.min(absmax.length, begin + NESTED_BLOCK);
            float nested = 0;
            for (int i = begin; i < end; i++) {
                nested = Math.max(nested, Math.abs(absmax[i] - offset));
            }
            float inverse = 1 / Math.max(nested, LEAST_DIVISOR);
            for (int i = begin; i < end; i++) {
                scales[i] = Code.DYNAMIC.value(Code.DYNAMIC.nearest((absmax[i] - offset) * inverse)) * nested + offset;
            }
        }
        return scales;
    }

    @Override
    public void read(long from, ByteBuffer target) {
        reader.readRounded(entry, from, target, type);
        FloatBuffer values = target.slice().order(target.order()).asFloatBuffer();
        Piece.of(values.remaining()).forEach(piece -> {
            for (int i = piece.begin(); i < piece.end(); i++) {
                int block = (int) ((from + i) / BLOCK);
                float rounded = Code.NF4.value(Code.NF4.nearest(values.get(i) * inverses[block])) * scales[block];
                values.put(i, type.nearest(rounded));
            }
        });
    }
}
