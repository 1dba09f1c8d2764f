package io.calibrant.scorer.serving;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.InputFactor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.ReadResult;
import io.calibrant.schemas.reading.RecordDecoder;
import io.calibrant.schemas.reading.TopicRecord;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * The posteriors of some runs, and the positions of the factors and adapters that they were made from, in whatever
 * order these arrive. Weights and factors themselves are not kept, so that memory does not grow with the number of
 * checkpoints. Records of other runs are dropped by their key alone. Not thread-safe; confined to one thread.
 */
final class Catalogue {
    private static final ReadResult<Boolean> NO_NEWS = new ReadResult.Read<>(false);

    private final Topics topics;
    private final Set<String> served;
    private final RecordDecoder<Run> runs;
    private final RecordDecoder<AdapterBlock> adapters;
    private final RecordDecoder<Factor> factors;
    private final RecordDecoder<Posterior> posteriors;

    private final Set<String> known = new HashSet<>();
    private final Map<String, Run> runOf = new HashMap<>();
    private final Map<String, Posterior> posteriorOf = new HashMap<>();
    // By key the last position of each shape: which shape is the right one is known when the run is.
    private final Map<String, Map<List<Integer>, RecordPosition>> adapterOf = new HashMap<>();
    private final Map<String, Factors> factorsOf = new HashMap<>();
    private final Map<Name, String> refused = new HashMap<>();

    /** Topic and key of a record. */
    private record Name(String topic, String key) {}

    /** The factors of a block: their position, and after how many batches. */
    private record Factors(RecordPosition place, long batches) {}

    Catalogue(Connection connection, List<String> served) {
        this.topics = connection.topics();
        this.served = Set.copyOf(served);
        this.runs = new RecordDecoder<>(connection, Run.class);
        this.adapters = new RecordDecoder<>(connection, AdapterBlock.class);
        this.factors = new RecordDecoder<>(connection, Factor.class);
        this.posteriors = new RecordDecoder<>(connection, Posterior.class);
    }

    /** The topics it is made of. */
    List<String> sources() {
        return List.of(topics.runs(), topics.adapters(), topics.factors(), topics.posteriors());
    }

    /**
     * Takes one record. One that cannot be read or used leaves the one before it of its key in its place.
     *
     * @return whether it says anything new of a served run, or why it cannot be used
     */
    ReadResult<Boolean> accept(ConsumerRecord<byte[], byte[]> record) {
        String key = TopicRecord.key(record);
        if (key == null) {
            return NO_NEWS;
        }
        String topic = record.topic();
        if (topic.equals(topics.runs())) {
            put(known, key, record.value());
        }
        if (!served.contains(Keys.runOf(key))) {
            return NO_NEWS;
        }
        ReadResult<Boolean> result = take(record, topic, key);
        if (result instanceof ReadResult.Bad<Boolean> bad) {
            refused.put(
                    new Name(topic, key),
                    "the record of topic " + topic + " at partition " + record.partition() + " offset "
                            + record.offset() + " cannot be used: " + bad.reason());
        } else if (result instanceof ReadResult.Read<Boolean>) {
            refused.remove(new Name(topic, key));
        }
        return result;
    }

    /**
     * Forgets positions whose records are no longer on the topic, because compaction has kept a newer record of their
     * key that cannot be used. Nothing else will take their place; {@link #waitingFor} says so.
     */
    void gone(Collection<RecordPosition> places) {
        adapterOf.forEach((key, shapes) -> {
            if (shapes.size() > 1 || refused.containsKey(new Name(topics.adapters(), key))) {
                shapes.values().removeAll(places);
            }
        });
        factorsOf
                .entrySet()
                .removeIf(entry -> places.contains(entry.getValue().place())
                        && refused.containsKey(new Name(topics.factors(), entry.getKey())));
    }

    private ReadResult<Boolean> take(ConsumerRecord<byte[], byte[]> record, String topic, String key) {
        RecordPosition place = new RecordPosition(new TopicPartition(topic, record.partition()), record.offset());
        if (topic.equals(topics.runs())) {
            return checked(runs.decode(record), run -> CatalogueChecks.check(key, run))
                    .map(run -> put(runOf, key, run));
        }
        if (topic.equals(topics.adapters())) {
            ReadResult<AdapterBlock> weights =
                    checked(adapters.decode(record), block -> CatalogueChecks.check(key, block));
            // Those of another shape than the run says are kept, too: it may be the run that is mended.
            return checked(weights, block -> {
                        adapterOf
                                .computeIfAbsent(key, k -> new HashMap<>())
                                .put(List.copyOf(block.getWeight().getShape()), place);
                        CatalogueChecks.checkShape(block, runOf.get(block.getRunId()));
                    })
                    .map(block -> block != null || put(adapterOf, key, null));
        }
        if (topic.equals(topics.factors())) {
            return checked(factors.decode(record), factor -> CatalogueChecks.check(key, factor))
                    .map(factor ->
                            put(factorsOf, key, factor == null ? null : new Factors(place, factor.getBatches())));
        }
        return topic.equals(topics.posteriors())
                ? checked(posteriors.decode(record), posterior -> CatalogueChecks.check(key, posterior))
                        .map(posterior -> put(posteriorOf, key, posterior))
                : NO_NEWS;
    }

    /** What was read, unless the check refuses it; a tombstone is not checked. */
    private static <V> ReadResult<V> checked(ReadResult<V> result, Consumer<V> check) {
        if (result instanceof ReadResult.Read<V> read && read.value() != null) {
            try {
                check.accept(read.value());
            } catch (IllegalArgumentException e) {
                return new ReadResult.Bad<>(e.getMessage());
            }
        }
        return result;
    }

    /** Whether a run is on the topics, served or not. */
    boolean knows(String run) {
        return known.contains(run);
    }

    /**
     * The posteriors of a run and fit that have all their batches and whose adapter and factors have all arrived, the
     * newest first. A PARTIAL one, of a part of a pass, is served only under the name of its fit, never as the one
     * completed last.
     */
    List<ServablePosterior> servable(String run, String fit) {
        return candidates(run, fit)
                .filter(posterior -> missing(posterior) == null)
                .sorted(AGE.reversed())
                .map(this::servable)
                .toList();
    }

    /** The first of {@link #servable}. */
    Optional<ServablePosterior> newest(String run, String fit) {
        return servable(run, fit).stream().findFirst();
    }

    /** Whether a posterior's key is still there, in whatever version. */
    boolean holds(Posterior posterior) {
        return posteriorOf.containsKey(Keys.fit(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit()));
    }

    static boolean isNewer(Posterior one, Posterior other) {
        return AGE.compare(one, other) > 0;
    }

    /**
     * How many posteriors of a run and fit have all their batches and are newer than one, whether all that they stand
     * on is here or not.
     *
     * @param than null for none: then all are
     */
    int newer(String run, String fit, Posterior than) {
        return (int) candidates(run, fit)
                .filter(posterior -> posterior.getState() != PosteriorState.LIVE)
                .filter(posterior -> than == null || isNewer(posterior, than))
                .count();
    }

    /** Why there is no {@link #newest}. */
    String waitingFor(String run, String fit) {
        if (!runOf.containsKey(run)) {
            return absent(run);
        }
        return candidates(run, fit).max(AGE).map(this::missing).orElseGet(() -> {
            Set<String> fits = new TreeSet<>();
            posteriorOf.values().stream()
                    .filter(posterior -> posterior.getRunId().equals(run))
                    .forEach(posterior -> fits.add(posterior.getFit()));
            String others = fits.isEmpty() ? "" : "; it has fits " + fits;
            return (fit.equals(ServingSettings.LATEST_COMPLETE)
                            ? "run '" + run + "' has no posterior yet"
                            : "run '" + run + "' has no posterior of fit '" + fit + "' yet" + others)
                    + refusedPosterior(run, fit);
        });
    }

    private String absent(String run) {
        return "run '" + run + "' is not on the topics yet" + refusal(topics.runs(), run);
    }

    /** Why a record that is missed was refused; empty where none was. */
    private String refusal(String topic, String key) {
        String reason = refused.get(new Name(topic, key));
        return reason == null ? "" : ": " + reason;
    }

    private String refusedPosterior(String run, String fit) {
        boolean any = fit.equals(ServingSettings.LATEST_COMPLETE);
        return refused.entrySet().stream()
                .filter(entry -> entry.getKey().topic().equals(topics.posteriors())
                        && Keys.runOf(entry.getKey().key()).equals(run)
                        && (any || entry.getKey().key().endsWith('/' + fit)))
                .map(entry -> ": " + entry.getValue())
                .findFirst()
                .orElse("");
    }

    private Stream<Posterior> candidates(String run, String fit) {
        return posteriorOf.values().stream()
                .filter(posterior -> posterior.getRunId().equals(run)
                        && (fit.equals(ServingSettings.LATEST_COMPLETE)
                                ? posterior.getState() != PosteriorState.PARTIAL
                                : posterior.getFit().equals(fit)));
    }

    static String id(Posterior posterior) {
        return posterior.getCheckpoint() + " fit " + posterior.getFit() + " version " + posterior.getVersion();
    }

    private static final Comparator<Posterior> AGE = Comparator.<Posterior>comparingLong(
                    posterior -> posterior.getTimestamp().toEpochMilli())
            .thenComparing(posterior -> step(posterior.getCheckpoint()))
            .thenComparing(Posterior::getCheckpoint)
            .thenComparing(Posterior::getVersion)
            .thenComparing(Posterior::getFit);

    private static long step(String checkpoint) {
        String digits = checkpoint.replaceAll("^.*?(\\d{1,18})$", "$1");
        return digits.matches("\\d+") ? Long.parseLong(digits) : -1;
    }

    /** What a posterior lacks to be served; null for nothing. */
    private String missing(Posterior posterior) {
        String runId = posterior.getRunId();
        Run run = runOf.get(runId);
        if (run == null) {
            return absent(runId);
        }
        if (posterior.getState() == PosteriorState.LIVE) {
            return "the curvature pass of run '" + runId + "', checkpoint " + posterior.getCheckpoint()
                    + " is not complete in fit '" + posterior.getFit() + "': " + posterior.getBatches() + " of "
                    + (posterior.getBatchesExpected() == null ? "?" : posterior.getBatchesExpected()) + " batches";
        }
        Set<String> covered = new HashSet<>();
        for (BlockPrecision precision : posterior.getBlocks()) {
            covered.add(precision.getBlock());
        }
        for (Block block : run.getBlocks()) {
            String name = block.getName();
            if (!covered.contains(name)) {
                return "posterior " + id(posterior) + " of run '" + runId + "' lacks block " + name;
            }
            String lack = missingAdapter(posterior, block);
            if (lack != null) {
                return lack;
            }
        }
        for (Block weight : run.getSavedWeights()) {
            String lack = missingAdapter(posterior, weight);
            if (lack != null) {
                return lack;
            }
        }
        for (BlockPrecision precision : posterior.getBlocks()) {
            String lack = missingFactors(posterior, precision.getBlock(), precision.getBatches());
            if (lack != null) {
                return lack;
            }
        }
        for (InputFactor input : ServablePosterior.inputs(posterior)) {
            String lack = input.getCounts() ? missingFactors(posterior, input.getBlock(), input.getBatches()) : null;
            if (lack != null) {
                return lack;
            }
        }
        return null;
    }

    /** What is missing of the factors of a block or an input; null for nothing. */
    private String missingFactors(Posterior posterior, String block, long batches) {
        String key = factorKey(posterior, block);
        Factors factor = factorsOf.get(key);
        return factor != null && factor.batches() == batches
                ? null
                : "the factors of block " + block + " at " + batches + " batches, on which posterior " + id(posterior)
                        + " of run '" + posterior.getRunId() + "' stands, are not here yet"
                        + refusal(topics.factors(), key);
    }

    /** What is missing of an adapter's weight; null for nothing. */
    private String missingAdapter(Posterior posterior, Block block) {
        String runId = posterior.getRunId();
        String key = Keys.block(runId, posterior.getCheckpoint(), block.getName());
        if (adapter(key, block) != null) {
            return null;
        }
        Set<List<Integer>> others = adapterOf.getOrDefault(key, Map.of()).keySet();
        return "the adapter of run '" + runId + "', checkpoint " + posterior.getCheckpoint() + " lacks block "
                + block.getName()
                + (others.isEmpty() ? "" : " of shape " + shape(block) + ", there is " + others)
                + refusal(topics.adapters(), key);
    }

    private ServablePosterior servable(Posterior posterior) {
        Run run = runOf.get(posterior.getRunId());
        Map<String, RecordPosition> adapter = new HashMap<>();
        Map<String, RecordPosition> places = new HashMap<>();
        for (Block block : run.getBlocks()) {
            String name = block.getName();
            adapter.put(name, adapter(Keys.block(run.getRunId(), posterior.getCheckpoint(), name), block));
            places.put(name, factorsOf.get(factorKey(posterior, name)).place());
        }
        for (InputFactor input : ServablePosterior.inputs(posterior)) {
            if (input.getCounts()) {
                String name = input.getBlock();
                places.put(name, factorsOf.get(factorKey(posterior, name)).place());
            }
        }
        for (Block weight : run.getSavedWeights()) {
            String name = weight.getName();
            adapter.put(name, adapter(Keys.block(run.getRunId(), posterior.getCheckpoint(), name), weight));
        }
        return new ServablePosterior(run, posterior, adapter, places);
    }

    private RecordPosition adapter(String key, Block block) {
        return adapterOf.getOrDefault(key, Map.of()).get(shape(block));
    }

    private static List<Integer> shape(Block block) {
        return List.of(block.getOutputs(), block.getInputs());
    }

    private static String factorKey(Posterior posterior, String block) {
        return Keys.blockFit(posterior.getRunId(), posterior.getCheckpoint(), block, posterior.getFit());
    }

    /** Returns that this is news. */
    private static <V> boolean put(Map<String, V> map, String key, V value) {
        if (value == null) {
            map.remove(key);
        } else {
            map.put(key, value);
        }
        return true;
    }

    private static void put(Set<String> set, String key, byte[] value) {
        if (value == null) {
            set.remove(key);
        } else {
            set.add(key);
        }
    }
}
