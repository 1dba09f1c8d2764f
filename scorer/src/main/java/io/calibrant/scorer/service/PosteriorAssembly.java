package io.calibrant.scorer.service;

import io.calibrant.fitter.posterior.BlockPosterior;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Puts posterior, factors and adapter of one run and fit together, in whatever order they arrive. Records of other runs and
 * fits are dropped by their key alone. Not thread-safe.
 */
final class PosteriorAssembly {
    private final Topics topics;
    private final String runId;
    private final String fit;
    private final Deserializer<Run> runs;
    private final Deserializer<AdapterBlock> adapters;
    private final Deserializer<Factor> factors;
    private final Deserializer<Posterior> posteriors;

    private Run run;
    private final Map<String, Posterior> posteriorOf = new HashMap<>();
    private final Map<String, AdapterBlock> adapterOf = new HashMap<>();
    private final Map<String, Factor> factorOf = new HashMap<>();

    PosteriorAssembly(Connection connection, String runId, String fit) {
        this.topics = connection.topics();
        this.runId = runId;
        this.fit = fit;
        this.runs = connection.deserializer(Run.class);
        this.adapters = connection.deserializer(AdapterBlock.class);
        this.factors = connection.deserializer(Factor.class);
        this.posteriors = connection.deserializer(Posterior.class);
    }

    /** The topics it is made of. */
    List<String> sources() {
        return List.of(topics.runs(), topics.adapters(), topics.factors(), topics.posteriors());
    }

    /**
     * Takes one record.
     *
     * @param value null for a tombstone
     * @return whether it was of this run and fit
     */
    boolean accept(String topic, String key, byte[] value) {
        if (key == null || !Keys.runOf(key).equals(runId)) {
            return false;
        }
        if (topic.equals(topics.runs())) {
            run = value == null ? null : runs.deserialize(topic, value);
        } else if (topic.equals(topics.adapters())) {
            put(adapterOf, key, value == null ? null : adapters.deserialize(topic, value));
        } else if (key.endsWith('/' + fit) && topic.equals(topics.factors())) {
            put(factorOf, key, value == null ? null : factors.deserialize(topic, value));
        } else if (key.endsWith('/' + fit) && topic.equals(topics.posteriors())) {
            put(posteriorOf, key, value == null ? null : posteriors.deserialize(topic, value));
        } else {
            return false;
        }
        return true;
    }

    /** The newest complete posterior whose adapter and factors are all here. */
    Optional<Snapshot> newest() {
        return servable().map(this::snapshot);
    }

    /** Which one {@link #newest} would be, without decomposing anything: checkpoint and version. */
    Optional<String> newestId() {
        return servable().map(PosteriorAssembly::id);
    }

    private Optional<Posterior> servable() {
        return run == null
                ? Optional.empty()
                : posteriorOf.values().stream()
                        .filter(posterior -> missing(posterior) == null)
                        .max(AGE);
    }

    /** Why there is no {@link #newest}. */
    String waitingFor() {
        if (run == null) {
            return "run '" + runId + "' is not on the topics yet";
        }
        return posteriorOf.values().stream()
                .max(AGE)
                .map(this::missing)
                .orElse("run '" + runId + "' has no posterior of fit '" + fit + "' yet");
    }

    static String id(Posterior posterior) {
        return posterior.getCheckpoint() + " version " + posterior.getVersion();
    }

    private static final Comparator<Posterior> AGE = Comparator.<Posterior>comparingLong(
                    posterior -> posterior.getTimestamp().toEpochMilli())
            .thenComparing(posterior -> step(posterior.getCheckpoint()))
            .thenComparing(Posterior::getCheckpoint)
            .thenComparing(Posterior::getVersion);

    private static long step(String checkpoint) {
        String digits = checkpoint.replaceAll("^.*?(\\d{1,18})$", "$1");
        return digits.matches("\\d+") ? Long.parseLong(digits) : -1;
    }

    /** What a posterior lacks to be served; null for nothing. */
    private String missing(Posterior posterior) {
        if (posterior.getState() != PosteriorState.COMPLETE) {
            return "the curvature pass of checkpoint " + posterior.getCheckpoint() + " is not complete: "
                    + posterior.getBatches() + " of "
                    + (posterior.getBatchesExpected() == null ? "?" : posterior.getBatchesExpected()) + " batches";
        }
        Set<String> covered = new HashSet<>();
        for (BlockPrecision precision : posterior.getBlocks()) {
            covered.add(precision.getBlock());
        }
        for (Block block : run.getBlocks()) {
            String name = block.getName();
            if (!covered.contains(name)) {
                return "posterior " + id(posterior) + " lacks block " + name;
            }
            if (!adapterOf.containsKey(Keys.block(runId, posterior.getCheckpoint(), name))) {
                return "the adapter of checkpoint " + posterior.getCheckpoint() + " lacks block " + name;
            }
        }
        for (BlockPrecision precision : posterior.getBlocks()) {
            Factor factor = factorOf.get(factorKey(posterior, precision.getBlock()));
            if (factor == null || factor.getBatches() != precision.getBatches()) {
                return "the factors of block " + precision.getBlock() + " at " + precision.getBatches()
                        + " batches, on which posterior " + id(posterior) + " stands, are not here yet";
            }
        }
        return null;
    }

    private Snapshot snapshot(Posterior posterior) {
        Map<String, AdapterBlock> adapter = new HashMap<>();
        List<BlockPosterior> blocks = new ArrayList<>();
        for (Block block : run.getBlocks()) {
            String name = block.getName();
            adapter.put(name, adapterOf.get(Keys.block(runId, posterior.getCheckpoint(), name)));
            blocks.add(FactorRecords.posterior(factorOf.get(factorKey(posterior, name)), posterior));
        }
        return new Snapshot(run, posterior, adapter, blocks);
    }

    private String factorKey(Posterior posterior, String block) {
        return Keys.blockFit(runId, posterior.getCheckpoint(), block, fit);
    }

    private static <V> void put(Map<String, V> map, String key, V value) {
        if (value == null) {
            map.remove(key);
        } else {
            map.put(key, value);
        }
    }
}
