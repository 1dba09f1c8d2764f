package io.calibrant.infra.live;

import io.calibrant.schemas.Keys;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Where the newest questions are on their topic: their texts stay there, and are read again when somebody wants to see
 * one. Bounded: of {@value #KEPT} keys the newest place. Not thread-safe.
 */
public final class QuestionPlaces {
    static final int KEPT = 20_000;

    /** Bytes of a key; a question with a longer one is not kept. */
    static final int LONGEST_KEY = 500;

    private final Map<String, Place> places = new LinkedHashMap<>(); // the one that came longest ago first

    /** The place of a record on topic {@code questions}. */
    public record Place(int partition, long offset) {}

    QuestionPlaces() {}

    void put(String key, int partition, long offset) {
        places.remove(key); // it becomes the newest
        places.put(key, new Place(partition, offset));
        if (places.size() > KEPT) {
            places.remove(places.keySet().iterator().next());
        }
    }

    /**
     * Where the question of an answer is, as far as its newest places are kept: that of the run, else one that names no
     * run.
     *
     * @param run that has answered
     * @param id of the question
     */
    public Optional<Place> find(String run, String id) {
        return Optional.ofNullable(places.getOrDefault(Keys.question(run, id), places.get(id)));
    }

    /** How many are kept. */
    int size() {
        return places.size();
    }
}
