package io.calibrant.fitter.faults;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What the fault tests have seen, a line a test. */
final class FaultTable {
    private static final String LINE = "%-28s %8s %7s %8s %9s  %-24s %s%n";

    private final List<String> lines = new ArrayList<>();

    /**
     * A test has ended.
     *
     * @param batches of every block, null where it did not come to its end
     */
    void add(String row, long seed, FaultedFit fit, Integer batches, String verdict) {
        String line = String.format(
                Locale.ROOT,
                LINE,
                row,
                seed,
                fit.faults(),
                batches == null ? "-" : batches,
                fit.repeated(),
                fit.recoveries().stream().map(FaultTable::seconds).collect(Collectors.joining(" ")),
                verdict.lines().filter(each -> !each.isBlank()).findFirst().orElse(""));
        lines.add(line);
        System.out.print(line); // a run at full length takes its time
    }

    private static String seconds(Duration duration) {
        return String.format(Locale.ROOT, "%.1f", duration.toMillis() / 1e3);
    }

    void print() {
        System.out.printf(Locale.ROOT, LINE, "row", "seed", "faults", "batches", "repeated", "recovery, s", "verdict");
        lines.forEach(System.out::print);
    }
}
