package io.calibrant.trainer.telemetry;

import io.calibrant.trainer.service.ProgressListener;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.statistics.ProducerListener;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.clients.producer.Producer;

/** Meters of the trainer of one run. Hears what its own listener hears, and passes it on. */
public final class TrainerMeters implements ProgressListener, ProducerListener {
    /** From a step of a tiny model to one of a large model on a processor. */
    private static final Duration[] BUCKETS = {
        Duration.ofMillis(10),
        Duration.ofMillis(30),
        Duration.ofMillis(100),
        Duration.ofMillis(300),
        Duration.ofSeconds(1),
        Duration.ofSeconds(3),
        Duration.ofSeconds(10),
        Duration.ofSeconds(30),
        Duration.ofMinutes(2),
        Duration.ofMinutes(10)
    };

    private final MeterRegistry registry;
    private final ProgressListener listener;
    private final Tags run;
    private final Tags shard;
    private final Map<Phase, Timer> stages = new EnumMap<>(Phase.class);
    private final MultiGauge phase;
    private final MultiGauge done;
    private final MultiGauge expected;
    private final MultiGauge loss;
    private Event last;
    private long lastNanos;
    private KafkaClientMetrics client;

    /**
     * Registers everything that needs no trainer.
     *
     * @param shard which of the run's trainers it is, i/N
     * @param listener hears what this hears
     */
    public TrainerMeters(MeterRegistry registry, String run, String shard, ProgressListener listener) {
        this.registry = registry;
        this.listener = listener;
        this.run = Tags.of("run", run);
        this.shard = this.run.and("shard", shard);
        stages.put(Phase.FINE_TUNING, stage("step"));
        stages.put(Phase.CURVATURE, stage("batch"));
        phase = MultiGauge.builder("calibrant.trainer.phase")
                .description("1 of the phase that the trainer is in")
                .register(registry);
        done = MultiGauge.builder("calibrant.trainer.phase.done")
                .description("Steps or batches of the phase that are done")
                .register(registry);
        expected = MultiGauge.builder("calibrant.trainer.phase.expected")
                .description("Steps or batches of the whole phase")
                .register(registry);
        loss = MultiGauge.builder("calibrant.trainer.loss")
                .baseUnit("nats")
                .description("Mean training loss of the last step")
                .register(registry);
    }

    private Timer stage(String name) {
        return Timer.builder("calibrant.trainer.stage")
                .description("Time from one step, or batch of the curvature pass, to the next")
                .tag("stage", name)
                .serviceLevelObjectives(BUCKETS)
                .register(registry);
    }

    /** Shows what of a trainer can be looked at. */
    public void watch(Trainer trainer) {
        Gauge.builder(
                        "calibrant.trainer.unsent.batches",
                        trainer,
                        each -> each.unsent().batches())
                .description("Batches that wait to be sent")
                .strongReference(true)
                .register(registry);
        Gauge.builder("calibrant.trainer.unsent", trainer, each -> each.unsent().bytes())
                .baseUnit("bytes")
                .description("Bytes that wait to be sent")
                .strongReference(true)
                .register(registry);
        Gauge.builder(
                        "calibrant.trainer.progress.age",
                        trainer,
                        each -> each.pause().toMillis() / 1e3)
                .baseUnit("seconds")
                .description("Time since the last step, batch or change of phase")
                .strongReference(true)
                .register(registry);
    }

    @Override
    public void progressed(Event event) {
        long now = System.nanoTime();
        if (last != null && last.phase() == event.phase() && event.done() == last.done() + 1) {
            Timer timer = stages.get(event.phase());
            if (timer != null) {
                timer.record(Duration.ofNanos(now - lastNanos));
            }
        }
        last = event;
        lastNanos = now;
        phase.register(
                List.of(Row.of(
                        shard.and(
                                "phase",
                                event.phase().name().toLowerCase(Locale.ROOT).replace("_", "-")),
                        1)),
                true);
        done.register(List.of(Row.of(shard, event.done())), true);
        expected.register(List.of(Row.of(shard, event.total())), true);
        event.loss().ifPresent(value -> loss.register(List.of(Row.of(run, value)), true));
        listener.progressed(event);
    }

    @Override
    public void warned(String line) {
        listener.warned(line);
    }

    @Override
    public synchronized void opened(Producer<?, ?> producer) {
        if (client != null) {
            client.close();
        }
        client = producer == null ? null : new KafkaClientMetrics(producer);
        if (client != null) {
            client.bindTo(registry);
        }
    }
}
