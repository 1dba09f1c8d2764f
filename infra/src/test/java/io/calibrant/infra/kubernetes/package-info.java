/**
 * Tests of {@code infra/kubernetes}: every manifest is what its kind allows, topics and rights are those of the code,
 * and the containers start commands that exist.
 */
package io.calibrant.infra.kubernetes;
