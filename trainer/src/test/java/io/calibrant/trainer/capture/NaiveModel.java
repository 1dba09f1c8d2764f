package io.calibrant.trainer.capture;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.model.Architecture;
import io.calibrant.trainer.model.Architecture.Norms.Places;
import io.calibrant.trainer.model.AttentionKind;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.RopeScaling;
import io.calibrant.trainer.model.RotarySettings;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The naive twin of the forward pass: float64, one sequence, one token and one head at a time, straight from the
 * formulas, sharing no code with the fast path. Weights of the adapter, and a shift of any map's output, can be changed
 * in place for finite differences.
 */
final class NaiveModel {

    private final ModelConfig c;
    private final SafetensorsReader weights;
    private final Map<String, double[]> cache = new HashMap<>();
    private final Map<String, Double> scalings = new HashMap<>();
    private final int[] classTokens;

    /** The adapter's matrices by block name; changed in place by tests. */
    final Map<String, double[]> lora = new HashMap<>();

    /** What DoRA multiplies the rows of a map by, by path; changed in place by tests. */
    final Map<String, double[]> rowScales = new HashMap<>();

    /** Added to the output of a map: path to [T][Dout]. */
    final Map<String, double[][]> shift = new HashMap<>();

    /** What embeddings are multiplied by; changed by tests. */
    double embeddingScale;

    /** What each map saw in the last forward pass: path to [T][Din]. */
    final Map<String, double[][]> inputs = new HashMap<>();

    NaiveModel(Path directory, Adapter adapter) {
        c = ModelConfig.read(directory);
        weights = SafetensorsReader.open(directory);
        classTokens = adapter.classTokens();
        embeddingScale = c.architecture().scales().embedding();
        for (LoraMatrices m : adapter.matrices().values()) {
            lora.put(m.linear().path() + ".lora_A", widened(m.a()));
            lora.put(m.linear().path() + ".lora_B", widened(m.b()));
            scalings.put(
                    m.linear().path(), adapter.settings().scaling(m.linear().path()));
            m.magnitude().ifPresent(magnitude -> rowScales.put(m.linear().path(), rowScales(m, magnitude)));
        }
    }

    /** DoRA: the lengths that rows are to have over those that they have now; constants from here on. */
    private double[] rowScales(LoraMatrices m, float[] magnitude) {
        String path = m.linear().path();
        double[] w = path.equals(ModelConfig.HEAD) ? headTable() : weight(path + ".weight");
        int in = m.linear().inputs();
        float[] a = m.a();
        float[] b = m.b();
        double[] scales = new double[magnitude.length];
        for (int o = 0; o < scales.length; o++) {
            int row = path.equals(ModelConfig.HEAD) ? classTokens[o] : o;
            double sum = 0;
            for (int i = 0; i < in; i++) {
                double value = w[row * in + i];
                for (int r = 0; r < m.rank(); r++) {
                    value += scalings.get(path) * (double) b[o * m.rank() + r] * a[r * in + i];
                }
                sum += value * value;
            }
            scales[o] = magnitude[o] / Math.sqrt(sum);
        }
        return scales;
    }

    private double rowScale(String path, int row) {
        return rowScales.containsKey(path) ? rowScales.get(path)[row] : 1;
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
        Architecture.Scales scales = c.architecture().scales();
        Places places = c.architecture().norms().places();
        String second = places == Places.AROUND ? "pre_feedforward_layernorm" : "post_attention_layernorm";
        double[][] x = new double[t][c.width()];
        for (int i = 0; i < t; i++) {
            for (int j = 0; j < c.width(); j++) {
                x[i][j] = embeddingScale * weight("model.embed_tokens.weight")[(int) ids[i] * c.width() + j];
            }
        }
        for (int layer = 0; layer < c.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            double[][] n = places == Places.AFTER ? copy(x) : norm(x, weight(prefix + "input_layernorm.weight"));
            double[][][] qkv = queriesKeysValues(prefix, n);
            double[][] o = linear(
                    prefix + "self_attn.o_proj",
                    attention(qkv[0], qkv[1], qkv[2], c.attention().get(layer)));
            if (places != Places.BEFORE) {
                o = norm(o, weight(prefix + "post_attention_layernorm.weight"));
            }
            add(x, o, scales.residual());
            double[][] m = places == Places.AFTER ? copy(x) : norm(x, weight(prefix + second + ".weight"));
            double[][] down = linear(prefix + "mlp.down_proj", gated(prefix, m));
            if (places != Places.BEFORE) {
                down = norm(down, weight(prefix + "post_feedforward_layernorm.weight"));
            }
            add(x, down, scales.residual());
        }
        return head(norm(x, weight("model.norm.weight"))[t - 1]);
    }

    private static double[][] copy(double[][] x) {
        return Arrays.stream(x).map(double[]::clone).toArray(double[][]::new);
    }

    private double[][][] queriesKeysValues(String prefix, double[][] n) {
        double[][][] qkv = new double[3][][];
        if (weights.contains(prefix + "self_attn.qkv_proj.weight")) {
            double[][] all = linear(prefix + "self_attn.qkv_proj", n);
            int queries = c.heads() * c.headWidth();
            int keys = c.keyValueHeads() * c.headWidth();
            qkv[0] = columns(all, 0, queries);
            qkv[1] = columns(all, queries, queries + keys);
            qkv[2] = columns(all, queries + keys, queries + 2 * keys);
        } else {
            qkv[0] = linear(prefix + "self_attn.q_proj", n);
            qkv[1] = linear(prefix + "self_attn.k_proj", n);
            qkv[2] = linear(prefix + "self_attn.v_proj", n);
        }
        if (weights.contains(prefix + "self_attn.q_norm.weight")) {
            qkv[0] = norm(qkv[0], weight(prefix + "self_attn.q_norm.weight"));
            qkv[1] = norm(qkv[1], weight(prefix + "self_attn.k_norm.weight"));
        }
        return qkv;
    }

    private static double[][] columns(double[][] x, int from, int to) {
        return Arrays.stream(x).map(row -> Arrays.copyOfRange(row, from, to)).toArray(double[][]::new);
    }

    private double[][] gated(String prefix, double[][] m) {
        double[][] gate;
        double[][] up;
        if (weights.contains(prefix + "mlp.gate_up_proj.weight")) {
            double[][] both = linear(prefix + "mlp.gate_up_proj", m);
            gate = columns(both, 0, c.feedForwardWidth());
            up = columns(both, c.feedForwardWidth(), 2 * c.feedForwardWidth());
        } else {
            gate = linear(prefix + "mlp.gate_proj", m);
            up = linear(prefix + "mlp.up_proj", m);
        }
        for (int i = 0; i < up.length; i++) {
            for (int j = 0; j < up[i].length; j++) {
                up[i][j] *= activated(gate[i][j]);
            }
        }
        return up;
    }

    private double activated(double x) {
        return switch (c.architecture().activation()) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU -> x * normal(x);
            case GELU_TANH -> x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
        };
    }

    /** The standard normal's distribution function by its series, 1 / 2 + phi(x) (x + x^3 / 3 + x^5 / 15 + ...). */
    private static double normal(double x) {
        double term = x;
        double sum = x;
        for (int i = 3; Math.abs(term) > 1e-17 * Math.abs(sum) && i < 500; i += 2) {
            term *= x * x / i;
            sum += term;
        }
        return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    private double[] headTable() {
        return weight(c.architecture().tiedHead() ? "model.embed_tokens.weight" : "lm_head.weight");
    }

    private double[] head(double[] last) {
        double[] table = headTable();
        double[] z = new double[classTokens.length];
        double[][] update = lowRank("lm_head", new double[][] {last}, classTokens.length);
        for (int k = 0; k < z.length; k++) {
            for (int j = 0; j < c.width(); j++) {
                z[k] += table[classTokens[k] * c.width() + j] * last[j];
            }
            z[k] = (z[k] + update[0][k])
                    * rowScale(ModelConfig.HEAD, k)
                    / c.architecture().scales().logitDivisor();
            z[k] = capped(z[k], c.architecture().scales().logitCap());
        }
        return z;
    }

    private static double capped(double x, OptionalDouble cap) {
        return cap.isEmpty() ? x : cap.getAsDouble() * Math.tanh(x / cap.getAsDouble());
    }

    /** Every group of as many numbers as the weight has, by itself: whole rows, or the heads of a token. */
    private double[][] norm(double[][] x, double[] weight) {
        int w = weight.length;
        double offset = c.architecture().norms().aroundOne() ? 1 : 0;
        double[][] y = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int start = 0; start < x[t].length; start += w) {
                double sum = 0;
                for (int i = 0; i < w; i++) {
                    sum += x[t][start + i] * x[t][start + i];
                }
                for (int i = 0; i < w; i++) {
                    y[t][start + i] = x[t][start + i] / Math.sqrt(sum / w + c.normEpsilon()) * (offset + weight[i]);
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
                for (int i = 0; i < in; i++) {
                    y[t][o] += w[o * in + i] * x[t][i];
                }
                y[t][o] = y[t][o] * rowScale(path, o) + (bias == null ? 0 : bias[o]);
            }
        }
        return y;
    }

    /** s B (A x) + shift, or zero. */
    private double[][] lowRank(String path, double[][] x, int out) {
        double[][] y = new double[x.length][out];
        double[] a = lora.get(path + ".lora_A");
        double[] b = lora.get(path + ".lora_B");
        int rank = a == null ? 0 : b.length / out;
        double scaling = scalings.getOrDefault(path, 0.0);
        double[][] shifted = shift.get(path);
        inputs.put(path, x);
        for (int t = 0; t < x.length; t++) {
            for (int r = 0; r < rank; r++) {
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

    private double[][] attention(double[][] q, double[][] k, double[][] v, AttentionKind kind) {
        int e = c.headWidth();
        double scale = c.architecture().scales().scores().orElse(1 / Math.sqrt(e));
        double[] frequencies = kind.rotary().map(r -> frequencies(r, q.length)).orElse(new double[0]);
        double amplitude = kind.rotary().map(r -> amplitude(r.scaling())).orElse(1.0);
        double[][] out = new double[q.length][c.heads() * e];
        for (int h = 0; h < c.heads(); h++) {
            int shared = h / (c.heads() / c.keyValueHeads());
            for (int t = 0; t < q.length; t++) {
                double[] query = rotated(q[t], h, t, frequencies, amplitude);
                double grown = scale * growth(t, kind);
                int from = kind.window() == 0 ? 0 : Math.max(0, t - kind.window() + 1);
                double[] score = new double[t + 1];
                double total = 0;
                for (int s = from; s <= t; s++) {
                    double[] key = rotated(k[s], shared, s, frequencies, amplitude);
                    for (int i = 0; i < e; i++) {
                        score[s] += query[i] * key[i];
                    }
                    score[s] = Math.exp(
                            capped(grown * score[s], c.architecture().scales().scoreCap()));
                    total += score[s];
                }
                for (int s = from; s <= t; s++) {
                    for (int i = 0; i < e; i++) {
                        out[t][h * e + i] += score[s] / total * v[s][shared * e + i];
                    }
                }
            }
        }
        return out;
    }

    /** The factor of Llama 4 on a query. */
    private static double growth(int position, AttentionKind kind) {
        return kind.rotary()
                .flatMap(RotarySettings::queries)
                .map(g -> 1 + g.beta() * Math.log(1 + Math.floor((double) position / g.originalMaxPositions())))
                .orElse(1.0);
    }

    /** Head {@code h} of a token at {@code position}: pairs (i, i + W / 2) turned by position times frequency. */
    private double[] rotated(double[] all, int h, int position, double[] frequencies, double amplitude) {
        int e = c.headWidth();
        double[] y = Arrays.copyOfRange(all, h * e, (h + 1) * e);
        int w = 2 * frequencies.length;
        for (int i = 0; i < frequencies.length; i++) {
            double angle = position * frequencies[i];
            double first = all[h * e + i];
            double second = all[h * e + i + w / 2];
            y[i] = amplitude * (first * Math.cos(angle) - second * Math.sin(angle));
            y[i + w / 2] = amplitude * (second * Math.cos(angle) + first * Math.sin(angle));
        }
        return y;
    }

    private double[] frequencies(RotarySettings rotary, int length) {
        double[] frequencies = new double[(int) (c.headWidth() * rotary.partial()) / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = frequency(rotary, i, 2 * frequencies.length, length);
        }
        return frequencies;
    }

    private static double amplitude(RopeScaling scaling) {
        if (scaling instanceof RopeScaling.Yarn yarn) {
            return yarn.amplitude();
        }
        return scaling instanceof RopeScaling.LongRope longRope ? longRope.amplitude() : 1;
    }

    private static double frequency(RotarySettings rotary, int i, int w, int length) {
        double frequency = 1 / Math.pow(rotary.theta(), 2.0 * i / w);
        RopeScaling scaling = rotary.scaling();
        if (scaling instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (scaling instanceof RopeScaling.LongRope r) {
            return frequency / (length > r.originalMaxPositions() ? r.longFactors() : r.shortFactors()).get(i);
        }
        if (scaling instanceof RopeScaling.Dynamic d) {
            double longest = Math.max(length, d.originalMaxPositions());
            double stretch = d.factor() * longest / d.originalMaxPositions() - (d.factor() - 1);
            double base = rotary.theta() * Math.pow(stretch, (double) w / (w - 2));
            return 1 / Math.pow(base, 2.0 * i / w);
        }
        return scaling instanceof RopeScaling.Yarn yarn
                ? yarn(frequency, rotary.theta(), i, w, yarn)
                : llama3(frequency, (RopeScaling.Llama3) scaling);
    }

    /** As in the paper's code: a ramp over the pairs between two numbers of turns. */
    private static double yarn(double frequency, double theta, int i, int w, RopeScaling.Yarn s) {
        double low = w * Math.log(s.originalMaxPositions() / (s.fast() * 2 * Math.PI)) / (2 * Math.log(theta));
        double high = w * Math.log(s.originalMaxPositions() / (s.slow() * 2 * Math.PI)) / (2 * Math.log(theta));
        low = Math.max(0, s.wholePairs() ? Math.floor(low) : low);
        high = Math.min(w - 1.0, s.wholePairs() ? Math.ceil(high) : high);
        if (low == high) {
            high += 0.001;
        }
        double ramp = i <= low ? 0 : i >= high ? 1 : (i - low) / (high - low);
        return frequency * (1 - ramp) + frequency / s.factor() * ramp;
    }

    /** As the Llama 3 reference code has it, in terms of wavelengths. */
    private static double llama3(double frequency, RopeScaling.Llama3 s) {
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

    private static void add(double[][] x, double[][] y, double multiplier) {
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[i].length; j++) {
                x[i][j] += multiplier * y[i][j];
            }
        }
    }
}
