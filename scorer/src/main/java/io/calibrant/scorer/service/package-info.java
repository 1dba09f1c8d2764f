/**
 * The scorer: questions from a topic, calibrated answers to a topic, one transaction a poll.
 *
 * <p>{@link io.calibrant.scorer.service.Scorer} is the service. It follows the topics runs, adapters, factors and
 * posteriors from their beginning, serves the newest complete posterior of its run and fit, and sends what cannot be
 * answered to the dead-letter topic with the reason.
 *
 * <p>May depend on: schemas, kafka-clients, and the other packages of the scorer, trainer.{model, lora, prompts},
 * fitter.records.
 */
package io.calibrant.scorer.service;
