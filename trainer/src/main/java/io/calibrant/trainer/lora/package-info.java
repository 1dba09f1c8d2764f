/**
 * LoRA adapters of decoder-only models: h = W0 x + s B (A x) with s = alpha / r, on any set of linear maps and on the
 * head; rank and scaling may differ from map to map, and DoRA gives the rows of W0 + s B A lengths m of their own. The
 * adapter on the host, its weights on the device, and PEFT's directory format in and out. Letters: r rank, Din and Dout
 * the widths of the adapted map, K class tokens (the rows that lm_head.lora_B is trimmed to).
 *
 * <p>May depend on: {@code io.calibrant.trainer.digest}, {@code io.calibrant.trainer.files},
 * {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.safetensors}, {@code ai.djl.ndarray},
 * {@code com.fasterxml.jackson.databind}.
 */
package io.calibrant.trainer.lora;
