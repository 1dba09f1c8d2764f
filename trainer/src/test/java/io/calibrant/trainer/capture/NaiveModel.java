package io.calibrant.trainer.capture;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The naive twin of the forward pass: float64, one sequence, one token and one head at a time, straight from the
 * formulas, sharing no code with the fast path. Weights of the adapter, and a shift of any map's output, can be changed
 * in place for finite differences.
 */
final class NaiveModel {

    private final ModelConfig c;
    private final SafetensorsReader weights;
    private final Map<String, double[]> cache = new HashMap<>();
    private final double scaling;
    private final int rank;
    private final int[] classTokens;
    private final double[] frequencies;

    /** The adapter's matrices by block name; changed in place by tests. */
    final Map<String, double[]> lora = new HashMap<>();

    /** Added to the output of a map: path to [T][Dout]. */
    final Map<String, double[][]> shift = new HashMap<>();

    /** What each map saw in the last forward pass: path to [T][Din]. */
    final Map<String, double[][]> inputs = new HashMap<>();

    NaiveModel(Path directory, Adapter adapter) {
        c = ModelConfig.read(directory);
        weights = SafetensorsReader.open(directory);
        scaling = adapter.settings().alpha() / adapter.settings().rank();
        rank = adapter.settings().rank();
        classTokens = adapter.classTokens();
        frequencies = new double[c.headWidth() / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = frequency(i);
        }
        for (LoraMatrices m : adapter.matrices().values()) {
            lora.put(m.linear().path() + ".lora_A", widened(m.a()));
            lora.put(m.linear().path() + ".lora_B", widened(m.b()));
        }
    }

    private static double[] widened(float[] narrow) {
        double[] wide = new double[narrow.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = narrow[i];
        }
        return wide;
    }

    private double[] weight(String name) {
        return cache.computeIfAbsent(name, weights::doubles);
    }

    /** Class logits after the last of {@code ids}, which has no padding. */
    double[] logits(long[] ids) {
        inputs.clear();
        int t = ids.length;
        double[][] x = new double[t][c.width()];
        for (int i = 0; i < t; i++) {
            System.arraycopy(weight("model.embed_tokens.weight"), (int) ids[i] * c.width(), x[i], 0, c.width());
        }
        for (int layer = 0; layer < c.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            double[][] n = norm(x, weight(prefix + "input_layernorm.weight"));
            double[][] q = linear(prefix + "self_attn.q_proj", n);
            double[][] k = linear(prefix + "self_attn.k_proj", n);
            double[][] v = linear(prefix + "self_attn.v_proj", n);
            if (weights.contains(prefix + "self_attn.q_norm.weight")) {
                q = headNorm(q, weight(prefix + "self_attn.q_norm.weight"));
                k = headNorm(k, weight(prefix + "self_attn.k_norm.weight"));
            }
            add(x, linear(prefix + "self_attn.o_proj", attention(q, k, v)));
            double[][] m = norm(x, weight(prefix + "post_attention_layernorm.weight"));
            double[][] gate = linear(prefix + "mlp.gate_proj", m);
            double[][] up = linear(prefix + "mlp.up_proj", m);
            for (int i = 0; i < t; i++) {
                for (int j = 0; j < up[i].length; j++) {
                    up[i][j] *= gate[i][j] / (1 + Math.exp(-gate[i][j]));
                }
            }
            add(x, linear(prefix + "mlp.down_proj", up));
        }
        return head(norm(x, weight("model.norm.weight"))[t - 1]);
    }

    private double[] head(double[] last) {
        double[] table = weight(c.architecture().tiedHead() ? "model.embed_tokens.weight" : "lm_head.weight");
        double[] z = new double[classTokens.length];
        double[][] update = lowRank("lm_head", new double[][] {last}, classTokens.length);
        for (int k = 0; k < z.length; k++) {
            for (int j = 0; j < c.width(); j++) {
                z[k] += table[classTokens[k] * c.width() + j] * last[j];
            }
            z[k] += update[0][k];
        }
        return z;
    }

    private double[][] norm(double[][] x, double[] weight) {
        double[][] y = new double[x.length][c.width()];
        for (int i = 0; i < x.length; i++) {
            double sum = 0;
            for (double value : x[i]) {
                sum += value * value;
            }
            for (int j = 0; j < c.width(); j++) {
                y[i][j] = x[i][j] / Math.sqrt(sum / c.width() + c.normEpsilon()) * weight[j];
            }
        }
        return y;
    }

    /** Every head of every token by itself. */
    private double[][] headNorm(double[][] x, double[] weight) {
        int e = c.headWidth();
        double[][] y = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int start = 0; start < x[t].length; start += e) {
                double sum = 0;
                for (int i = 0; i < e; i++) {
                    sum += x[t][start + i] * x[t][start + i];
                }
                for (int i = 0; i < e; i++) {
                    y[t][start + i] = x[t][start + i] / Math.sqrt(sum / e + c.normEpsilon()) * weight[i];
                }
            }
        }
        return y;
    }

    private double[][] linear(String path, double[][] x) {
        double[] w = weight(path + ".weight");
        double[] bias = weights.contains(path + ".bias") ? weight(path + ".bias") : null;
        int in = x[0].length;
        int out = w.length / in;
        double[][] y = lowRank(path, x, out);
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < out; o++) {
                y[t][o] += bias == null ? 0 : bias[o];
                for (int i = 0; i < in; i++) {
                    y[t][o] += w[o * in + i] * x[t][i];
                }
            }
        }
        return y;
    }

    /** s B (A x) + shift, or zero. */
    private double[][] lowRank(String path, double[][] x, int out) {
        double[][] y = new double[x.length][out];
        double[] a = lora.get(path + ".lora_A");
        double[] b = lora.get(path + ".lora_B");
        double[][] shifted = shift.get(path);
        inputs.put(path, x);
        for (int t = 0; t < x.length; t++) {
            for (int r = 0; a != null && r < rank; r++) {
                double low = 0;
                for (int i = 0; i < x[t].length; i++) {
                    low += a[r * x[t].length + i] * x[t][i];
                }
                for (int o = 0; o < out; o++) {
                    y[t][o] += scaling * b[o * rank + r] * low;
                }
            }
            for (int o = 0; shifted != null && o < out; o++) {
                y[t][o] += shifted[t][o];
            }
        }
        return y;
    }

    private double[][] attention(double[][] q, double[][] k, double[][] v) {
        int e = c.headWidth();
        double[][] out = new double[q.length][c.heads() * e];
        for (int h = 0; h < c.heads(); h++) {
            int shared = h / (c.heads() / c.keyValueHeads());
            for (int t = 0; t < q.length; t++) {
                double[] query = rotated(q[t], h, t);
                double[] score = new double[t + 1];
                double total = 0;
                for (int s = 0; s <= t; s++) {
                    double[] key = rotated(k[s], shared, s);
                    for (int i = 0; i < e; i++) {
                        score[s] += query[i] * key[i];
                    }
                    score[s] = Math.exp(score[s] / Math.sqrt(e));
                    total += score[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int i = 0; i < e; i++) {
                        out[t][h * e + i] += score[s] / total * v[s][shared * e + i];
                    }
                }
            }
        }
        return out;
    }

    /** Head {@code h} of a token at {@code position}: pairs (i, i + E / 2) turned by position times frequency. */
    private double[] rotated(double[] all, int h, int position) {
        int e = c.headWidth();
        double[] y = new double[e];
        for (int i = 0; i < e / 2; i++) {
            double angle = position * frequencies[i];
            double first = all[h * e + i];
            double second = all[h * e + i + e / 2];
            y[i] = first * Math.cos(angle) - second * Math.sin(angle);
            y[i + e / 2] = second * Math.cos(angle) + first * Math.sin(angle);
        }
        return y;
    }

    /** As the Llama 3 reference code has it, in terms of wavelengths. */
    private double frequency(int i) {
        double frequency = 1 / Math.pow(c.rotary().theta(), 2.0 * i / c.headWidth());
        if (c.rotary().scaling().isEmpty()) {
            return frequency;
        }
        var s = c.rotary().scaling().get();
        double wavelength = 2 * Math.PI / frequency;
        double shortest = s.originalMaxPositions() / s.highFrequencyFactor();
        double longest = s.originalMaxPositions() / s.lowFrequencyFactor();
        if (wavelength < shortest) {
            return frequency;
        } else if (wavelength > longest) {
            return frequency / s.factor();
        }
        double smooth = (s.originalMaxPositions() / wavelength - s.lowFrequencyFactor())
                / (s.highFrequencyFactor() - s.lowFrequencyFactor());
        return (1 - smooth) * frequency / s.factor() + smooth * frequency;
    }

    private static void add(double[][] x, double[][] y) {
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[i].length; j++) {
                x[i][j] += y[i][j];
            }
        }
    }
}
