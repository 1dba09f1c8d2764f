package io.calibrant.infra.telemetry;

import io.calibrant.fitter.labels.RecentLabels;
import io.calibrant.fitter.service.FitterFigures;
import io.calibrant.fitter.telemetry.FitterMeters;
import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.SequentialAlarm;
import io.calibrant.schemas.reading.GroupPlace;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.scorer.service.ScorerFigures;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.telemetry.ScorerMeters;
import io.calibrant.trainer.service.ProgressListener;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.telemetry.TrainerMeters;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/** The meters of the services, each with something to show, without a service. */
final class EveryMeter {
    static final Topics TOPICS = new Topics("calibrant.");
    static final String GROUP = "calibrant.calibrant-scorer-news";

    static {
        TrustedRecords.trust();
    }

    private EveryMeter() {}

    static FitterMeters fitter(MeterRegistry registry) {
        FitterMeters meters = new FitterMeters(registry, "default", TOPICS);
        meters.read();
        meters.folded("news", 40);
        meters.took(FitterListener.Stage.FOLD, 1_000_000);
        meters.deadLetter(TOPICS.statistics(), DeadLetterReason.INVALID);
        meters.show(figures("news"));
        return meters;
    }

    static FitterFigures figures(String... runs) {
        return new FitterFigures(
                true,
                Set.of(runs),
                List.of(runs).stream().map(run -> posterior(run, 3)).toList(),
                List.of(runs).stream().map(EveryMeter::total).toList(),
                List.of(runs).stream().map(EveryMeter::recent).toList(),
                Map.of(TOPICS.statistics(), new GroupPlace(7, 100, Duration.ofSeconds(2))));
    }

    static Posterior posterior(String run, long version) {
        return Posterior.newBuilder()
                .setRunId(run)
                .setCheckpoint("step-400")
                .setFit("default")
                .setVersion(version)
                .setState(PosteriorState.COMPLETE)
                .setBatches(50)
                .setBatchesExpected(50L)
                .setBlocks(List.of(new BlockPrecision("a", 0.5, 50L), new BlockPrecision("b", 2.0, 50L)))
                .setLogEvidence(-123)
                .setLogLikelihood(-100)
                .setEffectiveParameters(12)
                .setCapturedEnergy(0.93)
                .setLabels(45)
                .setTimestamp(Instant.now().minusSeconds(60))
                .build();
    }

    private static CalibrationMetrics total(String run) {
        return CalibrationMetrics.newBuilder()
                .setRunId(run)
                .setCheckpoint("step-400")
                .setFit("default")
                .setWindow("total")
                .setN(200)
                .setMap(of(200, 0.9))
                .setTemperature(of(150, 0.5))
                .setCalibrated(of(200, 0.6))
                .setMapBesideTemperature(of(150, 0.8))
                .setCalibratedBesideTemperature(of(150, 0.4))
                .setAnswersWithoutLabel(12)
                .setAccuracy(new EstimatedAccuracy(
                        212L,
                        200L,
                        new EstimatedShare(0.8, 0.75, 0.85),
                        true,
                        new EstimatedShare(0.71, 0.65, 0.77),
                        null,
                        212L,
                        9L))
                .setRecentQuestions(100)
                .setRecentUnfamiliar(5)
                .setFamiliarityAlarm(new SequentialAlarm(20_000.0, 10_000.0, 100L, Instant.now()))
                .setCalibrationAlarm(new SequentialAlarm(3.0, 1_000.0, 200L, null))
                .setTimestamp(Instant.now())
                .build();
    }

    private static RecentLabels recent(String run) {
        return new RecentLabels(run, "step-400", "default", of(200, 0.9), of(200, 0.6));
    }

    private static MethodMetrics of(long n, double nll) {
        return new MethodMetrics(n, 0.7, nll, 0.4, 0.21, 0.2, List.of());
    }

    static ScorerMeters scorer(MeterRegistry registry) {
        ScorerMeters meters = new ScorerMeters(registry, TOPICS, GROUP);
        meters.took(ScorerListener.Stage.PREDICT, 20_000_000);
        meters.polled(() -> 4);
        meters.committed(new ScorerListener.Committed(
                10,
                0,
                List.of(
                        new ScorerListener.Settled(
                                TOPICS.questions(), System.currentTimeMillis() - 50, answer("forward", 0.01), null),
                        new ScorerListener.Settled(
                                TOPICS.questions(), System.currentTimeMillis(), null, DeadLetterReason.INVALID))));
        meters.show(figures(true, posterior("news", 3)), Map.of(TOPICS.questions(), place(5)));
        return meters;
    }

    static ScorerFigures figures(boolean taking, Posterior served) {
        return new ScorerFigures(
                List.of(served), Map.of(served.getRunId(), 1), taking, Optional.of(Duration.ofMillis(1_500)));
    }

    static GroupPlace place(long behind) {
        return new GroupPlace(behind, 30, Duration.ZERO);
    }

    static Answer answer(String tier, double familiarityP) {
        Answer answer = new Answer();
        answer.setTier(tier);
        answer.setPurpose(Purpose.ANSWER);
        answer.setFamiliarityP(familiarityP);
        return answer;
    }

    static TrainerMeters trainer(MeterRegistry registry, ProgressListener listener) {
        TrainerMeters meters = new TrainerMeters(registry, "news", "0/1", listener);
        for (int step = 0; step < 3; step++) {
            meters.progressed(new ProgressListener.Event(
                    ProgressListener.Phase.FINE_TUNING,
                    step,
                    400,
                    step == 0 ? OptionalDouble.empty() : OptionalDouble.of(1.5),
                    Optional.of(Duration.ofMinutes(1))));
        }
        meters.watch(new Trainer(
                TrainerSettings.of("news", Path.of("model"), Path.of("questions")),
                Connection.to("127.0.0.1:1", "http://127.0.0.1:1"),
                event -> {}));
        return meters;
    }
}
