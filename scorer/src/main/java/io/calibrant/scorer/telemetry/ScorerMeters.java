package io.calibrant.scorer.telemetry;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.GroupPlace;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.service.ScorerFigures;
import io.calibrant.scorer.service.ScorerListener;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;

/** Meters of a scorer. Answers are counted once they are committed. */
public final class ScorerMeters implements ScorerListener {
    /** Of a stage of a poll. */
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

    /** From a question to its answer, time on the topic included. */
    private static final Duration[] WAITS = {
        Duration.ofMillis(10),
        Duration.ofMillis(30),
        Duration.ofMillis(100),
        Duration.ofMillis(300),
        Duration.ofSeconds(1),
        Duration.ofSeconds(3),
        Duration.ofSeconds(10),
        Duration.ofSeconds(30),
        Duration.ofMinutes(2),
        Duration.ofMinutes(10),
        Duration.ofHours(1)
    };

    /** Of questions that were rejected: they have no answer that names its tier. */
    private static final String NONE = "none";

    private final MeterRegistry registry;
    private final Map<Stage, Timer> stages = new EnumMap<>(Stage.class);
    private final String group;
    private final Map<String, Counter> answered = new HashMap<>();
    private final Counter rejected;
    private final Counter unfamiliar;
    private final Timer waits;
    private final MultiGauge lag;
    private final MultiGauge taken;
    private final MultiGauge heldUp;
    private final MultiGauge waiting;
    private final MultiGauge polls;
    private final MultiGauge newer;
    private final MultiGauge versions;
    private final MultiGauge ages;

    /** Of each thread that takes questions: how many wait on its partitions, and its clients. */
    private final Map<Thread, Long> waitingByThread = new ConcurrentHashMap<>();

    private final Map<Thread, KafkaClientMetrics> consumers = new ConcurrentHashMap<>();
    private final Map<Thread, KafkaClientMetrics> producers = new ConcurrentHashMap<>();

    /**
     * Registers what does not depend on what is served.
     *
     * @param group of the scorer
     */
    public ScorerMeters(MeterRegistry registry, Topics topics, String group) {
        this.registry = registry;
        this.group = group;
        for (Stage stage : Stage.values()) {
            stages.put(
                    stage,
                    Timer.builder("calibrant.scorer.stage")
                            .description("Time of a stage of a poll: questions are read, predicted, delivered")
                            .tag("stage", stage.label())
                            .serviceLevelObjectives(BUCKETS)
                            .register(registry));
        }
        for (Tier tier : Tier.values()) {
            answered.put(tier.label(), questions("answered", tier.label()));
        }
        rejected = questions("rejected", NONE);
        // A counter that begins with its first dead letter would have no increase to alert on.
        for (DeadLetterReason reason : DeadLetterReason.values()) {
            deadLetters(topics.questions(), reason);
        }
        for (String topic : List.of(topics.runs(), topics.adapters(), topics.factors(), topics.posteriors())) {
            deadLetters(topic, DeadLetterReason.INVALID);
        }
        unfamiliar = Counter.builder("calibrant.scorer.unfamiliar.answers")
                .description("Answers to questions that are unlike the training questions, p of at most .05")
                .register(registry);
        waits = Timer.builder("calibrant.scorer.answer")
                .description(
                        "Time from the timestamp of a question to its committed answer, without those for validation")
                .serviceLevelObjectives(WAITS)
                .register(registry);
        lag = MultiGauge.builder("calibrant.scorer.lag")
                .baseUnit("records")
                .description("Offsets of the questions that the group, all its scorers together, has not committed")
                .register(registry);
        taken = MultiGauge.builder("calibrant.scorer.taken")
                .baseUnit("records")
                .description("Offsets of the questions that the group, all its scorers together, has committed")
                .register(registry);
        heldUp = MultiGauge.builder("calibrant.scorer.held.up")
                .baseUnit("seconds")
                .description("Time for which an open transaction has kept back all questions of a partition behind it")
                .register(registry);
        polls = MultiGauge.builder("calibrant.scorer.poll.age")
                .baseUnit("seconds")
                .description("Time since a thread has begun with its questions, of the thread that is slowest")
                .register(registry);
        newer = MultiGauge.builder("calibrant.scorer.newer.posteriors")
                .description(
                        "Complete posteriors that would answer in place of the one that does, and cannot be served")
                .register(registry);
        waiting = MultiGauge.builder("calibrant.scorer.questions.waiting")
                .description("Questions on the partitions of this scorer that it has not taken yet")
                .register(registry);
        versions = MultiGauge.builder("calibrant.scorer.posterior.version")
                .description("Version of the posterior that answers")
                .register(registry);
        ages = MultiGauge.builder("calibrant.scorer.posterior.age")
                .baseUnit("seconds")
                .description("Time since the last statistic of the posterior that answers")
                .register(registry);
    }

    private Counter questions(String outcome, String tier) {
        return Counter.builder("calibrant.scorer.answers")
                .description("Questions that were answered, or rejected")
                .tag("outcome", outcome)
                .tag("tier", tier)
                .register(registry);
    }

    @Override
    public void opened(Consumer<?, ?> questions) {
        bind(consumers, new KafkaClientMetrics(questions));
    }

    @Override
    public void opened(Producer<?, ?> answers) {
        bind(producers, new KafkaClientMetrics(answers));
    }

    private void bind(Map<Thread, KafkaClientMetrics> clients, KafkaClientMetrics client) {
        unbind(clients.put(Thread.currentThread(), client)); // first: both may have the same name
        client.bindTo(registry);
    }

    private static void unbind(KafkaClientMetrics client) {
        if (client != null) {
            client.close();
        }
    }

    @Override
    public void closing() {
        waitingByThread.remove(Thread.currentThread());
        unbind(consumers.remove(Thread.currentThread()));
        unbind(producers.remove(Thread.currentThread()));
    }

    @Override
    public void polled(LongSupplier waiting) {
        waitingByThread.put(Thread.currentThread(), waiting.getAsLong());
    }

    @Override
    public void took(Stage stage, long nanos) {
        stages.get(stage).record(Duration.ofNanos(nanos));
    }

    @Override
    public void committed(Committed poll) {
        long now = System.currentTimeMillis();
        for (Settled question : poll.questions()) {
            Answer answer = question.answer();
            if (answer == null) {
                rejected.increment();
                deadLetter(question.topic(), question.reason());
            } else {
                answered.get(answer.getTier()).increment();
                if (answer.getPurpose() == Purpose.ANSWER) { // the others wait for a posterior by design
                    waits.record(Duration.ofMillis(Math.max(0, now - question.timestamp())));
                    countUnfamiliar(answer.getFamiliarityP());
                }
            }
        }
    }

    private void countUnfamiliar(Double p) {
        if (p != null && ScoreCalibration.isUnfamiliar(p)) {
            unfamiliar.increment();
        }
    }

    @Override
    public void deadLetter(String topic, DeadLetterReason reason) {
        deadLetters(topic, reason).increment();
    }

    private Counter deadLetters(String topic, DeadLetterReason reason) {
        return Counter.builder("calibrant.scorer.dead.letters")
                .description("Records that were put into the dead-letter topic")
                .tag("topic", topic)
                .tag("reason", reason.label())
                .register(registry);
    }

    /**
     * Shows these until the next ones. What is no longer served has no series.
     *
     * @param places where the group is, by topic; empty where the broker does not answer
     */
    public synchronized void show(ScorerFigures figures, Map<String, GroupPlace> places) {
        List<Row<?>> version = new ArrayList<>();
        List<Row<?>> age = new ArrayList<>();
        long now = System.currentTimeMillis();
        for (Posterior each : figures.served()) {
            Tags tags = Tags.of("run", each.getRunId(), "checkpoint", each.getCheckpoint(), "fit", each.getFit());
            version.add(Row.of(tags, each.getVersion()));
            age.add(Row.of(tags, (now - each.getTimestamp().toEpochMilli()) / 1e3));
        }
        versions.register(version, true);
        ages.register(age, true);
        waiting.register(
                figures.taking() && !waitingByThread.isEmpty()
                        ? List.of(Row.of(
                                Tags.empty(),
                                waitingByThread.values().stream()
                                        .mapToLong(Long::longValue)
                                        .sum()))
                        : List.of(),
                true);
        polls.register(
                figures.poll().stream()
                        .<Row<?>>map(longest -> Row.of(Tags.empty(), longest.toMillis() / 1e3))
                        .toList(),
                true);
        List<Row<?>> unserved = new ArrayList<>();
        figures.newer().forEach((run, posteriors) -> unserved.add(Row.of(Tags.of("run", run), posteriors)));
        newer.register(unserved, true);
        List<Row<?>> behind = new ArrayList<>();
        List<Row<?>> before = new ArrayList<>();
        List<Row<?>> held = new ArrayList<>();
        places.forEach((topic, place) -> {
            Tags tags = Tags.of("group", group, "topic", topic);
            behind.add(Row.of(tags, place.behind()));
            before.add(Row.of(tags, place.taken()));
            held.add(Row.of(tags, place.heldUp().toMillis() / 1e3));
        });
        lag.register(behind, true);
        taken.register(before, true);
        heldUp.register(held, true);
    }
}
