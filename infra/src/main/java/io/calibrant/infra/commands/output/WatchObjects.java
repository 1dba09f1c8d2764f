package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;

/** The objects of {@code watch --jsonl}; their first field, 'update', names their kind. */
public final class WatchObjects {
    private WatchObjects() {}

    /** A record of topic progress. */
    public static ObjectNode progress(Progress progress) {
        ObjectNode object = Output.object();
        object.put("update", "progress");
        object.put("run", progress.getRunId());
        object.put("phase", progress.getPhase().toString());
        object.put("checkpoint", progress.getCheckpoint());
        object.put("step", progress.getStep());
        object.put("steps", progress.getSteps());
        object.put("loss", progress.getLoss());
        object.put("learningRate", progress.getLearningRate());
        object.put("examples", progress.getExamples());
        object.put("timestamp", progress.getTimestamp().toString());
        return object;
    }

    /**
     * The factors of a block.
     *
     * @param lagSeconds null where it is not known
     */
    public static ObjectNode factors(FactorUpdate update, Double lagSeconds) {
        ObjectNode object = Output.object();
        object.put("update", "factors");
        object.put("run", update.getRunId());
        object.put("checkpoint", update.getCheckpoint());
        object.put("fit", update.getFit());
        object.put("block", update.getBlock());
        object.put("batches", update.getBatches());
        object.put("batchesExpected", update.getBatchesExpected());
        object.set("spectrum", Output.json(update.getSpectrum()));
        object.set("smallSpectrum", Output.json(update.getSmallSpectrum()));
        object.put("trace", update.getTrace());
        object.put("capturedEnergy", update.getCapturedEnergy());
        object.put("delta", update.getDelta());
        object.put("n", update.getN());
        object.put("examples", update.getExamples());
        object.put("lagSeconds", lagSeconds);
        object.put("timestamp", update.getTimestamp().toString());
        return object;
    }

    /**
     * As {@code fits --json}, with the progress of training.
     *
     * @param trainer null without records of topic progress
     */
    public static ObjectNode posterior(Posterior posterior, FitHistory fit, RunHistory trainer) {
        ObjectNode object = Output.object();
        object.put("update", "posterior");
        object.setAll(PosteriorFields.object(posterior));
        Progress step = trainer == null ? null : trainer.latestStep();
        object.put("step", step == null ? null : (Long) step.getStep());
        object.put("loss", step == null ? null : step.getLoss());
        object.put("learningRate", step == null ? null : step.getLearningRate());
        object.put("lagSeconds", trainer == null ? null : trainer.lagSeconds(fit));
        return object;
    }
}
