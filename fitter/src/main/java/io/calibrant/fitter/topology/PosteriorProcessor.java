package io.calibrant.fitter.topology;

import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the latest spectra of all blocks of a checkpoint, and makes a posterior when every block of the run has more
 * batches than at the last one.
 */
final class PosteriorProcessor implements Processor<String, FactorUpdate, String, Posterior> {
    private static final Logger LOG = LoggerFactory.getLogger(PosteriorProcessor.class);
    private static final int CHECKPOINTS_IN_MEMORY = 32;

    private final PosteriorMaker maker;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private final Consumer<Posterior> listener;
    private ProcessorContext<String, Posterior> context;
    private KeyValueStore<String, FactorUpdate> spectra;
    private KeyValueStore<String, Posterior> posteriors;
    private RunTable runs;

    /** What the store holds, by checkpoint and block. Written through; a task that starts anew starts from the store. */
    private final Map<String, Map<String, FactorUpdate>> memory = new LinkedHashMap<>();

    PosteriorProcessor(
            PosteriorMaker maker, Function<ProcessorContext<?, ?>, RunTable> runTables, Consumer<Posterior> listener) {
        this.maker = maker;
        this.runTables = runTables;
        this.listener = listener;
    }

    @Override
    public void init(ProcessorContext<String, Posterior> context) {
        this.context = context;
        spectra = context.getStateStore(FitterTopology.SPECTRA_STORE);
        posteriors = context.getStateStore(FitterTopology.POSTERIORS_STORE);
        runs = runTables.apply(context);
    }

    @Override
    public void process(Record<String, FactorUpdate> record) {
        FactorUpdate update = record.value();
        spectra.put(record.key() + '/' + update.getBlock(), update);
        RunTable.View run = run(update, record.timestamp());
        if (run == null) {
            LOG.warn("run {} is no longer in the topic of runs: no posterior of {}", update.getRunId(), record.key());
            return;
        }
        Map<String, FactorUpdate> blocks = blocks(record.key(), run);
        blocks.put(update.getBlock(), update);

        Posterior last = posteriors.get(record.key());
        long before = last == null ? 0 : last.getBatches();
        for (String block : run.order()) {
            FactorUpdate other = blocks.get(block);
            if (other == null || other.getBatches() <= before) {
                return;
            }
        }
        Posterior posterior = maker.posterior(
                run.run(), run.order().stream().map(blocks::get).toList(), last == null ? 1 : last.getVersion() + 1);
        posteriors.put(record.key(), posterior);
        context.forward(record.withValue(posterior));
        listener.accept(posterior);
    }

    private RunTable.View run(FactorUpdate update, long timestamp) {
        try {
            return runs.find(update.getRunId(), timestamp);
        } catch (BadRecordException e) {
            return null; // it was readable when its statistics were folded; there is no statistic to blame here
        }
    }

    private Map<String, FactorUpdate> blocks(String key, RunTable.View run) {
        Map<String, FactorUpdate> known = memory.get(key);
        if (known == null) {
            known = new HashMap<>();
            for (String block : run.order()) {
                FactorUpdate update = spectra.get(key + '/' + block);
                if (update != null) {
                    known.put(block, update);
                }
            }
            memory.put(key, known);
            if (memory.size() > CHECKPOINTS_IN_MEMORY) {
                Iterator<String> oldest = memory.keySet().iterator();
                oldest.next();
                oldest.remove();
            }
        }
        return known;
    }

    /** Where the updates of a block go: the key of the posterior it is part of. */
    static String key(FactorUpdate update) {
        return Keys.fit(update.getRunId(), update.getCheckpoint(), update.getFit());
    }
}
