package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.LiveState;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;

/**
 * What a page shows, as JSON, in sections that change independently. Pure: a function of the state and of what the page
 * wants to see. Numbers that are none (NaN, infinity) are null.
 */
final class Sections {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Sections() {}

    /** All sections by name. */
    static Map<String, ObjectNode> of(LiveState state, Feed.Health health, PageSelection selection, long now) {
        Map<String, ObjectNode> sections = new LinkedHashMap<>();
        String run = selection.runIn(state);
        FitHistory fit = selection.fitIn(state);
        RunHistory trainer = run == null ? null : state.progress(run);
        sections.put("overview", overview(state, now));
        String block = FitSections.blockIn(fit, selection.block());
        sections.put("compared", FitSections.compared(state, selection.other(), block));
        sections.put("training", FitSections.training(trainer));
        sections.put("fit", FitSections.fit(fit, trainer));
        sections.put("block", FitSections.block(fit, block));
        sections.put("answers", AnswerSections.answers(run == null ? null : state.answers(run), now));
        sections.put("calibration", CalibrationSection.of(fit, fit == null ? null : state.unmet(fit.name())));
        sections.put("deadletters", AnswerSections.deadLetters(state));
        // Last, so that a page that shows 'live' has everything that was read until then.
        sections.put("status", status(state, health, selection, run, fit));
        return sections;
    }

    private static ObjectNode status(
            LiveState state, Feed.Health health, PageSelection selection, String run, FitHistory fit) {
        ObjectNode object = JSON.createObjectNode();
        object.put("reading", health.reading());
        object.put("problem", health.problem());
        object.put("away", health.away());
        object.set("missing", JSON.valueToTree(health.missing()));
        object.put("unreadable", state.unreadable());
        object.put("unreadableLast", state.unreadableLast());
        object.put("unknown", health.reading() ? "" : selection.unknown(state));
        object.put("run", run);
        object.put("checkpoint", fit == null ? null : fit.name().checkpoint());
        object.put("fit", fit == null ? null : fit.name().fit());
        return object;
    }

    private static ObjectNode overview(LiveState state, long now) {
        ObjectNode object = JSON.createObjectNode();
        TreeSet<String> names = new TreeSet<>(state.runs().keySet());
        state.fits().forEach(each -> names.add(each.name().run()));
        ArrayNode runs = object.putArray("runs");
        for (String name : names) {
            ObjectNode each = runs.addObject().put("run", name);
            Run run = state.runs().get(name);
            if (run != null) {
                each.put("model", run.getModelId());
                each.put("questions", run.getTrainingQuestions());
                each.put("kfac", run.getKfac().toString());
                each.put("fisher", run.getFisher().toString());
                each.put("rank", run.getRank());
            }
            Instant started = state.started(name);
            each.put("started", started == null ? null : (Long) started.toEpochMilli());
            RunHistory trainer = state.progress(name);
            if (trainer != null) {
                Progress word = trainer.latest();
                each.put("phase", word.getPhase().toString());
                each.put("step", word.getStep());
                each.put("steps", word.getSteps());
                each.put("heard", word.getTimestamp().toEpochMilli());
                each.put("silent", trainer.isSilent(Instant.ofEpochMilli(now)));
                each.set("checkpoints", JSON.valueToTree(trainer.checkpoints().keySet()));
            }
            ArrayNode fits = each.putArray("fits");
            for (FitHistory fit : state.fits(name)) {
                ObjectNode row = fits.addObject();
                row.put("checkpoint", fit.name().checkpoint());
                row.put("fit", fit.name().fit());
                row.put("updated", fit.changed());
                row.put("batches", fit.batches());
                row.put("batchesExpected", fit.batchesExpected());
                Posterior posterior = fit.posterior();
                if (posterior != null) {
                    row.put("state", posterior.getState().toString());
                    row.put("version", posterior.getVersion());
                    row.put("calibration", posterior.getCalibration().toString());
                    row.put("labels", posterior.getLabels());
                }
            }
        }
        object.put("fitsLeftOut", state.leftOut());
        return object;
    }
}
