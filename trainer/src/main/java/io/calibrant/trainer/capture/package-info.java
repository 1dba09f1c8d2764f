/**
 * Passes through an adapted model that can be looked into: the input x_t and the output gradient dL/dh_t of every adapted
 * linear map, for every token. The gradient comes from a <em>probe</em>: a zero leaf that is added to the map's output,
 * whose gradient after a backward pass is that of the output itself. Letters: B batch, T tokens, N = B T rows, R LoRA
 * rank, K class tokens, Din and Dout the widths of a map.
 *
 * <pre>{@code
 * try (AdaptedLlama adapted = new AdaptedLlama(llama, adapter);
 *         Pass pass = adapted.forward(batch, Mode.PROBED)) {
 *     NDArray z = pass.logits();                          // [B, K]
 *     pass.backward(cotangent, true);                     // cotangent [B, K]; true: another backward pass follows
 *     NDArray dh = pass.outputGradient(path);             // [B, T, Dout], of this backward pass alone
 *     NDArray x = pass.input(path), ax = pass.lowRank(path);
 *     // blocks of method.md section 1: lora_A: a = x, g = s dh B;  lora_B: a = A x, g = s dh;  s = pass.scaling()
 * }
 * }</pre>
 *
 * <p>{@code Autograd} is the one class of the house that touches DJL's internal {@code JniUtils}.
 *
 * <p>May depend on: {@code lora}, {@code llama}, DJL. Not on Kafka or Avro.
 */
package io.calibrant.trainer.capture;
