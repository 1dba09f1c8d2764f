package io.calibrant.infra.live;

/**
 * A record that a service could not use.
 *
 * @param topic the dead-letter topic
 * @param time when it was refused, milliseconds
 * @param key the key it came with; empty for none
 * @param origin the topic it came on; empty where nobody said
 * @param reason why it was refused
 */
public record DeadLetter(
        String topic, int partition, long offset, long time, String key, String origin, String reason) {}
