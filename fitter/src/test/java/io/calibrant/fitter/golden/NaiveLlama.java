package io.calibrant.fitter.golden;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The reference model in plain float64 loops, as far as the inputs of its adapted linears: nothing but the stored
 * weights and token ids goes in. Every sequence on its own, without padding.
 */
public final class NaiveLlama {
    private static final int D = 64;
    private static final int HEADS = 4;
    private static final int KEY_HEADS = 2;
    private static final int HEAD = 16;
    private static final int LAYERS = 3;
    private static final double EPSILON = 1e-5;

    private final Safetensors weights = Golden.tensors("model/model.safetensors");
    private final Safetensors adapter = Golden.tensors("adapter_mcq/adapter_model.safetensors");
    private final double scaling;

    public NaiveLlama() {
        JsonNode json = Golden.json("mcq_golden.json");
        scaling = json.path("scaling").asDouble();
    }

    /** The input of q_proj (which v_proj shares) of every layer, and of lm_head: [T, D] each. */
    public Map<String, double[]> inputs(int... ids) {
        int t = ids.length;
        double[] embeddings = weights.values("model.embed_tokens.weight");
        double[] h = new double[t * D];
        for (int i = 0; i < t; i++) {
            System.arraycopy(embeddings, ids[i] * D, h, i * D, D);
        }
        Map<String, double[]> inputs = new LinkedHashMap<>();
        for (int layer = 0; layer < LAYERS; layer++) {
            String name = "model.layers." + layer + ".";
            double[] x = norm(h, name + "input_layernorm.weight");
            inputs.put(name + "self_attn.q_proj", x);
            inputs.put(name + "self_attn.v_proj", x);
            double[] q = rotated(linear(x, t, name + "self_attn.q_proj"), t, HEADS);
            double[] k = rotated(linear(x, t, name + "self_attn.k_proj"), t, KEY_HEADS);
            double[] v = linear(x, t, name + "self_attn.v_proj");
            add(h, linear(attention(q, k, v, t), t, name + "self_attn.o_proj"));
            double[] y = norm(h, name + "post_attention_layernorm.weight");
            double[] gate = linear(y, t, name + "mlp.gate_proj");
            double[] up = linear(y, t, name + "mlp.up_proj");
            for (int i = 0; i < gate.length; i++) {
                gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
            }
            add(h, linear(gate, t, name + "mlp.down_proj"));
        }
        inputs.put("lm_head", norm(h, "model.norm.weight"));
        return inputs;
    }

    private double[] attention(double[] q, double[] k, double[] v, int t) {
        double[] out = new double[t * D];
        for (int head = 0; head < HEADS; head++) {
            int key = head / (HEADS / KEY_HEADS);
            for (int i = 0; i < t; i++) {
                double[] score = new double[i + 1];
                double sum = 0;
                for (int j = 0; j <= i; j++) {
                    for (int c = 0; c < HEAD; c++) {
                        score[j] += q[i * D + head * HEAD + c] * k[(j * KEY_HEADS + key) * HEAD + c];
                    }
                    score[j] = Math.exp(score[j] / Math.sqrt(HEAD));
                    sum += score[j];
                }
                for (int j = 0; j <= i; j++) {
                    for (int c = 0; c < HEAD; c++) {
                        out[i * D + head * HEAD + c] += score[j] / sum * v[(j * KEY_HEADS + key) * HEAD + c];
                    }
                }
            }
        }
        return out;
    }

    private static double[] rotated(double[] x, int t, int heads) {
        double[] out = new double[x.length];
        for (int i = 0; i < t; i++) {
            for (int head = 0; head < heads; head++) {
                int at = (i * heads + head) * HEAD;
                for (int c = 0; c < HEAD / 2; c++) {
                    double angle = i * Math.pow(10000, -2.0 * c / HEAD);
                    double a = x[at + c];
                    double b = x[at + c + HEAD / 2];
                    out[at + c] = a * Math.cos(angle) - b * Math.sin(angle);
                    out[at + c + HEAD / 2] = b * Math.cos(angle) + a * Math.sin(angle);
                }
            }
        }
        return out;
    }

    private double[] norm(double[] x, String weight) {
        double[] w = weights.values(weight);
        double[] out = new double[x.length];
        for (int i = 0; i < x.length / D; i++) {
            double sum = 0;
            for (int c = 0; c < D; c++) {
                sum += x[i * D + c] * x[i * D + c];
            }
            for (int c = 0; c < D; c++) {
                out[i * D + c] = x[i * D + c] / Math.sqrt(sum / D + EPSILON) * w[c];
            }
        }
        return out;
    }

    /** W0 x + s B (A x). */
    private double[] linear(double[] x, int t, String module) {
        double[] out = product(x, t, weights.values(module + ".weight"));
        String lora = "base_model.model." + module + ".lora_";
        if (adapter.has(lora + "A.weight")) {
            double[] delta =
                    product(product(x, t, adapter.values(lora + "A.weight")), t, adapter.values(lora + "B.weight"));
            for (int i = 0; i < out.length; i++) {
                out[i] += scaling * delta[i];
            }
        }
        return out;
    }

    private static double[] product(double[] x, int t, double[] w) {
        int in = x.length / t;
        int outs = w.length / in;
        double[] out = new double[t * outs];
        for (int i = 0; i < t; i++) {
            for (int o = 0; o < outs; o++) {
                double sum = 0;
                for (int c = 0; c < in; c++) {
                    sum += x[i * in + c] * w[o * in + c];
                }
                out[i * outs + o] = sum;
            }
        }
        return out;
    }

    private static void add(double[] h, double[] x) {
        for (int i = 0; i < h.length; i++) {
            h[i] += x[i];
        }
    }
}
