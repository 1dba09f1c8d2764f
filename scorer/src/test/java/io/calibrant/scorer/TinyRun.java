package io.calibrant.scorer;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What trainer and fitter would have published of a run on {@link TinyModel}: q_proj of layer 0 and v_proj of layer 1.
 */
public final class TinyRun {
    public static final String RUN = "tiny";
    public static final String CHECKPOINT = "step-3";
    private static final int RANK = 2;
    private static final long BATCHES = 7;

    private final Connection connection;
    private final String runId;
    private final String checkpoint;
    private final String fit;
    private final boolean headAdapted;
    private final Map<String, Block> blocks = new LinkedHashMap<>();
    private final List<ClassToken> classTokens = new ArrayList<>();

    /** The run {@value #RUN} at {@value #CHECKPOINT} with the default fit. */
    public TinyRun(Connection connection, boolean headAdapted, List<String> labels) {
        this(connection, RUN, CHECKPOINT, "default", headAdapted, labels);
    }

    /**
     * A run at one checkpoint with one fit.
     *
     * @param headAdapted whether lm_head is adapted too
     * @param labels of the run
     */
    public TinyRun(
            Connection connection,
            String runId,
            String checkpoint,
            String fit,
            boolean headAdapted,
            List<String> labels) {
        this.connection = connection;
        this.runId = runId;
        this.checkpoint = checkpoint;
        this.fit = fit;
        this.headAdapted = headAdapted;
        labels.forEach(label -> classTokens.add(new ClassToken(label, TinyModel.token(label))));
        adapt("model.layers.0.self_attn.q_proj", TinyModel.WIDTH);
        adapt("model.layers.1.self_attn.v_proj", TinyModel.KEY_VALUE_WIDTH);
        if (headAdapted) {
            adapt("lm_head", labels.size());
        }
    }

    /** Everything, with one complete posterior. */
    public void publish() {
        publishRun("");
        publishAdapter();
        publishFactors();
        publishPosterior(1, PosteriorState.COMPLETE, 2);
    }

    private void adapt(String path, int outputs) {
        blocks.put(path + ".lora_A", new Block(path + ".lora_A", RANK, TinyModel.WIDTH, Side.INPUT));
        blocks.put(path + ".lora_B", new Block(path + ".lora_B", outputs, RANK, Side.GRADIENT));
    }

    public void publishRun(String digest) {
        send(connection.topics().runs(), runId, run(digest), Run.class);
    }

    public Run run(String digest) {
        List<String> targets =
                new ArrayList<>(List.of("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj"));
        if (headAdapted) {
            targets.add("lm_head");
        }
        return Run.newBuilder()
                .setRunId(runId)
                .setModelDigest(digest)
                .setLoraRank(RANK)
                .setLoraAlpha(4)
                .setLoraTargets(targets)
                .setBlocks(List.copyOf(blocks.values()))
                .setClassTokens(classTokens)
                .build();
    }

    public void publishAdapter() {
        adapter()
                .forEach((name, record) -> send(
                        connection.topics().adapters(),
                        Keys.block(runId, checkpoint, name),
                        record,
                        AdapterBlock.class));
    }

    /** Weights by block name; other ones at another checkpoint. */
    public Map<String, AdapterBlock> adapter() {
        Random random = new Random(checkpoint.hashCode());
        Map<String, AdapterBlock> adapter = new LinkedHashMap<>();
        for (Block block : blocks.values()) {
            adapter.put(
                    block.getName(),
                    AdapterBlock.newBuilder()
                            .setRunId(runId)
                            .setCheckpoint(checkpoint)
                            .setBlock(block.getName())
                            .setWeight(Tensors.of(
                                    TinyModel.gaussian(random, block.getOutputs() * block.getInputs()),
                                    block.getOutputs(),
                                    block.getInputs()))
                            .build());
        }
        return adapter;
    }

    public void publishFactors() {
        publishFactors(BATCHES);
    }

    /** Factors that claim to hold so many batches. */
    public void publishFactors(long batches) {
        factors()
                .forEach((name, factor) -> send(
                        connection.topics().factors(),
                        Keys.blockFit(runId, checkpoint, name, fit),
                        Factor.newBuilder(factor).setBatches(batches).build(),
                        Factor.class));
    }

    /** Random factors by block name: the large side in full, a sum of outer products. */
    public Map<String, Factor> factors() {
        Random random = new Random(6);
        Map<String, Factor> factors = new LinkedHashMap<>();
        for (Block block : blocks.values()) {
            boolean input = block.getLargeSide() == Side.INPUT;
            int large = input ? block.getInputs() : block.getOutputs();
            double[] sum = sum(random, large);
            double trace = 0;
            for (int i = 0; i < large; i++) {
                trace += sum[i * large + i];
            }
            factors.put(
                    block.getName(),
                    Factor.newBuilder()
                            .setRunId(runId)
                            .setCheckpoint(checkpoint)
                            .setBlock(block.getName())
                            .setFit(fit)
                            .setForm(FactorForm.FULL)
                            .setLarge(Tensors.of(sum, large, large))
                            .setSmall(Tensors.of(sum(random, RANK), RANK, RANK))
                            .setN(40)
                            .setExamples(28)
                            .setTrace(trace)
                            .setLogLikelihood(-20)
                            .setSquaredNorm(1)
                            .setBatches(BATCHES)
                            .setBatchesExpected(BATCHES)
                            .build());
        }
        return factors;
    }

    public void publishPosterior(long version, PosteriorState state, double lambda) {
        publish(posterior(version, state, lambda).build());
    }

    public void publish(Posterior posterior) {
        send(connection.topics().posteriors(), Keys.fit(runId, checkpoint, fit), posterior, Posterior.class);
    }

    /** The tombstone that removes the fit. */
    public void removePosterior() {
        send(connection.topics().posteriors(), Keys.fit(runId, checkpoint, fit), null, Posterior.class);
    }

    public Posterior.Builder posterior(long version, PosteriorState state, double lambda) {
        return Posterior.newBuilder()
                .setRunId(runId)
                .setCheckpoint(checkpoint)
                .setFit(fit)
                .setVersion(version)
                .setState(state)
                .setBatches(state == PosteriorState.COMPLETE ? BATCHES : BATCHES - 1)
                .setBatchesExpected(BATCHES)
                .setBlocks(blocks.keySet().stream()
                        .map(block -> new BlockPrecision(block, lambda, BATCHES))
                        .toList())
                .setLogEvidence(-30)
                .setLogLikelihood(-20)
                .setEffectiveParameters(3)
                .setCapturedEnergy(1)
                .setTimestamp(Instant.ofEpochMilli(version));
    }

    private static double[] sum(Random random, int d) {
        double[] sum = new double[d * d];
        for (int row = 0; row < 2 * d; row++) {
            float[] r = TinyModel.gaussian(random, d);
            for (int i = 0; i < d; i++) {
                for (int j = 0; j < d; j++) {
                    sum[i * d + j] += (double) r[i] * r[j];
                }
            }
        }
        return sum;
    }

    private <T extends SpecificRecord> void send(String topic, String key, T value, Class<T> type) {
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(
                            topic, key, connection.serializer(type).serialize(topic, value)))
                    .get();
        } catch (InterruptedException | java.util.concurrent.ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }
}
