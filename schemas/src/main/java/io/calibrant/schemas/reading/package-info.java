/**
 * The one reader of topics: without a consumer group, committed records only, from the beginning or from now, to the
 * present end or on and on. What happens to a record that cannot be read, a topic that is missing, a broker or a
 * registry that is away is decided once, by {@link io.calibrant.schemas.reading.TopicReading}.
 *
 * <p>Consumers in a group (questions of the scorer, statistics of the fitter) are not read here.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code org.apache.kafka}, {@code org.apache.avro}.
 */
package io.calibrant.schemas.reading;
