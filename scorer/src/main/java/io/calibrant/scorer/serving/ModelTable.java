package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.Posterior;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.kafka.common.errors.WakeupException;

/**
 * The models that answer now. Threads that take questions lease models poll by poll, so that a poll sees one version of
 * each; a model that is replaced is freed when its last lease is closed. Where a model is missing they ask the
 * {@link ModelKeeper}, which alone changes the table. Thread-safe.
 */
public final class ModelTable {
    private final Set<Target> required;
    private final Runnable wakeKeeper;

    // Guarded by this.
    Map<Target, FitModel> models = Map.of();
    private Map<String, Integer> newer = Map.of();
    private final List<Request> requests = new ArrayList<>();
    private final Set<String> elsewhere = new HashSet<>(); // runs that exist and are not served here
    private boolean ready;
    private boolean closed;

    /**
     * A request of a thread that takes questions to the keeper.
     *
     * @param wanted targets, some of which may have no model yet
     * @param otherRuns runs that are not served here; the lease says which of them do not exist
     * @param tokens token ids by run that must have logits
     * @param done completed by {@link #serve}
     */
    record Request(
            Set<Target> wanted,
            Set<String> otherRuns,
            Map<String, Set<Integer>> tokens,
            CompletableFuture<Lease> done) {}

    /**
     * An empty table.
     *
     * @param required targets that must all have a model before any question is taken
     * @param wakeKeeper called after each request, by the thread that asks
     */
    ModelTable(Set<Target> required, Runnable wakeKeeper) {
        this.required = Set.copyOf(required);
        this.wakeKeeper = wakeKeeper;
    }

    /**
     * Waits until every run has a posterior to be served with.
     *
     * @return false if that takes longer than {@code timeout}
     * @throws WakeupException if the scorer stops
     */
    public synchronized boolean awaitReady(Duration timeout) {
        long end = System.nanoTime() + timeout.toNanos();
        try {
            while (!ready) {
                requireOpen();
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    return false;
                }
                wait(left);
            }
            requireOpen();
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WakeupException();
        }
    }

    /**
     * Leases models, at once where they are in the table, else after the keeper's next turn.
     *
     * @param wanted targets of the questions
     * @param otherRuns runs that are not served here; the lease says which of them do not exist
     * @param current whether the models must be those of the newest posteriors committed before this call
     * @throws WakeupException if the scorer stops
     */
    public Lease lease(Set<Target> wanted, Set<String> otherRuns, boolean current) {
        synchronized (this) {
            requireOpen();
            if (!current && elsewhere.containsAll(otherRuns) && models.keySet().containsAll(wanted)) {
                return new Lease(ready, found(wanted), Map.of(), Set.of());
            }
        }
        return ask(wanted, otherRuns, Map.of());
    }

    /** As {@link #lease}, with logits of some more tokens, by run. */
    public Lease leaseWith(Map<String, Set<Integer>> more, Set<Target> wanted) {
        return ask(wanted, Set.of(), more);
    }

    private Lease ask(Set<Target> wanted, Set<String> otherRuns, Map<String, Set<Integer>> more) {
        Request request = new Request(wanted, otherRuns, more, new CompletableFuture<>());
        synchronized (this) {
            requireOpen();
            requests.add(request);
        }
        wakeKeeper.run();
        try {
            return request.done().join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException known ? known : e;
        }
    }

    private Map<Target, FitModel> found(Set<Target> wanted) {
        Map<Target, FitModel> found = new HashMap<>(models);
        found.keySet().retainAll(wanted);
        return found;
    }

    private void requireOpen() {
        if (closed) {
            throw new WakeupException();
        }
    }

    /** Whether every run has a posterior to be served with. */
    public synchronized boolean isReady() {
        return ready;
    }

    /** The posteriors that questions are answered with now; one twice that is asked for by two names. */
    public synchronized List<Posterior> posteriors() {
        return models.values().stream().map(FitModel::posterior).toList();
    }

    /**
     * By run, how many complete posteriors there are that would answer in place of the one that does, or in place of
     * none, and cannot be served.
     */
    public synchronized Map<String, Integer> newer() {
        return newer;
    }

    synchronized void newer(Map<String, Integer> now) {
        newer = Map.copyOf(now);
    }

    /** Whether there is a request. */
    synchronized boolean isAsked() {
        return !requests.isEmpty();
    }

    /** Requests that are not served yet, the oldest first. */
    synchronized List<Request> requests() {
        return List.copyOf(requests);
    }

    /**
     * Completes a request with the models that the table holds.
     *
     * @param refusals why there is no model, for every target without one
     * @param unknown those of the other runs that do not exist
     */
    void serve(Request request, Map<Target, String> refusals, Set<String> unknown) {
        Lease lease;
        synchronized (this) {
            Set<String> known = new HashSet<>(request.otherRuns());
            known.removeAll(unknown);
            elsewhere.addAll(known);
            requests.remove(request);
            lease = new Lease(ready, found(request.wanted()), refusals, unknown);
        }
        if (!request.done().complete(lease)) {
            lease.close();
        }
    }

    /** Replaces all models of the table. */
    synchronized void replace(Map<Target, FitModel> next) {
        models = Map.copyOf(next);
        ready = models.keySet().containsAll(required);
        notifyAll();
    }

    /** Makes every call that waits for the table throw a WakeupException, now and later. From any thread. */
    public void shutDown() {
        List<Request> waiting;
        synchronized (this) {
            closed = true;
            waiting = List.copyOf(requests);
            requests.clear();
            notifyAll();
        }
        waiting.forEach(request -> request.done().completeExceptionally(new WakeupException()));
    }
}
