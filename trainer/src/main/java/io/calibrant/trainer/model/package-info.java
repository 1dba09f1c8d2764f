/**
 * Decoder-only language models on bare NDArrays: configuration, weights, forward pass, and a backward pass of our own
 * that carries S cotangents at once (method.md section 6, "Cost"). Letters of all shapes here: S cotangents, B batch, T
 * tokens, N = B T rows, D model width, H query heads, V key/value heads, G = H / V, E head width, F feed-forward width,
 * L layers, K class tokens.
 *
 * <p>In the order of reading: {@code Family} makes of a {@code config.json} an
 * {@link io.calibrant.trainer.model.Architecture}, and {@code ConfigReader} for each layer an
 * {@link io.calibrant.trainer.model.AttentionKind}; each operation is one class that holds its weights,
 * {@code forward}, {@code Tape} (what the backward pass needs) and {@code backward}: {@code Linear}, {@code RmsNorm},
 * {@code RotaryEmbedding}, {@code Attention}, {@code FeedForward}, {@code LogitScale}; {@code DecoderLayer} joins them,
 * and {@link io.calibrant.trainer.model.LanguageModel} is embedding, layers, final norm and head. The frozen model
 * knows nothing of adapters: every linear map goes through a {@link io.calibrant.trainer.model.LinearHook}, which may
 * add to it and see its input, and back through a {@link io.calibrant.trainer.model.BackwardHook}.
 *
 * <p>How to add an architecture, step by step: {@code .github/CONTRIBUTING.md}, "Add an architecture". Take no key of a
 * configuration for granted: what is not supported is refused.
 *
 * <p>Rules for graph code, each against a trap of DJL on PyTorch, and held by {@code GraphRulesTest}: no {@code mul},
 * {@code div}, {@code pow} with a Java number, no {@code toType} and no {@code duplicate} between leaf and loss, no
 * bfloat16 arrays but in {@code HalfPrecision}; constants are owned by the model and made by PyTorch, not views of Java
 * buffers. Models raise {@code ModelFileException} and not the exception of settings, since this package does not
 * depend on schemas.
 *
 * <p>May depend on: {@code io.calibrant.trainer.digest}, {@code io.calibrant.trainer.files},
 * {@code io.calibrant.trainer.quantization}, {@code io.calibrant.trainer.safetensors}, {@code ai.djl},
 * {@code com.fasterxml.jackson.core}, {@code com.fasterxml.jackson.databind}.
 */
package io.calibrant.trainer.model;
