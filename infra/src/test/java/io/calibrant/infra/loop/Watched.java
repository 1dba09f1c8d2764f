package io.calibrant.infra.loop;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.telemetry.FitterMeters;
import io.calibrant.infra.telemetry.Exposition;
import io.calibrant.infra.telemetry.Telemetry;
import io.calibrant.infra.telemetry.TelemetrySettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.reading.GroupLag;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.scorer.telemetry.ScorerMeters;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.telemetry.TrainerMeters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Services with their meters and their health, as the commands put them together, asked over HTTP. */
final class Watched {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private Watched() {}

    private static Telemetry open(String service) {
        return Telemetry.start(new TelemetrySettings("127.0.0.1", 0, List.of()), service, "1", line -> {
            throw new AssertionError(line);
        });
    }

    private static HttpResponse<String> get(Telemetry telemetry, String path) {
        try {
            return HTTP.send(
                    HttpRequest.newBuilder(telemetry.address().resolve(URI.create(path)))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static Exposition metrics(Telemetry telemetry) {
        return Exposition.read(get(telemetry, "/metrics").body());
    }

    private static String health(Telemetry telemetry) {
        HttpResponse<String> answer = get(telemetry, "/health/ready");
        return answer.statusCode() + " " + answer.body().strip();
    }

    /** A fitter and its meters. */
    record WatchedFitter(Fitter service, Telemetry telemetry) implements AutoCloseable {
        static WatchedFitter of(Connection connection, FitterSettings settings) {
            Telemetry telemetry = open(Telemetry.FITTER);
            FitterMeters meters = new FitterMeters(telemetry.registry(), settings.fit(), connection.topics());
            Fitter fitter = new Fitter(connection, settings, meters);
            fitter.bindTo(telemetry.registry());
            telemetry.serve(fitter::obstacle, () -> meters.show(fitter.figures(PATIENCE)));
            return new WatchedFitter(fitter, telemetry);
        }

        Exposition scrape() {
            return metrics(telemetry);
        }

        String ready() {
            return health(telemetry);
        }

        @Override
        public void close() {
            service.close();
            telemetry.close();
        }
    }

    /** A scorer and its meters. */
    record WatchedScorer(Scorer service, GroupLag lag, Telemetry telemetry) implements AutoCloseable {
        static WatchedScorer of(Connection connection, ScorerSettings settings) {
            String group = settings.group(connection);
            Telemetry telemetry = open(Telemetry.SCORER);
            ScorerMeters meters = new ScorerMeters(telemetry.registry(), connection.topics(), group);
            GroupLag lag =
                    new GroupLag(connection, group, List.of(connection.topics().questions()));
            Scorer scorer = new Scorer(connection, settings, meters);
            telemetry.serve(scorer::obstacle, () -> meters.show(scorer.figures(), lag.byTopic(PATIENCE)));
            return new WatchedScorer(scorer, lag, telemetry);
        }

        Exposition scrape() {
            return metrics(telemetry);
        }

        String ready() {
            return health(telemetry);
        }

        /** After its run has returned. */
        @Override
        public void close() {
            lag.close();
            telemetry.close();
        }
    }

    /**
     * What a trainer has shown.
     *
     * @param last at its end
     * @param ready by phase, when it began
     */
    record Trained(Exposition last, Map<Phase, String> ready) {}

    /** Runs a trainer to its end. */
    static Trained train(TrainerSettings settings, Connection connection) {
        Map<Phase, String> ready = new EnumMap<>(Phase.class);
        try (Telemetry telemetry = open(Telemetry.TRAINER)) {
            TrainerMeters meters = new TrainerMeters(
                    telemetry.registry(),
                    settings.run(),
                    settings.curvature().shard().toString(),
                    event -> ready.computeIfAbsent(event.phase(), phase -> health(telemetry)));
            try (Trainer trainer = new Trainer(settings, connection, meters)) {
                trainer.producersTo(meters);
                meters.watch(trainer);
                telemetry.serve(trainer::obstacle, () -> {});
                trainer.run();
                return new Trained(metrics(telemetry), ready);
            }
        }
    }
}
