package io.calibrant.testing;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A process with all that it has started: what is killed without its children leaves them writing for a while. */
public final class ProcessTree {
    private static final int PATIENCE_SECONDS = 60;

    private ProcessTree() {}

    /**
     * kill -9 for a process and its descendants; returns when all are gone, so that no file of theirs changes any more.
     * One that has ended already is no fault.
     */
    public static void kill(Process process) {
        List<ProcessHandle> tree = Stream.concat(Stream.of(process.toHandle()), process.descendants())
                .toList();
        tree.forEach(ProcessHandle::destroyForcibly); // the parent first: it would start others in their place
        CompletableFuture.allOf(tree.stream().map(ProcessHandle::onExit).toArray(CompletableFuture[]::new))
                .orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS)
                .join();
    }
}
