/**
 * The command line: one class for each command, registered in {@link io.calibrant.infra.commands.Calibrant}. A command
 * turns flags into the settings record of the module that does the work, runs it, and prints. Results go to standard
 * output, everything else to standard error. Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage, 3 out of
 * memory, 130 and 143 a job that a signal has stopped.
 *
 * <p>Commands bring all modules together; no other package depends on this one.
 *
 * <p>May depend on: {@code io.calibrant}, {@code com.fasterxml.jackson}, {@code com.sun.net.httpserver},
 * {@code io.micrometer.core}, {@code org.apache.kafka}, {@code picocli}.
 */
package io.calibrant.infra.commands;
