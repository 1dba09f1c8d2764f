package io.calibrant.scorer.serving;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.fitter.familiarity.InputMoment;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.InputFactor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * One complete posterior with all records that it needs, never a mixture: the adapter of its checkpoint and exactly the
 * factors that it was made from.
 *
 * @param run what was trained
 * @param posterior state COMPLETE
 * @param adapter weights by name, of every block and saved weight of the run
 * @param blocks eigenpairs and prior precision of every block of the run, in the run's order
 * @param familiarity scores a question by its inputs; null where no input counts
 */
record Snapshot(
        Run run,
        Posterior posterior,
        Map<String, AdapterBlock> adapter,
        List<BlockPosterior> blocks,
        Familiarity familiarity) {
    Snapshot {
        adapter = Map.copyOf(adapter);
        blocks = List.copyOf(blocks);
    }

    /**
     * Fetches all of it.
     *
     * @param gone takes the positions at which there is no record any more
     * @return empty if a part was replaced meanwhile; the record that replaced it will arrive
     * @throws IllegalArgumentException if a part does not fit the others
     */
    static Optional<Snapshot> fetch(
            ServablePosterior servable,
            Connection connection,
            CatalogueFeed feed,
            Consumer<Collection<RecordPosition>> gone) {
        List<RecordPosition> places = new ArrayList<>(servable.adapter().values());
        places.addAll(servable.factors().values());
        Map<RecordPosition, byte[]> values = feed.fetch(places);
        if (values.size() < places.size()) {
            places.removeAll(values.keySet());
            gone.accept(places);
            return Optional.empty();
        }
        Map<String, AdapterBlock> adapter = new HashMap<>();
        List<BlockPosterior> blocks = new ArrayList<>();
        List<Integer> layers = new ArrayList<>();
        List<InputMoment> moments = new ArrayList<>();
        try (Deserializer<AdapterBlock> weights = connection.deserializer(AdapterBlock.class);
                Deserializer<Factor> factors = connection.deserializer(Factor.class)) {
            servable.adapter()
                    .forEach((name, weight) -> adapter.put(
                            name, weights.deserialize(weight.partition().topic(), values.get(weight))));
            for (Block block : servable.run().getBlocks()) {
                String name = block.getName();
                RecordPosition factor = servable.factors().get(name);
                blocks.add(FactorRecords.posterior(
                        factors.deserialize(factor.partition().topic(), values.get(factor)), servable.posterior()));
            }
            List<InputFactor> inputs = servable.inputs();
            for (int layer = 0; layer < inputs.size(); layer++) {
                if (inputs.get(layer).getCounts()) {
                    RecordPosition place =
                            servable.factors().get(inputs.get(layer).getBlock());
                    Factor factor = factors.deserialize(place.partition().topic(), values.get(place));
                    layers.add(layer);
                    moments.add(InputMoment.of(FactorRecords.factor(factor).large(), factor.getN()));
                }
            }
        }
        Familiarity familiarity = layers.isEmpty() ? null : new Familiarity(layers, moments);
        return Optional.of(new Snapshot(servable.run(), servable.posterior(), adapter, blocks, familiarity));
    }
}
