/**
 * Fine-tuning of the adapter: AdamW as PyTorch has it, the linear schedule, the order of the questions, the loop.
 *
 * <p>May depend on: DJL, and the packages capture, model, lora and prompts. No Kafka, no Avro.
 */
package io.calibrant.trainer.tuning;
