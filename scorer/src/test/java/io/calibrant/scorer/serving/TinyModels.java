package io.calibrant.scorer.serving;

import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.scorer.TinyModel;
import io.calibrant.scorer.TinyRun;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.trainer.model.ComputeDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Models of the tiny run and a table that holds them, without topics; for one thread. */
public final class TinyModels implements AutoCloseable {
    private static final TinyRun RUN =
            new TinyRun(Connection.to("127.0.0.1:9092", "mock://tiny-models"), false, List.of("A", "B"));

    private final BaseModel base;
    private final ModelFactory factory;
    private final Map<Target, FitModel> models = new HashMap<>();
    private final ModelTable table;
    private Map<Target, FitModel> served = Map.of();
    private int requests;

    /**
     * Loads the tiny model, and serves nothing yet.
     *
     * @param directory where the model is written to
     * @param required targets without which the table is not ready
     */
    public TinyModels(Path directory, Target... required) throws IOException {
        TinyModel.write(directory);
        base = BaseModel.load(directory, ComputeDevice.CPU);
        factory = new ModelFactory(base, AnsweringSettings.DEFAULTS.withPoints(64));
        table = new ModelTable(new HashSet<>(Arrays.asList(required)), this::serve);
    }

    /** The table, whose keeper answers a request before the request has returned. */
    public ModelTable table() {
        return table;
    }

    /** Requests that the keeper has served so far. */
    public int requests() {
        return requests;
    }

    /** Serves a posterior of that version for some targets, from now on. */
    public void serve(long version, Target... targets) {
        for (Target target : targets) {
            models.put(target, model(version));
        }
        publish();
    }

    /** Serves it no longer, from the next request on. */
    public void withdraw(Target target) {
        models.remove(target);
    }

    /** A model of the tiny run, held by its caller. */
    FitModel model(long version) {
        return factory.create(snapshot(version), Set.of());
    }

    private static Snapshot snapshot(long version) {
        Posterior posterior = RUN.posterior(version, PosteriorState.COMPLETE, 2).build();
        return new Snapshot(
                RUN.run(""),
                posterior,
                RUN.adapter(),
                RUN.factors().values().stream()
                        .map(factor -> FactorRecords.posterior(factor, posterior))
                        .toList(),
                null);
    }

    /** As the keeper does it: models with the tokens that are asked for, then the requests. */
    private void serve() {
        for (ModelTable.Request request : table.requests()) {
            requests++;
            request.tokens()
                    .forEach((run, tokens) -> models.replaceAll((target, model) -> {
                        if (!target.run().equals(run)) {
                            return model;
                        }
                        Set<Integer> all = new HashSet<>(model.tokens());
                        all.addAll(tokens);
                        return factory.create(model.snapshot(), all);
                    }));
            publish();
            Map<Target, String> refusals = new HashMap<>();
            for (Target target : request.wanted()) {
                if (!models.containsKey(target)) {
                    refusals.put(target, "there is no fit '" + target.fit() + "'");
                }
            }
            Set<String> unknown = new HashSet<>(request.otherRuns());
            unknown.remove("elsewhere");
            table.serve(request, refusals, unknown);
        }
    }

    private void publish() {
        Map<Target, FitModel> before = served;
        served = Map.copyOf(models);
        table.replace(served);
        before.forEach((target, model) -> {
            if (served.get(target) != model) {
                model.predictors().release();
            }
        });
    }

    @Override
    public void close() {
        table.replace(Map.of());
        served.values().forEach(model -> model.predictors().release());
        base.close();
    }
}
