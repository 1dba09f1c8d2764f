/** Tiny models and adapters of many kinds, and what Python computes of them. */
package io.calibrant.infra.zoo;
