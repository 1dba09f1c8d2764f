/**
 * The scorer as a service: questions from a topic, calibrated answers to a topic, one transaction a poll.
 *
 * <p>{@link io.calibrant.scorer.service.Scorer} runs one thread that keeps the models and one or several that take
 * questions, each with its own {@link io.calibrant.scorer.service.QuestionLoop}. What cannot be answered goes to the
 * dead-letter topic with the reason.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.scorer.answering},
 * {@code io.calibrant.scorer.serving}, {@code io.calibrant.trainer.capture}, {@code io.calibrant.trainer.prompts},
 * {@code org.apache.kafka.clients}, {@code org.apache.kafka.common}, {@code org.slf4j}.
 */
package io.calibrant.scorer.service;
