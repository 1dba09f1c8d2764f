package io.calibrant.infra.live;

import io.calibrant.schemas.Keys;

/** Which fit: of which checkpoint, of which run. */
public record FitName(String run, String checkpoint, String fit) implements Comparable<FitName> {
    /** The name in a key {@code run/checkpoint/fit}; null where the key is none. */
    static FitName ofKey(String key) {
        String[] parts = key == null ? new String[0] : key.split("/", -1);
        return parts.length == 3 ? new FitName(parts[0], parts[1], parts[2]) : null;
    }

    @Override
    public int compareTo(FitName other) {
        return toString().compareTo(other.toString());
    }

    /** As in keys: {@code run/checkpoint/fit}. */
    @Override
    public String toString() {
        return Keys.fit(run, checkpoint, fit);
    }
}
