/**
 * Tests of what is delivered: the distribution and the images, as a machine without Maven or sources has them, and the
 * shell blocks of pages, as they stand.
 */
package io.calibrant.infra.delivery;
