package io.calibrant.fitter.topology;

import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.TimestampExtractor;

/**
 * Timestamps of the inputs. One that is negative ends Kafka Streams; one from the future moves its time for good, and
 * its topics refuse what is sent on with it. A record with such a timestamp gets the time of its partition and a header
 * that says what is wrong; {@link InPlace} then refuses the record.
 */
final class CheckedTimestamps implements TimestampExtractor {
    /** The header of a record whose timestamp was replaced; its value is the reason. */
    static final String REFUSED = "__calibrant.timestamp";

    /** Kafka's topics take an hour by default; a few minutes less, as the clocks of broker and fitter differ. */
    static final Duration MOST_AHEAD = Duration.ofMinutes(55);

    private static final long MICROS = 1_000;

    private final Clock clock;

    CheckedTimestamps(Clock clock) {
        this.clock = clock;
    }

    @Override
    public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
        // A dead letter that is sent again has what this fitter said of it the first time.
        record.headers().remove(REFUSED);
        record.headers().remove(SourcePosition.HEADER);
        long latest = clock.millis() + MOST_AHEAD.toMillis();
        if (isWithin(record.timestamp(), latest)) {
            return record.timestamp();
        }
        record.headers().add(REFUSED, reason(record.timestamp(), latest).getBytes(StandardCharsets.UTF_8));
        return isWithin(partitionTime, latest) ? partitionTime : 0; // not now: that would age what waits
    }

    private static boolean isWithin(long timestamp, long latest) {
        return timestamp >= 0 && timestamp <= latest;
    }

    private static String reason(long timestamp, long latest) {
        if (timestamp < 0) {
            return "timestamp " + timestamp + ", expected milliseconds since 1970";
        }
        String hint = timestamp / MICROS <= latest && timestamp / MICROS > latest / 2
                ? "; these look like microseconds"
                : " (" + Instant.ofEpochMilli(timestamp) + ")";
        return "timestamp " + timestamp + " is more than " + MOST_AHEAD.toMinutes() + " minutes ahead" + hint;
    }

    /** Why the timestamp of a record was refused; null where it was taken. */
    static String refusal(Headers headers) {
        Header header = headers.lastHeader(REFUSED);
        return header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }
}
