/**
 * The trainer as a whole: its settings, and the run from files to records: load, fine-tune, write the adapter, measure
 * the curvature, publish.
 *
 * <p>May depend on: every package of this module, and {@code Connection}. Avro and Kafka's clients are the business of
 * {@code statistics} alone.
 */
package io.calibrant.trainer;
