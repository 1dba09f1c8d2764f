package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.SecuredBroker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** A scorer that takes one question at a time, as a process of its own. */
final class ScorerProcess {
    private static final int POINTS = 256;

    private ScorerProcess() {}

    /**
     * Arguments: broker, registry, topic prefix, session timeout in milliseconds, run, model directory, and a file of
     * settings where there are any.
     */
    public static void main(String... arguments) throws IOException {
        try (Scorer scorer = new Scorer(connection(arguments), settings(arguments), ScorerListener.SILENT)) {
            ChildJvm.serve(scorer, scorer::run);
        }
    }

    static Connection connection(String... arguments) throws IOException {
        Map<String, String> client = new HashMap<>();
        if (arguments.length > 6) {
            client.putAll(SecuredBroker.read(Path.of(arguments[6])));
        }
        client.put("session.timeout.ms", arguments[3]);
        return new Connection(arguments[0], arguments[1], arguments[2], client);
    }

    static ScorerSettings settings(String... arguments) {
        ScorerSettings standard = ScorerSettings.of(arguments[4], Path.of(arguments[5]));
        return standard.with(standard.answering().withPoints(POINTS))
                .with(standard.poll().withBatchSize(1));
    }
}
