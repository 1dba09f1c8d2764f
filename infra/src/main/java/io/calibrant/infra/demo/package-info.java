/**
 * The demo: everything on one machine from fine-tuning to calibrated answers, and the generator of the tiny model and
 * the noisy questions that it runs on by default.
 *
 * <p>May depend on: every module; in infra on the embedded broker and registry, and on the report.
 */
package io.calibrant.infra.demo;
