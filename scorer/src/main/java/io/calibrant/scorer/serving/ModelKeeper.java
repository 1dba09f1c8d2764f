package io.calibrant.scorer.serving;

import ai.djl.engine.EngineException;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import io.calibrant.scorer.answering.AnsweringSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.WakeupException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the {@link ModelTable} up to date: follows the topics, makes a model of each newer posterior with its adapter
 * while other threads answer, and replaces the older one by it. Not thread-safe; confined to one thread, but for
 * {@link #wakeup}.
 */
public final class ModelKeeper implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ModelKeeper.class);

    /** How many fits that only questions name are kept in the table. */
    private static final int MOST_NAMED = 4;

    private final Connection connection;
    private final ModelFactory factory;
    private final Catalogue catalogue;
    private final CatalogueFeed feed;
    private final ServingListener listener;
    private final ModelTable table;

    private final Set<Target> defaults = new LinkedHashSet<>();
    private final Set<Target> named = new LinkedHashSet<>(); // the least recently used first
    private final Map<String, Set<Integer>> tokens = new HashMap<>();
    private final Map<ServablePosterior, String> refused = new HashMap<>();
    private final Set<ServablePosterior> seen = new HashSet<>(); // of this turn, newer than what is served
    private Map<Target, FitModel> models = Map.of();
    private String reason = "";
    private boolean incomplete;
    private boolean news;

    /**
     * Finds the topics.
     *
     * @param base not closed with this object
     * @param listener is called when what is served changes
     * @throws IllegalStateException naming the address if no broker answers, or the topic that does not exist
     */
    public static ModelKeeper of(
            Connection connection,
            ServingSettings settings,
            AnsweringSettings answering,
            BaseModel base,
            ServingListener listener) {
        Catalogue catalogue = new Catalogue(connection, settings.runs());
        return new ModelKeeper(
                connection,
                settings,
                new ModelFactory(base, answering),
                catalogue,
                new TopicFollower(connection, catalogue, listener),
                listener);
    }

    /** @param feed of the catalogue; closed with this object */
    ModelKeeper(
            Connection connection,
            ServingSettings settings,
            ModelFactory factory,
            Catalogue catalogue,
            CatalogueFeed feed,
            ServingListener listener) {
        this.connection = connection;
        this.factory = factory;
        this.catalogue = catalogue;
        this.feed = feed;
        this.listener = listener;
        settings.runs().forEach(run -> defaults.add(new Target(run, settings.fit())));
        this.table = new ModelTable(defaults, feed::wakeup);
    }

    /** The table of the models, for any thread. */
    public ModelTable table() {
        return table;
    }

    /**
     * Reads what is on the topics and serves it.
     *
     * @throws IllegalArgumentException if the first posterior of a run cannot be served with this base model
     */
    public void start() {
        feed.catchUp();
        turn(true);
    }

    /**
     * Waits for records on the topics or for a request, and brings the table up to date.
     *
     * @throws IllegalArgumentException if the first posterior of a run cannot be served with this base model
     * @throws WakeupException if a request arrives while this waits; the next turn serves it
     * @throws RuntimeException if broker or registry do not answer: the next turn does again what this one did not
     */
    public void turn(Duration timeout) {
        try {
            news |= !table.isAsked() && feed.poll(timeout);
            turn(news);
            news = false;
        } catch (WakeupException e) {
            throw e;
        } catch (RuntimeException e) {
            news = true;
            throw e;
        }
    }

    /** Makes a waiting {@link #turn} throw a WakeupException; from any thread. */
    public void wakeup() {
        feed.wakeup();
    }

    /**
     * Brings the models up to what the catalogue holds, and serves the requests.
     *
     * @param changed whether the catalogue has changed since the last turn
     */
    void turn(boolean changed) {
        List<ModelTable.Request> now = table.requests();
        if (!now.isEmpty()) {
            feed.catchUp(); // where another request interrupts this, the next turn does it again: requests stay
            // until served
            want(now);
            for (ModelTable.Request request : now) {
                request.tokens()
                        .forEach((run, more) -> tokens.computeIfAbsent(run, r -> new LinkedHashSet<>())
                                .addAll(more));
            }
        }
        if (changed || incomplete || !now.isEmpty()) {
            refresh();
        }
        now.forEach(this::serve);
    }

    /** Remembers the fits that are asked for by name; the least recently used are dropped. */
    private void want(List<ModelTable.Request> now) {
        Set<Target> wanted = new LinkedHashSet<>();
        now.forEach(request -> wanted.addAll(request.wanted()));
        wanted.removeAll(defaults);
        named.removeAll(wanted);
        named.addAll(wanted);
        while (named.size() > Math.max(MOST_NAMED, wanted.size())) {
            named.remove(named.iterator().next());
        }
    }

    private void serve(ModelTable.Request request) {
        Map<Target, String> refusals = new HashMap<>();
        for (Target target : request.wanted()) {
            if (!models.containsKey(target)) {
                refusals.put(target, reason(target));
            }
        }
        Set<String> unknown = new HashSet<>(request.otherRuns());
        unknown.removeIf(catalogue::knows);
        table.serve(request, refusals, unknown);
    }

    private void refresh() {
        incomplete = false;
        seen.clear();
        Map<Target, FitModel> next = new LinkedHashMap<>();
        Set<FitModel> made = new HashSet<>();
        boolean done = false;
        try {
            Stream.concat(defaults.stream(), named.stream()).forEach(target -> {
                FitModel old = models.get(target);
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
                made.forEach(model -> model.predictors().release());
            }
        }
        refused.keySet().retainAll(seen);
        publish(next);
        named.retainAll(next.keySet());
        made.forEach(model -> listener.serving(model.posterior()));
        sayWhatIsMissing();
    }

    /**
     * The model that answers from now on: {@code old}, a new one, or null. A posterior that cannot be served is passed
     * over until another record takes the place of one of its own.
     */
    private FitModel next(Target target, FitModel old, Collection<FitModel> besides) {
        boolean stands = old != null && catalogue.holds(old.posterior());
        for (ServablePosterior servable : catalogue.servable(target.run(), target.fit())) {
            // Where factors are newer than the posterior, the model stays: it has a copy of the right ones.
            if (stands && !Catalogue.isNewer(servable.posterior(), old.posterior())) {
                break;
            }
            seen.add(servable);
            if (refused.containsKey(servable)) {
                continue;
            }
            try {
                return model(servable, besides).orElse(stands ? old : null);
            } catch (RuntimeException e) {
                if (!isOfARecord(e) || (isOfTheBaseModel(e) && !stands && defaults.contains(target))) {
                    throw e;
                }
                String why = "posterior " + servable.id() + " of run '" + target.run() + "' cannot be served: "
                        + (e.getMessage() == null ? e.toString() : e.getMessage());
                refused.put(servable, why);
                LOG.warn("{}", why);
            }
        }
        if (!stands) {
            return null;
        }
        return hasTokens(old) ? old : model(old.snapshot(), besides);
    }

    /** Broker, registry and engine fail whatever the record is: those failures are for the caller to repeat. */
    private static boolean isOfARecord(RuntimeException e) {
        if (e instanceof KafkaException) {
            return e instanceof SerializationException && !RegistryUnavailableException.isTransient(e);
        }
        return !(e instanceof EngineException || e instanceof IllegalStateException);
    }

    private static boolean isOfTheBaseModel(RuntimeException e) {
        return e instanceof MisfitException || e instanceof ConfigurationException;
    }

    /** Why a target has no model. */
    private String reason(Target target) {
        return catalogue
                .newest(target.run(), target.fit())
                .map(refused::get)
                .orElseGet(() -> catalogue.waitingFor(target.run(), target.fit()));
    }

    /** Empty if a part was replaced meanwhile: the record that replaced it will arrive. */
    private Optional<FitModel> model(ServablePosterior servable, Collection<FitModel> besides) {
        Optional<FitModel> alike = models(besides)
                .filter(model ->
                        ServablePosterior.basis(model.posterior()).equals(ServablePosterior.basis(servable.posterior()))
                                && hasTokens(model))
                .findFirst();
        if (alike.isPresent()) {
            return Optional.of(alike.get().with(servable.posterior()));
        }
        factory.requireModelOf(servable.run());
        Optional<Snapshot> snapshot = Snapshot.fetch(servable, connection, feed, catalogue::gone);
        incomplete |= snapshot.isEmpty();
        return snapshot.map(parts -> model(parts, besides));
    }

    private FitModel model(Snapshot snapshot, Collection<FitModel> besides) {
        Posterior posterior = snapshot.posterior();
        Optional<RunWeights> weights = models(besides)
                .filter(model -> model.posterior().getRunId().equals(posterior.getRunId())
                        && model.posterior().getCheckpoint().equals(posterior.getCheckpoint())
                        && hasTokens(model))
                .map(model -> model.predictors().weights())
                .findFirst();
        return weights.isPresent()
                ? factory.on(weights.get(), snapshot)
                : factory.create(snapshot, tokens.getOrDefault(posterior.getRunId(), Set.of()));
    }

    private Stream<FitModel> models(Collection<FitModel> besides) {
        return Stream.concat(besides.stream(), models.values().stream());
    }

    private boolean hasTokens(FitModel model) {
        return model.tokens().containsAll(tokens.getOrDefault(model.posterior().getRunId(), Set.of()));
    }

    private void publish(Map<Target, FitModel> next) {
        List<FitModel> freed = new ArrayList<>();
        for (FitModel old : models.values()) {
            if (next.values().stream().noneMatch(model -> model == old)) {
                freed.add(old);
            }
        }
        models = Map.copyOf(next);
        table.replace(models);
        freed.forEach(model -> model.predictors().release());
        Map<String, Integer> newer = new HashMap<>();
        for (Target target : defaults) {
            FitModel model = models.get(target);
            newer.put(
                    target.run(),
                    catalogue.newer(target.run(), target.fit(), model == null ? null : model.posterior()));
        }
        table.newer(newer);
    }

    /** After what is served: as long as one of several runs has no model, no question is taken. */
    private void sayWhatIsMissing() {
        String now = defaults.stream()
                .filter(target -> !models.containsKey(target))
                .map(this::reason)
                .findFirst()
                .orElse("");
        if (!now.isEmpty() && !now.equals(reason)) {
            listener.waiting(now);
        }
        reason = now;
    }

    /** Frees the models; every lease must be closed before. */
    @Override
    public void close() {
        table.shutDown();
        table.replace(Map.of());
        models.values().forEach(model -> model.predictors().release());
        models = Map.of();
        feed.close();
    }
}
