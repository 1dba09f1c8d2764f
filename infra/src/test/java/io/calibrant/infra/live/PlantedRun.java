package io.calibrant.infra.live;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Real records of a run with known figures, as trainer and fitter would send them. */
public final class PlantedRun {
    public static final List<String> BLOCKS = blocks();

    private final Connection connection;
    private final String run;

    public PlantedRun(Connection connection, String run) {
        this.connection = connection;
        this.run = run;
    }

    private static List<String> blocks() {
        List<String> blocks = new ArrayList<>();
        for (int layer = 0; layer < 3; layer++) {
            for (String module : List.of("q_proj", "v_proj")) {
                for (String matrix : List.of("lora_A", "lora_B")) {
                    blocks.add("model.layers." + layer + ".self_attn." + module + "." + matrix);
                }
            }
        }
        blocks.add("lm_head.lora_B");
        return blocks;
    }

    public void description() {
        send(
                connection.topics().runs(),
                run,
                Run.class,
                Run.newBuilder()
                        .setRunId(run)
                        .setModelId("tiny-llama")
                        .setTrainingQuestions(40)
                        .build());
    }

    public void step(long step, double loss) {
        send(
                connection.topics().progress(),
                run,
                Progress.class,
                Progress.newBuilder()
                        .setRunId(run)
                        .setPhase(Phase.FINE_TUNING)
                        .setStep(step)
                        .setSteps(100)
                        .setLoss(loss)
                        .setLearningRate(5e-5)
                        .setTimestamp(Instant.ofEpochMilli(1_000_000 + 1000 * step))
                        .build());
    }

    public void curvature(long batch) {
        send(
                connection.topics().progress(),
                run,
                Progress.class,
                Progress.newBuilder()
                        .setRunId(run)
                        .setPhase(Phase.CURVATURE)
                        .setCheckpoint("final")
                        .setStep(batch)
                        .setSteps(10)
                        .setTimestamp(Instant.ofEpochMilli(2_000_000 + 1000 * batch))
                        .build());
    }

    /** One update of every block. */
    public void fold(long batches) {
        for (int i = 0; i < BLOCKS.size(); i++) {
            String block = BLOCKS.get(i);
            send(
                    connection.topics().factorUpdates(),
                    Keys.blockFit(run, "final", block, "default"),
                    FactorUpdate.class,
                    FactorUpdate.newBuilder()
                            .setRunId(run)
                            .setCheckpoint("final")
                            .setBlock(block)
                            .setFit("default")
                            .setBatches(batches)
                            .setBatchesExpected(10L)
                            .setDimension(64)
                            .setSpectrum(List.of(8.0 * batches, 4.0 * batches, 1.0 * batches))
                            .setSmallSpectrum(List.of(2.0, 1.0))
                            .setTrace(20.0 * batches)
                            .setCapturedEnergy(energy(i))
                            .setDelta(0.25 * batches)
                            .setN(100.0 * batches)
                            .setExamples(4.0 * batches)
                            .setLogLikelihood(-3)
                            .setSquaredNorm(1)
                            .setParameters(128)
                            .setTimestamp(Instant.ofEpochMilli(2_000_000 + 1000 * batches))
                            .build());
        }
    }

    /** What {@link #fold} says is the energy of a block. */
    public static double energy(int block) {
        return 0.5 + block / 32.0;
    }

    public void posterior(long batches, double lambda, double logEvidence) {
        send(
                connection.topics().posteriors(),
                Keys.fit(run, "final", "default"),
                Posterior.class,
                Posterior.newBuilder()
                        .setRunId(run)
                        .setCheckpoint("final")
                        .setFit("default")
                        .setVersion(batches)
                        .setBatches(batches)
                        .setBatchesExpected(10L)
                        .setBlocks(BLOCKS.stream()
                                .map(block -> new BlockPrecision(block, lambda, batches))
                                .toList())
                        .setLogEvidence(logEvidence)
                        .setLogLikelihood(-30)
                        .setEffectiveParameters(12.5)
                        .setParameters(1664)
                        .setCapturedEnergy(0.65)
                        .build());
    }

    public <V extends SpecificRecord> void send(String topic, String key, Class<V> type, V value) {
        try (KafkaProducer<String, V> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), connection.serializer(type))) {
            producer.send(new ProducerRecord<>(topic, key, value)).get();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
