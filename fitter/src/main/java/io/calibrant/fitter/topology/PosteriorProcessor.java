package io.calibrant.fitter.topology;

import io.calibrant.fitter.folding.RunBlocks;
import io.calibrant.fitter.posteriors.PosteriorFactory;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the latest spectra of all blocks of a checkpoint, and makes a posterior when every block of the run has more
 * batches than at the last one, or all that it will get.
 */
final class PosteriorProcessor implements Processor<String, FactorUpdate, String, Posterior> {
    private static final Logger LOG = LoggerFactory.getLogger(PosteriorProcessor.class);
    private static final int CHECKPOINTS_IN_MEMORY = 32;

    private final PosteriorFactory factory;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private final FitterListener listener;
    private final Duration commitInterval;
    private PromptCommits commits;
    private ProcessorContext<String, Posterior> context;
    private KeyValueStore<String, FactorUpdate> spectra;
    private KeyValueStore<String, Posterior> posteriors;
    private RunTable runs;

    /**
     * What the store holds, by checkpoint and block. Written through; a task that starts anew starts from the store.
     */
    private final Map<String, BlockProgress> memory = new LinkedHashMap<>();

    PosteriorProcessor(
            PosteriorFactory factory,
            Function<ProcessorContext<?, ?>, RunTable> runTables,
            Duration commitInterval,
            FitterListener listener) {
        this.factory = factory;
        this.runTables = runTables;
        this.commitInterval = commitInterval;
        this.listener = listener;
    }

    @Override
    public void init(ProcessorContext<String, Posterior> context) {
        this.context = context;
        spectra = context.getStateStore(StoreNames.SPECTRA);
        posteriors = context.getStateStore(StoreNames.POSTERIORS);
        runs = runTables.apply(context);
        commits = new PromptCommits(context, commitInterval, Clock.systemUTC());
    }

    @Override
    public void process(Record<String, FactorUpdate> record) {
        FactorUpdate update = record.value();
        commits.processed(record.timestamp());
        spectra.put(record.key() + '/' + update.getBlock(), update);
        RunBlocks run = run(update, record.timestamp());
        if (run == null) {
            LOG.warn("run {} is no longer in the topic of runs: no posterior of {}", update.getRunId(), record.key());
            return;
        }
        BlockProgress progress = progress(record.key(), run);
        progress.add(update);
        if (!progress.behind.isEmpty()) {
            return;
        }
        Posterior last = posteriors.get(record.key());
        long begin = System.nanoTime();
        Posterior posterior = posterior(record.key(), progress, last == null ? 1 : last.getVersion() + 1);
        listener.took(FitterListener.Stage.POSTERIOR, System.nanoTime() - begin);
        posteriors.put(record.key(), posterior);
        progress.made();
        context.forward(record.withValue(posterior));
        listener.accept(posterior);
    }

    private Posterior posterior(String key, BlockProgress progress, long version) {
        try {
            return factory.posterior(
                    progress.run.run(),
                    progress.run.order().stream().map(progress.blocks::get).toList(),
                    progress.run.inputs().stream().map(progress.blocks::get).toList(),
                    version);
        } catch (KafkaException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new BadRecordException("the factors of " + key + " make no posterior: " + e.getMessage(), e);
        }
    }

    private RunBlocks run(FactorUpdate update, long timestamp) {
        try {
            return runs.find(update.getRunId(), timestamp);
        } catch (BadRecordException e) {
            return null; // it was readable when its statistics were folded; there is no statistic to blame here
        }
    }

    @SuppressWarnings("ReferenceEquality") // the table makes one view of each version of a run, and keeps it
    private BlockProgress progress(String key, RunBlocks run) {
        BlockProgress known = memory.get(key);
        if (known == null || known.run != run) {
            Posterior last = posteriors.get(key);
            known = new BlockProgress(run);
            for (String block : known.names) {
                FactorUpdate update = spectra.get(key + '/' + block);
                if (update != null) {
                    known.blocks.put(block, update);
                }
            }
            known.madeBefore(last);
            memory.put(key, known);
            if (memory.size() > CHECKPOINTS_IN_MEMORY) {
                Iterator<String> oldest = memory.keySet().iterator();
                oldest.next();
                oldest.remove();
            }
        }
        return known;
    }

    /**
     * The blocks of a checkpoint; which of them are behind is kept, so that an update costs no look at all the others.
     */
    private final class BlockProgress {
        final RunBlocks run;

        /** Of its blocks and its inputs. */
        final List<String> names;

        final Map<String, FactorUpdate> blocks = new HashMap<>();

        /** Blocks with no more batches than at the last posterior, of those that will get more. */
        final Set<String> behind;

        /** Batches at the last posterior: the fewest of the blocks that had not all yet. */
        private long batches;

        BlockProgress(RunBlocks run) {
            this.run = run;
            names = new ArrayList<>(run.order());
            names.addAll(run.inputs());
            behind = new HashSet<>(names);
        }

        void add(FactorUpdate update) {
            blocks.put(update.getBlock(), update);
            if (update.getBatches() > batches || factory.hasAll(update, update.getBatches())) {
                behind.remove(update.getBlock());
            }
        }

        /** A posterior is made of what is here. */
        void made() {
            Map<String, Long> standsOn = new HashMap<>();
            blocks.forEach((block, update) -> standsOn.put(block, update.getBatches()));
            made(standsOn);
        }

        /** What is here has come since this posterior was made; null for none. */
        void madeBefore(Posterior last) {
            Map<String, Long> standsOn = new HashMap<>();
            if (last != null) {
                last.getBlocks().forEach(block -> standsOn.put(block.getBlock(), block.getBatches()));
            }
            if (last != null && last.getFamiliarity() != null) {
                last.getFamiliarity().getInputs().forEach(input -> standsOn.put(input.getBlock(), input.getBatches()));
            }
            made(standsOn);
        }

        private void made(Map<String, Long> standsOn) {
            batches = Long.MAX_VALUE;
            for (String block : names) {
                FactorUpdate update = blocks.get(block);
                long had = standsOn.getOrDefault(block, 0L);
                if (update == null || !factory.hasAll(update, had)) {
                    batches = Math.min(batches, had);
                }
            }
            boolean all = batches == Long.MAX_VALUE; // only what was not expected can come now
            behind.clear();
            for (String block : names) {
                FactorUpdate update = blocks.get(block);
                if (all
                        || update == null
                        || (update.getBatches() <= batches && !factory.hasAll(update, update.getBatches()))) {
                    behind.add(block);
                }
            }
            batches = all
                    ? standsOn.values().stream()
                            .mapToLong(Long::longValue)
                            .max()
                            .orElse(0)
                    : batches;
        }
    }

    /** Where the updates of a block go: the key of the posterior it is part of. */
    static String key(FactorUpdate update) {
        return Keys.fit(update.getRunId(), update.getCheckpoint(), update.getFit());
    }
}
