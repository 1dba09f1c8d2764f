package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import java.util.HashMap;
import java.util.Map;

/** The frozen weights of one layer. Norms are [D], linear maps [Dout, Din], biases [Dout] or absent. */
final class LayerWeights {

    final NDArray attentionNorm;
    final NDArray feedForwardNorm;
    final Linear q;
    final Linear k;
    final Linear v;
    final Linear o;
    final Linear gate;
    final Linear up;
    final Linear down;

    /** One linear map: {@code bias} may be null. */
    record Linear(String path, NDArray weight, NDArray bias) {

        NDArray apply(LinearHook hook, NDArray x) {
            return hook.apply(path, x, weight, bias);
        }

        /** Adds the map of {@code x} to {@code residual}, which is not changed. */
        NDArray addTo(NDArray residual, LinearHook hook, NDArray x) {
            return hook.apply(path, x, weight, bias == null ? residual : residual.add(bias));
        }
    }

    LayerWeights(WeightLoader loader, ModelConfig config, int layer) {
        String prefix = "model.layers." + layer;
        attentionNorm = loader.load(prefix + ".input_layernorm.weight", config.width());
        feedForwardNorm = loader.load(prefix + ".post_attention_layernorm.weight", config.width());
        Map<String, LinearShape> shapes = new HashMap<>();
        config.linears().forEach(l -> shapes.put(l.path(), l));
        q = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "q_proj"),
                config.architecture().biases().queryKeyValue());
        k = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "k_proj"),
                config.architecture().biases().queryKeyValue());
        v = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "v_proj"),
                config.architecture().biases().queryKeyValue());
        o = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "o_proj"),
                config.architecture().biases().attentionOutput());
        gate = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "gate_proj"),
                config.architecture().biases().feedForward());
        up = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "up_proj"),
                config.architecture().biases().feedForward());
        down = linear(
                loader,
                shapes,
                ModelConfig.path(layer, "down_proj"),
                config.architecture().biases().feedForward());
    }

    private static Linear linear(WeightLoader loader, Map<String, LinearShape> shapes, String path, boolean withBias) {
        LinearShape shape = shapes.get(path);
        return new Linear(
                path,
                loader.load(path + ".weight", shape.outputs(), shape.inputs()),
                withBias ? loader.load(path + ".bias", shape.outputs()) : null);
    }

    /** Whether what follows the attention of this layer must be computed for every token. */
    boolean needsAllTokens(LinearHook hook) {
        return hook.needsAllTokens(o.path)
                || hook.needsAllTokens(gate.path)
                || hook.needsAllTokens(up.path)
                || hook.needsAllTokens(down.path);
    }
}
