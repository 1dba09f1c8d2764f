package io.calibrant.fitter.service;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A directory for one process's state: {@code base/cluster/instance-i}. The cluster's id keeps the state of one cluster
 * from being taken for another's; the first instance that is not locked keeps several fitters on one machine apart. The
 * lock of a process that dies is released.
 */
final class StateDirectory implements AutoCloseable {
    private static final int INSTANCES = 64;

    private final Path path;
    private final FileChannel channel;

    private StateDirectory(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Locks a directory, and creates it where it does not exist.
     *
     * @throws UncheckedIOException if the directory cannot be written, naming it
     * @throws IllegalStateException if too many fitters share it
     */
    static StateDirectory take(Path base, String cluster) {
        Path home = base.resolve(cluster);
        try {
            Files.createDirectories(home);
            for (int i = 0; i < INSTANCES; i++) {
                FileChannel channel = FileChannel.open(
                        home.resolve("instance-" + i + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                if (locked(channel)) {
                    return new StateDirectory(home.resolve("instance-" + i), channel);
                }
                channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("--state-dir: " + base + " cannot be written: " + e.getMessage(), e);
        }
        throw new IllegalStateException("--state-dir: " + INSTANCES + " fitters already use " + base);
    }

    /**
     * What an application has of a cluster on this machine, of all instances:
     * {@code base/cluster/instance-i/application}.
     *
     * @throws UncheckedIOException if the directory cannot be read, naming it
     */
    static List<Path> of(Path base, String cluster, String application) {
        Path home = base.resolve(cluster);
        if (!Files.isDirectory(home)) {
            return List.of();
        }
        try (Stream<Path> instances = Files.list(home)) {
            return instances
                    .map(instance -> instance.resolve(application))
                    .filter(Files::isDirectory)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("--state-dir: " + home + " cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Deletes a directory with all that is in it, where it is there.
     *
     * @throws IllegalStateException if it cannot be deleted, naming it
     */
    static void delete(Path directory) {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException e) {
            throw new IllegalStateException("--state-dir: " + directory + " cannot be deleted: " + e.getMessage(), e);
        }
    }

    private static boolean locked(FileChannel channel) throws IOException {
        try {
            FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false; // this JVM itself holds it
        }
    }

    Path path() {
        return path;
    }

    /** Releases the directory; its contents stay for the next start. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
