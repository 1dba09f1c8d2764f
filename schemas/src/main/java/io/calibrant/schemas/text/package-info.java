/**
 * Text of others as it may be shown: what a record, a registry or a setting says, with control characters escaped, cut
 * to a length that people read, and without secrets.
 *
 * <p>May depend on: nothing but the JDK.
 */
package io.calibrant.schemas.text;
