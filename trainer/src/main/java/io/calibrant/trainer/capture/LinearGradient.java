package io.calibrant.trainer.capture;

import ai.djl.ndarray.NDArray;

/**
 * What a stacked backward pass says of one adapted linear map. The arrays are views that are freed when the visit is
 * over; none may be modified. S cotangents, B batch, T tokens (1 for a head: the last real token), r the map's LoRA
 * rank.
 *
 * <p>Gradients are without the adapter's scaling s. Where a map has a scaling of its own, they are multiplied by the
 * ratio of the two; where DoRA scales the rows of a map, h is what it scales. So s times them is always the gradient by
 * B A x, and of a classifier's head that by the logits.
 *
 * @param path module path
 * @param input x [B, T, Din]
 * @param lowRank A x [B, T, r]; null for the head of a sequence classifier, which has no LoRA
 * @param output dL/dh [S, B, T, Dout]; zero at padding; of that head the cotangents over s
 * @param projected B^T dL/dh [S, B, T, r], without the scaling s; null for that head
 */
public record LinearGradient(String path, NDArray input, NDArray lowRank, NDArray output, NDArray projected) {}
