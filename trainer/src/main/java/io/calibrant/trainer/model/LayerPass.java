package io.calibrant.trainer.model;

/**
 * What the forward pass through one layer is given besides its input.
 *
 * @param sequences the batch
 * @param hook called for every linear map
 * @param arithmetic whether intermediates may be overwritten
 * @param lastOnly whether only the last real token of each sequence is asked for
 */
record LayerPass(Sequences sequences, LinearHook hook, Arithmetic arithmetic, boolean lastOnly) {}
