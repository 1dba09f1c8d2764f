/**
 * LoRA adapters of the Llama family: h = W0 x + s B (A x) with s = alpha / r, on any set of linear maps and on the
 * head. The adapter on the host, its weights on the device, and PEFT's directory format in and out. Letters: R rank,
 * Din and Dout the widths of the adapted map, K class tokens (the rows that lm_head.lora_B is trimmed to).
 *
 * <p>May depend on: {@code model}, {@code safetensors}, DJL, Jackson. Not on Kafka or Avro.
 */
package io.calibrant.trainer.lora;
