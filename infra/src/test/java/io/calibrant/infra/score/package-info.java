/** The question/answer service through the real broker and registry, on a model of a few thousand weights. */
package io.calibrant.infra.score;
