/**
 * Passes through an adapted model that can be looked into: the input x_t and the output gradient dL/dh_t of every
 * adapted linear map, for every token. Letters: S cotangents, B batch, T tokens, N = B T rows, r LoRA rank, K class
 * tokens, Din and Dout the widths of a map.
 *
 * <p>Curvature and scoring go back once with all cotangents stacked, without a graph:
 *
 * <pre>{@code
 * try (AdaptedModel adapted = new AdaptedModel(model, adapter);
 *         StackedPass pass = adapted.stacked(batch)) {
 *     NDArray z = pass.logits();                          // [B, K]
 *     pass.backward(cotangents, gradient -> {             // [S, B, K]; once for each adapted map, from the head down
 *         NDArray x = gradient.input(), ax = gradient.lowRank();            // [B, T, Din], [B, T, r]
 *         NDArray dh = gradient.output(), dhB = gradient.projected();       // [S, B, T, Dout], [S, B, T, r]
 *         // blocks of method.md section 1: lora_A: a = x, g = s dh B;  lora_B: a = A x, g = s dh
 *     });
 * }
 * }</pre>
 *
 * <p>Fine-tuning has autograd's graph anyway. There, and in the naive twins of the tests, the gradient comes from a
 * <em>probe</em>: a zero leaf that is added to the map's output, whose gradient after a backward pass is that of the
 * output itself ({@link io.calibrant.trainer.capture.Pass}).
 *
 * <p>{@code Autograd} is the only class that touches DJL's internal {@code JniUtils}.
 *
 * <p>What is made of a pass afterwards is much small work on arrays: {@link io.calibrant.trainer.capture.MathThreads}.
 *
 * <p>May depend on: {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model}, {@code ai.djl}.
 */
package io.calibrant.trainer.capture;
