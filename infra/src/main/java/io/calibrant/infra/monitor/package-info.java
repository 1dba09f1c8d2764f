/**
 * The page on which runs, factors, answers and dead letters are watched: a small HTTP server on loopback that shows
 * what the topics say and keeps nothing. Each open page is sent what it shows, section by section, whenever that has
 * changed.
 *
 * <p>May depend on: live, the records of schemas, Jackson, the JDK's HTTP server.
 */
package io.calibrant.infra.monitor;
