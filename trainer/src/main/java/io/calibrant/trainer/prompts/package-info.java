/**
 * From questions to token ids: question files, the prompts of the paper, the model's own tokenizer, the class token of
 * every label, left-padded batches.
 *
 * <p>Letters: B batch, T tokens of the longest prompt, K class tokens of the run, C choices of a question.
 *
 * <p>May depend on: Jackson and DJL's tokenizers. No Kafka, no Avro, no NDArray.
 */
package io.calibrant.trainer.prompts;
