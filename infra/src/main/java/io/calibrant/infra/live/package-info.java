/**
 * What the topics say, as it comes: one reader of all of them and a model in memory with a history of bounded size,
 * which is the same for whoever reads the topics from their beginning. For {@code watch} and {@code monitor}.
 *
 * <p>May depend on: schemas, kafka-clients, the layer of a path as the trainer reads it.
 */
package io.calibrant.infra.live;
