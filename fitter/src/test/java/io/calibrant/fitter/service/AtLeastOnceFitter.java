package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.streams.StreamsConfig;

/**
 * The fitter as it must not be: updates go out at once, offsets and state are committed now and then. A process of its
 * own, the control of the fault tests: an oracle that is content with it is blind.
 */
public final class AtLeastOnceFitter {
    private static final Duration NOW_AND_THEN = Duration.ofSeconds(2);

    private AtLeastOnceFitter() {}

    /** Arguments: broker, registry, topic prefix, state directory. */
    public static void main(String... arguments) {
        Connection connection = new Connection(arguments[0], arguments[1], arguments[2], Map.of());
        FitterSettings standard = FitterSettings.defaults();
        FitterSettings settings = standard.with(standard.streaming()
                .withStateDir(Path.of(arguments[3]))
                .withThreads(1)
                .withCommitInterval(NOW_AND_THEN));
        try (Fitter fitter =
                new Fitter(connection, settings, posterior -> {}, AtLeastOnceFitter::withoutTransactions)) {
            fitter.start();
            fitter.await();
        }
    }

    private static Properties withoutTransactions(Properties configs) {
        configs.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        // It reads what it should, and only what it writes is wrong.
        configs.put(StreamsConfig.consumerPrefix(ConsumerConfig.ISOLATION_LEVEL_CONFIG), "read_committed");
        return configs;
    }
}
