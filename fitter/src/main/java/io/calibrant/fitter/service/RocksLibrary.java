package io.calibrant.fitter.service;

import io.calibrant.schemas.Require;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.rocksdb.NativeLibraryLoader;

/**
 * Loads RocksDB's native library before Kafka Streams does. RocksDB unpacks 15 MB into the temporary directory and
 * removes them when the JVM ends by itself, which a service that is stopped or killed does not; and where they do not
 * fit it does not say so.
 */
final class RocksLibrary {
    /** RocksDB's own variable: a directory that has the library already. */
    private static final String UNPACKED = "ROCKSDB_SHAREDLIB_DIR";

    private static final String TEMPORARY = "java.io.tmpdir";

    private RocksLibrary() {}

    /** Does nothing where it is loaded already. */
    static void load() {
        if (System.getenv(UNPACKED) == null) {
            load(Path.of(System.getProperty(TEMPORARY)));
        }
    }

    /**
     * Loads it from a temporary directory, in which nothing is left.
     *
     * @throws IllegalStateException naming the directory and why the library cannot be loaded from it
     */
    static void load(Path temporary) {
        Path unpacked = null;
        try {
            unpacked = Files.createTempDirectory(temporary, "calibrant-rocksdb-");
            NativeLibraryLoader.getInstance().loadLibrary(unpacked.toString());
        } catch (IOException e) {
            throw refused(temporary, why(e), e);
        } catch (UnsatisfiedLinkError e) {
            throw refused(temporary, "mounted noexec? " + e.getMessage(), e);
        } finally {
            delete(unpacked);
        }
    }

    private static IllegalStateException refused(Path temporary, String why, Throwable cause) {
        return new IllegalStateException(
                Require.message(
                                TEMPORARY,
                                temporary.toString(),
                                "a directory with 15 MB free from which RocksDB's library can be loaded")
                        + " (" + why + "); CALIBRANT_JAVA_OPTS=-D" + TEMPORARY + "=DIR names another",
                cause);
    }

    private static String why(IOException e) {
        if (e instanceof NoSuchFileException) {
            return "it does not exist";
        }
        String reason = e instanceof FileSystemException file ? file.getReason() : null;
        return reason != null ? reason : e.getMessage() != null ? e.getMessage() : e.toString();
    }

    /** What is loaded stays in memory without its file. */
    private static void delete(Path directory) {
        if (directory == null) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> all = files.toList();
            for (Path file : all) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // It is a temporary directory, and the library is loaded, or another message says why not.
        }
    }
}
