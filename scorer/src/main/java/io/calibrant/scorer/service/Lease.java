package io.calibrant.scorer.service;

import java.util.Map;
import java.util.Set;

/**
 * The models of one poll: they stay until it is closed, whatever is swapped in meanwhile.
 *
 * @param ready whether every run has a posterior to be served with; if not, nothing may be answered or rejected
 * @param models what answers
 * @param refusals why there is no model, for the other targets that were asked for
 * @param unknown runs that are not on the topics, of those that were asked about
 */
record Lease(boolean ready, Map<Target, FitModel> models, Map<Target, String> refusals, Set<String> unknown)
        implements AutoCloseable {
    Lease {
        models = Map.copyOf(models);
        refusals = Map.copyOf(refusals);
        unknown = Set.copyOf(unknown);
        models.values().forEach(model -> model.projections().hold());
    }

    @Override
    public void close() {
        models.values().forEach(model -> model.projections().release());
    }
}
