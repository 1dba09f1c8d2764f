package io.calibrant.scorer.service;

import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/** The base model with the adapter of one checkpoint, restricted to some class tokens. */
final class RunWeights extends Shared {
    private final AdaptedModel adapted;
    private final Map<Integer, Integer> placeOf = new HashMap<>();

    /**
     * Copies the adapter to the device.
     *
     * @param more token ids beyond the run's own; none where its head is adapted
     * @throws IllegalArgumentException if the adapter does not fit the base model
     */
    RunWeights(BaseModel base, Snapshot snapshot, Collection<Integer> more) {
        Set<Integer> tokens = new LinkedHashSet<>();
        snapshot.run().getClassTokens().forEach(token -> tokens.add(token.getTokenId()));
        tokens.addAll(more);
        tokens.forEach(token -> placeOf.put(token, placeOf.size()));
        int[] ids = tokens.stream().mapToInt(Integer::intValue).toArray();
        adapted = new AdaptedModel(
                base.model(), RunAdapter.of(base.model().config(), snapshot.run(), snapshot.adapter(), ids));
    }

    AdaptedModel adapted() {
        return adapted;
    }

    /** Token ids whose logits there are. */
    Set<Integer> tokens() {
        return placeOf.keySet();
    }

    /** A prompt whose classes are token ids, with their places among {@link #tokens} instead. */
    EncodedPrompt placed(EncodedPrompt prompt) {
        int[] places = new int[prompt.classes().length];
        for (int c = 0; c < places.length; c++) {
            places[c] = placeOf.get(prompt.classes()[c]);
        }
        return new EncodedPrompt(prompt.question(), prompt.ids(), places);
    }

    @Override
    void free() {
        adapted.close();
    }
}
