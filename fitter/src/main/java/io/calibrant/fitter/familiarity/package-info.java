/**
 * Familiarity: how far a question lies from the training questions, from the forward pass alone (method.md section 6).
 *
 * <p>Of every layer {@link io.calibrant.fitter.familiarity.InputMoment} holds the uncentred second moment of what its
 * attention maps read at the last real token, in k eigenpairs and a residual, and scores a question by it;
 * {@link io.calibrant.fitter.familiarity.Familiarity} is the mean over the layers.
 * {@link io.calibrant.fitter.familiarity.ScoreCalibration} ranks a score among those of known questions.
 *
 * <p>Shapes: D width of the model, k kept eigenpairs. Everything is in float64. Pure: no Kafka, no Avro.
 *
 * <p>May depend on: {@code io.calibrant.fitter.linalg}.
 */
package io.calibrant.fitter.familiarity;
