package io.calibrant.schemas.reading;

import java.time.Duration;

/**
 * Where a consumer group is on a topic, all its members and all partitions together.
 *
 * @param behind offsets between the group and the committed end; 0 where no record waits there
 * @param taken the offset that the group has committed, also where the topic has dropped it since; 0 for a group that
 *     has begun nowhere, or that the broker has forgotten
 * @param heldUp for how long an open transaction has kept back the same record, as far as this was looked at; zero
 *     where none does
 */
public record GroupPlace(long behind, long taken, Duration heldUp) {
    /** Of two parts of a topic. */
    GroupPlace plus(GroupPlace other) {
        return new GroupPlace(
                behind + other.behind, taken + other.taken, heldUp.compareTo(other.heldUp) > 0 ? heldUp : other.heldUp);
    }
}
