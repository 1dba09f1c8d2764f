package io.calibrant.infra.delivery;

import io.calibrant.infra.documents.Page;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/**
 * The distribution of this build, unpacked.
 *
 * @param root what has the pages
 * @param entries what {@code tar} lists of the archive, an entry a line
 */
record Distribution(Path root, List<String> entries) {
    /** The archive; a test is skipped where there is none, as profile {@code dist} alone makes it. */
    static Path archive() {
        Path archive = archiveIn(Page.ROOT);
        Assumptions.assumeTrue(
                Files.isRegularFile(archive), "there is no " + archive + ": 'mvn -Pdist verify' makes it before this");
        return archive;
    }

    /** The archive that a build of these sources makes. */
    static Path archiveIn(Path sources) {
        return sources.resolve("infra/target/calibrant-" + Page.projectVersion() + ".tar.gz");
    }

    /** Unpacks it there. */
    static Distribution in(Path directory) throws IOException, InterruptedException {
        Path archive = archive();
        Files.createDirectories(directory);
        Shell tar = Shell.must(directory, "tar", "--utc", "--numeric-owner", "-xvvzf", archive.toString());
        Path root = directory.resolve("calibrant-" + Page.projectVersion());
        List<String> entries = tar.out()
                .lines()
                .filter(line -> !line.contains(" Creating directory: ")) // that has no entry of its own
                .toList();
        return new Distribution(root, entries);
    }

    Path launcher() {
        return root.resolve("infra/calibrant");
    }
}
