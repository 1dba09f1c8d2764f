/**
 * From questions to token ids: question files, prompt templates with the two forms of the paper, the model's own
 * tokenizer, the class token of every label.
 *
 * <p>Letters: B batch, T tokens of the longest prompt, K class tokens of the run, C choices of a question.
 *
 * <p>May depend on: {@code io.calibrant.trainer.files}, {@code ai.djl.huggingface}, {@code com.fasterxml.jackson},
 * {@code com.samskivert.mustache}.
 */
package io.calibrant.trainer.prompts;
