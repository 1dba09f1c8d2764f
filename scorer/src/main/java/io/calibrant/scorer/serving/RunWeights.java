package io.calibrant.scorer.serving;

import io.calibrant.schemas.TrainingTexts;
import io.calibrant.scorer.answering.ClassPlaces;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Adapter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** The base model with the adapter of one checkpoint, restricted to some class tokens. */
final class RunWeights extends RefCounted {
    private final AdaptedModel adapted;
    private final ClassPlaces classes;
    private final TrainingTexts trained;

    /**
     * Copies the adapter to the device.
     *
     * @param more token ids beyond the run's own; none where its head is adapted
     * @throws MisfitException if the adapter does not fit the base model
     */
    RunWeights(BaseModel base, Snapshot snapshot, Collection<Integer> more) {
        List<Integer> tokens = new ArrayList<>();
        snapshot.run().getClassTokens().forEach(token -> tokens.add(token.getTokenId()));
        tokens.addAll(more);
        classes = new ClassPlaces(tokens);
        trained = TrainingTexts.read(snapshot.run().getTrainingTexts());
        adapted = new AdaptedModel(base.model(), adapter(base, snapshot, classes.ids()));
    }

    private static Adapter adapter(BaseModel base, Snapshot snapshot, int[] classTokens) {
        try {
            return RunAdapter.of(base.model().config(), snapshot.run(), snapshot.adapter(), classTokens);
        } catch (IllegalArgumentException e) {
            throw new MisfitException(e);
        }
    }

    AdaptedModel adapted() {
        return adapted;
    }

    /** The tokens whose logits there are. */
    ClassPlaces classes() {
        return classes;
    }

    /** The texts that the run was trained on. */
    TrainingTexts trained() {
        return trained;
    }

    @Override
    void free() {
        adapted.close();
    }
}
