package io.calibrant.fitter.telemetry;

import static io.calibrant.schemas.DeadLetterReason.FAILED;
import static io.calibrant.schemas.DeadLetterReason.INVALID;
import static io.calibrant.schemas.DeadLetterReason.UNREADABLE;

import io.calibrant.fitter.service.FitterFigures;
import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Posterior;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Meters of a fitter. What it hears from the stream threads is counted at once, and counts attempts: what a transaction
 * that is not committed had counted stays counted. Gauges show what {@link #show} was given last.
 */
public final class FitterMeters implements FitterListener {
    /** From a fold of a small block to the calibration on thousands of labels. */
    private static final Duration[] BUCKETS = {
        Duration.ofMillis(1),
        Duration.ofMillis(3),
        Duration.ofMillis(10),
        Duration.ofMillis(30),
        Duration.ofMillis(100),
        Duration.ofMillis(300),
        Duration.ofSeconds(1),
        Duration.ofSeconds(3),
        Duration.ofSeconds(10),
        Duration.ofSeconds(30)
    };

    /** Runs with counters of their own; what further ones fold is counted under {@link #OTHERS}. */
    private static final int MOST_RUNS = 100;

    private static final String OTHERS = "(others)";

    private final MeterRegistry registry;
    private final String fit;
    private final Set<String> topics;
    private final Map<Stage, Timer> stages = new EnumMap<>(Stage.class);
    private final Map<String, RunCounters> runs = new ConcurrentHashMap<>();
    private final Counter reads;
    private final MultiGauge lag;
    private final MultiGauge heldUp;
    private final PosteriorGauges posteriors;
    private final CalibrationGauges calibration;

    private record RunCounters(Counter folds, Counter rows) {}

    /**
     * Registers what does not depend on runs.
     *
     * @param fit its name
     * @param topics dead letters of records from other topics are counted without their topic
     */
    public FitterMeters(MeterRegistry registry, String fit, Topics topics) {
        this.registry = registry;
        this.fit = fit;
        this.topics = topics.definitions().stream().map(TopicDefinition::name).collect(Collectors.toUnmodifiableSet());
        for (Stage stage : Stage.values()) {
            stages.put(
                    stage,
                    Timer.builder("calibrant.fitter.stage")
                            .description("Time of a stage: fold of a record, choice of a prior, calibration on labels")
                            .tag("stage", stage.label())
                            .serviceLevelObjectives(BUCKETS)
                            .register(registry));
        }
        // A counter that begins with its first dead letter would have no increase to alert on.
        for (String topic :
                List.of(topics.statistics(), topics.answers(), topics.labels(), topics.predictiveStatistics())) {
            for (DeadLetterReason reason : EnumSet.of(UNREADABLE, INVALID, FAILED)) {
                deadLetters(topic, reason);
            }
        }
        reads = Counter.builder("calibrant.fitter.read")
                .description("Records of statistics that were looked at, whether they were folded or not")
                .tag("fit", fit)
                .tag("topic", topics.statistics())
                .register(registry);
        lag = MultiGauge.builder("calibrant.fitter.lag")
                .baseUnit("records")
                .description("Offsets of a topic that the fit, all its processes together, has still to read")
                .register(registry);
        heldUp = MultiGauge.builder("calibrant.fitter.held.up")
                .baseUnit("seconds")
                .description("Time for which an open transaction has kept back all records of a partition behind it")
                .register(registry);
        posteriors = new PosteriorGauges(registry);
        calibration = new CalibrationGauges(registry);
    }

    @Override
    public void accept(Posterior posterior) {
        // Gauges read the stores, which know the posteriors from before the start, too.
    }

    @Override
    public void read() {
        reads.increment();
    }

    @Override
    public void folded(String run, int rows) {
        RunCounters counters = counters(run);
        counters.folds.increment();
        counters.rows.increment(rows);
    }

    private RunCounters counters(String run) {
        RunCounters known = runs.get(run);
        if (known != null) {
            return known;
        }
        String name = runs.size() < MOST_RUNS ? run : OTHERS;
        return runs.computeIfAbsent(
                name,
                key -> new RunCounters(
                        Counter.builder("calibrant.fitter.folds")
                                .description("Records of statistics that were folded")
                                .tag("fit", fit)
                                .tag("run", key)
                                .register(registry),
                        Counter.builder("calibrant.fitter.rows")
                                .description("Rows of large sides that were folded")
                                .tag("fit", fit)
                                .tag("run", key)
                                .register(registry)));
    }

    @Override
    public void took(Stage stage, long nanos) {
        stages.get(stage).record(Duration.ofNanos(nanos));
    }

    @Override
    public void deadLetter(String topic, DeadLetterReason reason) {
        deadLetters(topics.contains(topic) ? topic : OTHERS, reason).increment();
    }

    private Counter deadLetters(String topic, DeadLetterReason reason) {
        return Counter.builder("calibrant.fitter.dead.letters")
                .description("Records that were put into the dead-letter topic")
                .tag("topic", topic)
                .tag("reason", reason.label())
                .register(registry);
    }

    /** Shows these figures until the next ones. Series of runs that are no longer there end. */
    public synchronized void show(FitterFigures figures) {
        List<Row<?>> behind = new ArrayList<>();
        List<Row<?>> held = new ArrayList<>();
        figures.places().forEach((topic, place) -> {
            Tags tags = Tags.of("fit", fit, "topic", topic);
            behind.add(Row.of(tags, place.behind()));
            held.add(Row.of(tags, place.heldUp().toMillis() / 1e3));
        });
        lag.register(behind, true);
        heldUp.register(held, true);
        posteriors.show(figures.posteriors());
        calibration.show(figures.totals(), figures.recent());
        if (figures.running()) {
            runs.forEach((run, counters) -> {
                if (!run.equals(OTHERS) && !figures.runs().contains(run) && runs.remove(run, counters)) {
                    registry.remove(counters.folds);
                    registry.remove(counters.rows);
                }
            });
        }
    }
}
