/**
 * Files that a user names: read whole where they are regular files of a sane size, and told by name where they are
 * something else, or are not where they were looked for.
 *
 * <p>May depend on: nothing but the JDK.
 */
package io.calibrant.trainer.files;
