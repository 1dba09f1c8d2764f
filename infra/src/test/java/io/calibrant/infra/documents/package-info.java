/**
 * Tests of the pages for users: links and citations lead somewhere, named tests exist, and generated pages are up to
 * date.
 */
package io.calibrant.infra.documents;
