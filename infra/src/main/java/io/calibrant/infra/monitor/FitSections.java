package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.BlockHistory;
import io.calibrant.infra.live.Blocks;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.LiveState;
import io.calibrant.infra.live.PosteriorPoint;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import java.util.Collection;
import java.util.List;

/** How a run is trained and what its fits have come to: figures, series, blocks. Times are seconds since the epoch. */
final class FitSections {
    private static final ObjectMapper JSON = new ObjectMapper();

    private FitSections() {}

    /** @param trainer null where nothing is known */
    static ObjectNode training(RunHistory trainer) {
        ObjectNode object = JSON.createObjectNode();
        Collection<Progress> steps =
                trainer == null ? List.of() : trainer.losses().points();
        object.put("stretch", trainer == null ? 1 : trainer.losses().stretch());
        JsonNumbers.add(object.putArray("step"), steps, each -> (double) each.getStep());
        JsonNumbers.add(
                object.putArray("time"), steps, each -> each.getTimestamp().toEpochMilli() / 1000.0);
        JsonNumbers.add(object.putArray("loss"), steps, Progress::getLoss);
        JsonNumbers.add(object.putArray("learningRate"), steps, Progress::getLearningRate);
        return object;
    }

    /** @param fit null for none */
    static ObjectNode fit(FitHistory fit, RunHistory trainer) {
        ObjectNode object = JSON.createObjectNode();
        if (fit == null) {
            return object;
        }
        object.put("run", fit.name().run());
        object.put("checkpoint", fit.name().checkpoint());
        object.put("fit", fit.name().fit());
        object.put("changed", fit.changed());
        object.put("batches", fit.batches());
        object.put("batchesExpected", fit.batchesExpected());
        JsonNumbers.put(object, "lagSeconds", trainer == null ? null : trainer.lagSeconds(fit));
        Posterior posterior = fit.posterior();
        if (posterior != null) {
            PosteriorPoint point = PosteriorPoint.of(posterior);
            object.put("state", posterior.getState().toString());
            object.put("version", posterior.getVersion());
            JsonNumbers.put(object, "lambdaMin", point.lambdaMin());
            JsonNumbers.put(object, "lambdaMax", point.lambdaMax());
            JsonNumbers.put(object, "logEvidence", posterior.getLogEvidence());
            JsonNumbers.put(object, "effectiveParameters", posterior.getEffectiveParameters());
            object.put("parameters", posterior.getParameters());
            JsonNumbers.put(object, "capturedEnergy", posterior.getCapturedEnergy());
            object.put("calibration", posterior.getCalibration().toString());
            object.put("labels", posterior.getLabels());
        }
        object.set("series", series(fit));
        ArrayNode blocks = object.putArray("blocks");
        fit.blocks().forEach((name, block) -> {
            ObjectNode each = blocks.addObject();
            each.put("block", name);
            each.put("group", Blocks.group(name));
            each.put("name", Blocks.shortName(name));
            JsonNumbers.put(each, "energy", block.latest().getCapturedEnergy());
            JsonNumbers.put(each, "delta", block.latest().getDelta());
            JsonNumbers.put(each, "n", block.latest().getN());
            each.put("batches", block.latest().getBatches());
        });
        return object;
    }

    private static ObjectNode series(FitHistory fit) {
        Collection<PosteriorPoint> points = fit.posteriors().points();
        ObjectNode series = JSON.createObjectNode();
        series.put("stretch", fit.posteriors().stretch());
        JsonNumbers.add(series.putArray("batches"), points, each -> (double) each.batches());
        JsonNumbers.add(series.putArray("time"), points, each -> each.time() / 1000.0);
        JsonNumbers.add(series.putArray("lambdaMin"), points, PosteriorPoint::lambdaMin);
        JsonNumbers.add(series.putArray("lambdaMax"), points, PosteriorPoint::lambdaMax);
        JsonNumbers.add(series.putArray("logEvidence"), points, PosteriorPoint::logEvidence);
        JsonNumbers.add(series.putArray("effectiveParameters"), points, PosteriorPoint::effectiveParameters);
        return series;
    }

    /** The block to show: the one that is wanted, else the first; null where there is none. */
    static String blockIn(FitHistory fit, String wanted) {
        if (fit == null || fit.blocks().isEmpty()) {
            return null;
        }
        return wanted != null && fit.blocks().containsKey(wanted)
                ? wanted
                : fit.blocks().keySet().iterator().next();
    }

    /** @param name of a block of the fit, or null for none */
    static ObjectNode block(FitHistory fit, String name) {
        ObjectNode object = JSON.createObjectNode();
        if (name == null) {
            return object;
        }
        BlockHistory block = fit.blocks().get(name);
        object.put("block", name);
        object.put("name", Blocks.shortName(name));
        JsonNumbers.put(object, "energy", block.latest().getCapturedEnergy());
        JsonNumbers.put(object, "delta", block.latest().getDelta());
        JsonNumbers.put(object, "n", block.latest().getN());
        JsonNumbers.put(object, "trace", block.latest().getTrace());
        object.put("dimension", block.latest().getDimension());
        object.put("batches", block.latest().getBatches());
        object.put("changed", block.changed());
        JsonNumbers.add(object.putArray("spectrum"), block.spectrum(), each -> each);
        object.put("stretch", block.history().stretch());
        eigenvalues(object, block);
        return object;
    }

    private static void eigenvalues(ObjectNode object, BlockHistory block) {
        Collection<BlockHistory.Point> points = block.history().points();
        JsonNumbers.add(object.putArray("at"), points, each -> (double) each.batches());
        JsonNumbers.add(object.putArray("time"), points, each -> each.time() / 1000.0);
        ArrayNode eigenvalues = object.putArray("eigenvalues");
        int kept =
                points.stream().mapToInt(each -> each.spectrum().size()).max().orElse(0);
        for (int i = 0; i < kept; i++) {
            int index = i;
            JsonNumbers.add(
                    eigenvalues.addArray(),
                    points,
                    each -> index < each.spectrum().size() ? each.spectrum().get(index) : null);
        }
    }

    /**
     * The series of another run or fit, to be laid over those of the first.
     *
     * @param other null for none
     * @param block that the first shows; null for none
     */
    static ObjectNode compared(LiveState state, PageSelection other, String block) {
        ObjectNode object = JSON.createObjectNode();
        if (other == null) {
            return object;
        }
        FitHistory fit = other.fitIn(state);
        object.put("unknown", other.unknown(state));
        object.put("name", fit == null ? other.run() : fit.name().toString());
        object.set("training", training(state.progress(other.run())));
        if (fit != null) {
            object.set("series", series(fit));
            object.set("calibration", CalibrationSection.compared(fit));
            if (block != null && fit.blocks().containsKey(block)) {
                eigenvalues(object.putObject("block"), fit.blocks().get(block));
            }
        }
        return object;
    }
}
