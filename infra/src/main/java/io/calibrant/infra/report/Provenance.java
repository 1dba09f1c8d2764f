package io.calibrant.infra.report;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.List;

/**
 * When a report was made, by which version and command, and of which files: what somebody needs to make it again.
 *
 * @param made when
 * @param version of Calibrant
 * @param command as it was typed, without secrets
 * @param files that it rests on, in the order of their use
 */
public record Provenance(Instant made, String version, String command, List<SourceFile> files) {
    private static final DateTimeFormatter MINUTES =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm 'UTC'").withZone(ZoneOffset.UTC);

    /** Copies the files. */
    public Provenance {
        files = List.copyOf(files);
    }

    /** Of now. */
    public static Provenance now(String version, String command, List<SourceFile> files) {
        return new Provenance(Instant.now().truncatedTo(ChronoUnit.SECONDS), version, command, files);
    }

    /** The time to the minute. */
    String date() {
        return MINUTES.format(made);
    }
}
