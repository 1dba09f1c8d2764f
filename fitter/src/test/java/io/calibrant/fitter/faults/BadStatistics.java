package io.calibrant.fitter.faults;

import io.calibrant.schemas.avro.Statistics;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Function;

/** What other clients send in place of statistics: from no record at all to one that only the mathematics refuses. */
enum BadStatistics {
    JUNK {
        @Override
        byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer) {
            return "{\"not\": \"avro\"}".getBytes(StandardCharsets.UTF_8);
        }
    },
    TRUNCATED {
        @Override
        byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer) {
            byte[] whole = serializer.apply(good);
            return Arrays.copyOf(whole, whole.length / 2);
        }
    },
    OF_ANOTHER_RUN {
        @Override
        byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer) {
            good.setRunId("another");
            return serializer.apply(good);
        }
    },
    NEGATIVE_BATCH {
        @Override
        byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer) {
            good.setBatch(-1);
            return serializer.apply(good);
        }
    },
    NO_EXAMPLES {
        @Override
        byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer) {
            good.setExamples(Double.MIN_VALUE);
            return serializer.apply(good);
        }
    },
    NOT_A_NUMBER {
        @Override
        byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer) {
            good.setN(Double.NaN);
            return serializer.apply(good);
        }
    };

    /**
     * The value of a bad record.
     *
     * @param good statistics of the block whose key it has; may be changed
     * @param serializer as a producer's
     */
    abstract byte[] spoil(Statistics good, Function<Statistics, byte[]> serializer);
}
