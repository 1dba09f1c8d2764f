/**
 * The Llama family on bare NDArrays: configuration, weights, forward pass. Letters of all shapes here: B batch, T
 * tokens, N = B T rows, D model width, H query heads, V key/value heads, G = H / V, E head width, F feed-forward width,
 * L layers, K class tokens.
 *
 * <p>The frozen model knows nothing of adapters: each linear map goes through a
 * {@link io.calibrant.trainer.model.LinearHook}, which may add to it and see its input. Rules for graph code (each
 * wards off a trap of DJL on PyTorch, and a test over the sources holds them): no {@code mul}, {@code div}, {@code pow}
 * with a Java number, no {@code toType} and no {@code duplicate} between leaf and loss, no bfloat16 arrays, constants
 * are owned by the model and made by PyTorch, not views of Java buffers.
 *
 * <p>May depend on: {@code safetensors}, DJL, Jackson. Not on Kafka or Avro.
 */
package io.calibrant.trainer.model;
