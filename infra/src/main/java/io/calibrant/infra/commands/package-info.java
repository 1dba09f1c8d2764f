/**
 * The command line: one class a command, registered in {@link io.calibrant.infra.commands.Calibrant}. A command turns
 * flags into the settings record of the module that does the work, runs it, and prints. Results go to standard output,
 * everything else to standard error. Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage.
 *
 * <p>May depend on: everything; nobody depends on it.
 */
package io.calibrant.infra.commands;
