package io.calibrant.testing;

import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the fault tests draw from: which instance, when, in which order. Per commit one seed that is always the same, at
 * full length (profile {@code faults}) three new ones; {@code -Dcalibrant.fault.seeds=1,2,3} takes others.
 */
public final class FaultSeeds {
    /** System property: {@code full} in profile {@code faults}. */
    public static final String LENGTH = "calibrant.faults";

    private static final String SEEDS = "calibrant.fault.seeds";
    private static final List<Long> DRAWN = drawn();

    private FaultSeeds() {}

    /** The seeds of this JVM; printed when they are drawn. */
    public static List<Long> all() {
        return DRAWN;
    }

    private static List<Long> drawn() {
        String given = System.getProperty(SEEDS);
        List<Long> seeds;
        if (given != null) {
            seeds = Arrays.stream(given.split(",")).map(Long::valueOf).toList();
        } else if ("full".equals(System.getProperty(LENGTH))) {
            seeds = new SecureRandom().longs(3, 0, 1_000_000).boxed().toList();
        } else {
            seeds = List.of(1L);
        }
        System.out.println("fault seeds: -D" + SEEDS + "="
                + seeds.stream().map(String::valueOf).collect(Collectors.joining(",")));
        return seeds;
    }
}
