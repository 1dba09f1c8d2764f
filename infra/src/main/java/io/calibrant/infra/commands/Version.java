package io.calibrant.infra.commands;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import picocli.CommandLine.IVersionProvider;

/** Version and commit of the jar that runs, as its manifest says them. */
final class Version implements IVersionProvider {
    private static final String COMMIT = "Implementation-Commit";
    private static final String MODIFIED = "Implementation-Modified";

    @Override
    public String[] getVersion() {
        return new String[] {"calibrant " + text()};
    }

    /** For example {@code 0.2.0 (commit 1234567)}. */
    static String text() {
        try {
            Path code = Path.of(Version.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            if (Files.isRegularFile(code)) {
                try (JarFile jar = new JarFile(code.toFile())) {
                    return text(jar.getManifest().getMainAttributes());
                }
            }
        } catch (IOException | URISyntaxException e) {
            // As where it is not packaged.
        }
        return "(not packaged)";
    }

    /** The same of a manifest; without a commit where the jar was built outside of a repository. */
    static String text(Attributes manifest) {
        String version = manifest.getValue(Attributes.Name.IMPLEMENTATION_VERSION);
        String commit = manifest.getValue(COMMIT);
        if (version == null) {
            return "(not packaged)";
        }
        if (commit == null || !commit.matches("[0-9a-f]+")) {
            return version;
        }
        String changes = "true".equals(manifest.getValue(MODIFIED)) ? ", with changes" : "";
        return version + " (commit " + commit + changes + ")";
    }
}
