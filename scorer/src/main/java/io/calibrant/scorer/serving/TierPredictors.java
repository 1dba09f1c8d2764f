package io.calibrant.scorer.serving;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedModel;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The posterior of every block on the device, beside the weights it belongs to; a tier's predictor is made when it is
 * first used.
 */
final class TierPredictors extends RefCounted {
    private final RunWeights weights;
    private final List<BlockPosterior> blocks;
    private final Familiarity familiarity;
    private final Map<Tier, Predictor> predictors = new EnumMap<>(Tier.class);

    /**
     * Takes over the caller's reference to the weights.
     *
     * @param familiarity null for none
     * @throws IllegalArgumentException if the posterior does not fit the adapter
     */
    TierPredictors(RunWeights weights, List<BlockPosterior> blocks, Familiarity familiarity, Tier first) {
        this.familiarity = familiarity;
        this.weights = weights;
        this.blocks = blocks;
        predictor(first);
    }

    RunWeights weights() {
        return weights;
    }

    synchronized Predictor predictor(Tier tier) {
        AdaptedModel adapted = weights.adapted();
        return predictors.computeIfAbsent(
                tier.hasCovariance() ? tier : Tier.MAP, // one plain forward pass for both
                each -> each == Tier.ALL
                        ? new Predictor(adapted, blocks, familiarity)
                        : new Predictor(adapted, blocks, each.paths(adapted.maps()), familiarity));
    }

    @Override
    void free() {
        predictors.values().forEach(Predictor::close);
        weights.release();
    }
}
