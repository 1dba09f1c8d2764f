package io.calibrant.scorer.service;

import io.calibrant.fitter.link.Link;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Posterior;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.apache.kafka.common.errors.WakeupException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models that answer now. One thread, the keeper, follows the topics and puts a newer posterior in the place of the
 * older, whole with its adapter, while others answer; those who take questions borrow the models poll by poll, so that
 * a poll sees one version of each, and an old one is freed by its last borrower.
 */
final class Serving implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Serving.class);

    /** Fits that only questions name and that are kept ready. */
    private static final int MOST_NAMED = 4;

    private final Connection connection;
    private final ScorerSettings settings;
    private final BaseModel base;
    private final Catalogue catalogue;
    private final TopicFollower follower;
    private final ScorerListener listener;
    private final Link link;

    // The keeper's alone.
    private final Set<Target> defaults = new LinkedHashSet<>();
    private final Set<Target> named = new LinkedHashSet<>(); // the longest unused first
    private final Map<String, Set<Integer>> tokens = new HashMap<>();
    private final Map<Target, String> failed = new HashMap<>();
    private String reason = "";
    private boolean incomplete;

    // Everybody's, guarded by this.
    private Map<Target, FitModel> table = new HashMap<>();
    private final List<Request> requests = new ArrayList<>();
    private final Set<String> elsewhere = new HashSet<>(); // runs that are known to exist, and not served here
    private boolean ready;
    private boolean closed;

    /**
     * What a borrower wants of the keeper.
     *
     * @param wanted targets that are not ready yet, perhaps
     * @param strangers runs of which it is to be said whether they exist
     * @param tokens token ids by run that must have logits
     */
    private record Request(
            Set<Target> wanted,
            Set<String> strangers,
            Map<String, Set<Integer>> tokens,
            CompletableFuture<Lease> done) {}

    Serving(
            Connection connection,
            ScorerSettings settings,
            BaseModel base,
            Catalogue catalogue,
            TopicFollower follower,
            ScorerListener listener) {
        this.connection = connection;
        this.settings = settings;
        this.base = base;
        this.catalogue = catalogue;
        this.follower = follower;
        this.listener = listener;
        this.link = new Link(settings.link(), settings.points(), 0);
        settings.runs().forEach(run -> defaults.add(new Target(run, settings.fit())));
    }

    // --- For those who take questions
    // -----------------------------------------------------------------------------------

    /**
     * Waits until every run has a posterior to be served with.
     *
     * @return false if that takes longer than {@code timeout}
     * @throws WakeupException if the scorer stops
     */
    synchronized boolean awaitReady(Duration timeout) {
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
     * Borrows models.
     *
     * @param wanted what is to answer
     * @param strangers runs that are not this scorer's, of which it is to be said whether they exist
     * @param current whether the models must be those of the newest posteriors committed before this call
     * @throws WakeupException if the scorer stops
     */
    Lease lease(Set<Target> wanted, Set<String> strangers, boolean current) {
        synchronized (this) {
            requireOpen();
            if (!current && elsewhere.containsAll(strangers) && table.keySet().containsAll(wanted)) {
                return lease(wanted);
            }
        }
        return ask(wanted, strangers, Map.of());
    }

    /** As {@link #lease}, with logits of some more tokens. */
    Lease leaseWith(Map<String, Set<Integer>> more, Set<Target> wanted) {
        return ask(wanted, Set.of(), more);
    }

    private Lease ask(Set<Target> wanted, Set<String> strangers, Map<String, Set<Integer>> more) {
        Request request = new Request(wanted, strangers, more, new CompletableFuture<>());
        synchronized (this) {
            requireOpen();
            requests.add(request);
        }
        follower.wakeup();
        try {
            return request.done().join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException known ? known : e;
        }
    }

    private Lease lease(Set<Target> wanted) {
        Map<Target, FitModel> found = new HashMap<>();
        for (Target target : wanted) {
            found.put(target, table.get(target));
        }
        return new Lease(ready, found, Map.of(), Set.of());
    }

    private void requireOpen() {
        if (closed) {
            throw new WakeupException();
        }
    }

    // --- The keeper's
    // ---------------------------------------------------------------------------------------------------

    /** Whether anybody waits for {@link #turn}. */
    synchronized boolean isAsked() {
        return !requests.isEmpty();
    }

    /**
     * Brings the models up to what the catalogue holds, and serves the requests.
     *
     * @param news whether the catalogue has changed since the last turn
     * @throws IllegalArgumentException if the first posterior of a run cannot be served with this base model
     */
    void turn(boolean news) {
        List<Request> now;
        synchronized (this) {
            now = List.copyOf(requests);
        }
        if (!now.isEmpty()) {
            follower.catchUp(); // interrupted by another request it is done again, the requests still waiting
            want(now);
            for (Request request : now) {
                request.tokens()
                        .forEach((run, more) -> tokens.computeIfAbsent(run, r -> new LinkedHashSet<>())
                                .addAll(more));
            }
        }
        if (news || incomplete || !now.isEmpty()) {
            refresh();
        }
        now.forEach(this::serve);
    }

    /** Makes room for what is asked for now by what was not asked for the longest. */
    private void want(List<Request> now) {
        Set<Target> wanted = new LinkedHashSet<>();
        now.forEach(request -> wanted.addAll(request.wanted()));
        wanted.removeAll(defaults);
        named.removeAll(wanted);
        named.addAll(wanted);
        while (named.size() > Math.max(MOST_NAMED, wanted.size())) {
            named.remove(named.iterator().next());
        }
    }

    private void serve(Request request) {
        Map<Target, String> refusals = new HashMap<>();
        Set<String> unknown = new HashSet<>();
        for (String stranger : request.strangers()) {
            if (!catalogue.knows(stranger)) {
                unknown.add(stranger);
            }
        }
        Lease lease;
        synchronized (this) {
            Map<Target, FitModel> found = new HashMap<>();
            for (Target target : request.wanted()) {
                FitModel model = table.get(target);
                if (model != null) {
                    found.put(target, model);
                } else {
                    refusals.put(target, failed.getOrDefault(target, catalogue.waitingFor(target.run(), target.fit())));
                }
            }
            request.strangers().stream()
                    .filter(stranger -> !unknown.contains(stranger))
                    .forEach(elsewhere::add);
            requests.remove(request);
            lease = new Lease(ready, found, refusals, unknown);
        }
        request.done().complete(lease);
    }

    private void refresh() {
        incomplete = false;
        Map<Target, FitModel> next = new LinkedHashMap<>();
        Set<FitModel> made = new HashSet<>();
        boolean done = false;
        try {
            Stream.concat(defaults.stream(), named.stream()).forEach(target -> {
                FitModel old = table.get(target);
                FitModel model = next(target, old, next.values());
                if (model != null) {
                    next.put(target, model);
                }
                if (model != null && model != old) {
                    made.add(model);
                }
            });
            done = true;
        } finally {
            if (!done) {
                made.forEach(model -> model.projections().release());
            }
        }
        publish(next);
        named.retainAll(next.keySet());
        made.forEach(model -> listener.serving(model.posterior()));
    }

    /** What is to answer from now on: {@code old}, a new model, or null. */
    private FitModel next(Target target, FitModel old, Collection<FitModel> besides) {
        Optional<Servable> newest = catalogue.newest(target.run(), target.fit());
        boolean stands = old != null && catalogue.holds(old.posterior());
        // Factors that have gone on, under a posterior that has not, leave the model as it is: it has them.
        if (stands && (newest.isEmpty() || !Catalogue.isNewer(newest.get().posterior(), old.posterior()))) {
            return hasTokens(old) ? old : rebuilt(old, besides);
        }
        if (newest.isEmpty()) {
            return null;
        }
        try {
            FitModel model = model(newest.get(), besides).orElse(stands ? old : null);
            failed.remove(target);
            return model;
        } catch (IllegalArgumentException e) {
            String why = "posterior " + newest.get().id() + " of run '" + target.run() + "' cannot be served: "
                    + e.getMessage();
            if (!why.equals(failed.put(target, why))) {
                LOG.warn("{}", why);
            }
            if (!stands && defaults.contains(target)) {
                throw e;
            }
            return stands ? old : null;
        }
    }

    /** Empty if a part has been replaced since: what replaced it is on its way. */
    private Optional<FitModel> model(Servable servable, Collection<FitModel> besides) {
        Optional<FitModel> alike = models(besides)
                .filter(model -> Servable.basis(model.posterior()).equals(Servable.basis(servable.posterior()))
                        && hasTokens(model))
                .findFirst();
        if (alike.isPresent()) {
            return Optional.of(alike.get().with(servable.posterior()));
        }
        base.requireModelOf(servable.run());
        Optional<Snapshot> snapshot = Snapshot.fetch(servable, connection, follower);
        incomplete |= snapshot.isEmpty();
        return snapshot.map(parts -> model(parts, besides));
    }

    private FitModel rebuilt(FitModel old, Collection<FitModel> besides) {
        return model(old.snapshot(), besides);
    }

    private FitModel model(Snapshot snapshot, Collection<FitModel> besides) {
        RunWeights weights = models(besides)
                .filter(model ->
                        model.posterior().getRunId().equals(snapshot.posterior().getRunId())
                                && model.posterior()
                                        .getCheckpoint()
                                        .equals(snapshot.posterior().getCheckpoint())
                                && hasTokens(model))
                .map(model -> model.projections().weights())
                .findFirst()
                .orElse(null);
        if (weights == null) {
            weights = new RunWeights(
                    base, snapshot, tokens.getOrDefault(snapshot.run().getRunId(), Set.of()));
        } else {
            weights.hold();
        }
        Projections projections;
        boolean done = false;
        try {
            projections = new Projections(weights, snapshot.blocks(), settings.tier());
            done = true;
        } finally {
            if (!done) {
                weights.release();
            }
        }
        return new FitModel(snapshot, projections, link, new PromptReader(base, snapshot.run()));
    }

    private Stream<FitModel> models(Collection<FitModel> besides) {
        return Stream.concat(besides.stream(), table.values().stream()).filter(Objects::nonNull);
    }

    private boolean hasTokens(FitModel model) {
        return model.projections()
                .weights()
                .tokens()
                .containsAll(tokens.getOrDefault(model.posterior().getRunId(), Set.of()));
    }

    private void publish(Map<Target, FitModel> next) {
        List<FitModel> freed = new ArrayList<>();
        synchronized (this) {
            for (FitModel old : table.values()) {
                if (next.values().stream().noneMatch(model -> model == old)) {
                    freed.add(old);
                }
            }
            table = Map.copyOf(next);
            ready = table.keySet().containsAll(defaults);
            notifyAll();
        }
        freed.forEach(model -> model.projections().release());
        String now = ready
                ? ""
                : defaults.stream()
                        .filter(target -> !next.containsKey(target))
                        .map(target -> catalogue.waitingFor(target.run(), target.fit()))
                        .findFirst()
                        .orElse("");
        if (!now.isEmpty() && !now.equals(reason)) {
            listener.waiting(now);
        }
        reason = now;
    }

    /** Whoever waits for this hears that the scorer stops. */
    void shutDown() {
        List<Request> waiting;
        synchronized (this) {
            closed = true;
            waiting = List.copyOf(requests);
            requests.clear();
            notifyAll();
        }
        waiting.forEach(request -> request.done().completeExceptionally(new WakeupException()));
    }

    /** Frees the models; nobody may have borrowed any. */
    @Override
    public void close() {
        shutDown();
        table.values().forEach(model -> model.projections().release());
        table = Map.of();
    }

    /** What is served now, for tests. */
    synchronized Map<Target, Posterior> posteriors() {
        Map<Target, Posterior> now = new HashMap<>();
        table.forEach((target, model) -> now.put(target, model.posterior()));
        return now;
    }
}
