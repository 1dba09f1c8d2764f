/**
 * Tests of the pages for users: links and citations lead somewhere, named tests exist, generated pages are up to date,
 * and the shell blocks of the pages run as they stand.
 */
package io.calibrant.infra.documents;
