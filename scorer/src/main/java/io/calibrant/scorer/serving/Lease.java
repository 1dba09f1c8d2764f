package io.calibrant.scorer.serving;

import java.util.Map;
import java.util.Set;

/** The models of one poll: they stay until it is closed, whatever replaces them meanwhile. Not thread-safe. */
public final class Lease implements AutoCloseable {
    private final boolean ready;
    private final Map<Target, FitModel> models;
    private final Map<Target, String> refusals;
    private final Set<String> unknown;
    private boolean closed;

    /** Holds the models. */
    Lease(boolean ready, Map<Target, FitModel> models, Map<Target, String> refusals, Set<String> unknown) {
        this.ready = ready;
        this.models = Map.copyOf(models);
        this.refusals = Map.copyOf(refusals);
        this.unknown = Set.copyOf(unknown);
        this.models.values().forEach(model -> model.predictors().hold());
    }

    /** Whether every run has a posterior to be served with; if not, nothing may be answered or rejected. */
    public boolean ready() {
        return ready;
    }

    /** The models that were asked for and are there. */
    public Map<Target, FitModel> models() {
        return models;
    }

    /** Why there is no model, for the other targets that were asked for. */
    public Map<Target, String> refusals() {
        return refusals;
    }

    /** Runs that are not on the topics, of those that were asked about. */
    public Set<String> unknown() {
        return unknown;
    }

    /** Releases the models; closing it again does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        models.values().forEach(model -> model.predictors().release());
    }
}
