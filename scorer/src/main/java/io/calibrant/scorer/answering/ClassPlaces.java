package io.calibrant.scorer.answering;

import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The tokens of which an adapted model gives logits, and the place of each among them. Immutable. */
public final class ClassPlaces {
    private final Map<Integer, Integer> placeOf = new LinkedHashMap<>();

    /** @param tokens token ids in the order of the logits; one that comes again counts once */
    public ClassPlaces(Collection<Integer> tokens) {
        tokens.forEach(token -> placeOf.putIfAbsent(token, placeOf.size()));
    }

    /** Token ids whose logits there are. */
    public Set<Integer> tokens() {
        return placeOf.keySet();
    }

    /** Token ids in the order of the logits: [K]. */
    public int[] ids() {
        return placeOf.keySet().stream().mapToInt(Integer::intValue).toArray();
    }

    /**
     * A question as the adapted model reads it. The prompt's array is passed on.
     *
     * @throws IllegalArgumentException if there are no logits of a choice
     */
    public EncodedPrompt place(TokenizedQuestion question) {
        int[] places = new int[question.choices().length];
        for (int c = 0; c < places.length; c++) {
            Integer place = placeOf.get(question.choices()[c]);
            if (place == null) {
                throw new IllegalArgumentException(
                        "token " + question.choices()[c] + " is not a class token: class tokens are " + tokens());
            }
            places[c] = place;
        }
        return new EncodedPrompt(question.question(), question.prompt(), places);
    }
}
