package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.assessment.Assessment;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.infra.live.AnswerHistory;
import io.calibrant.infra.live.BlockHistory;
import io.calibrant.infra.live.Blocks;
import io.calibrant.infra.live.CalibrationPoint;
import io.calibrant.infra.live.DeadLetter;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.LiveState;
import io.calibrant.infra.live.PosteriorPoint;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * What a page shows, as JSON, in sections that change independently. Pure: a function of the state and of what the page
 * wants to see. Numbers that are none (NaN, infinity) are null.
 */
final class Sections {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LETTERS = 50;
    private static final long RATE_MILLIS = 60_000;

    private Sections() {}

    /** All sections by name. */
    static Map<String, ObjectNode> of(LiveState state, Feed.Health health, PageSelection selection, long now) {
        Map<String, ObjectNode> sections = new LinkedHashMap<>();
        String run = selection.runIn(state);
        FitHistory fit = selection.fitIn(state);
        sections.put("overview", overview(state, now));
        sections.put("training", training(run == null ? null : state.progress(run)));
        sections.put("fit", fit(fit, run == null ? null : state.progress(run)));
        sections.put("block", block(fit, selection.block()));
        sections.put("answers", answers(run == null ? null : state.answers(run), now));
        sections.put("calibration", calibration(fit, fit == null ? null : state.unmet(fit.name())));
        sections.put("deadletters", deadLetters(state));
        // Last, so that a page that shows 'live' has everything that was read until then.
        sections.put("status", status(state, health, selection, run, fit));
        return sections;
    }

    private static ObjectNode status(
            LiveState state, Feed.Health health, PageSelection selection, String run, FitHistory fit) {
        ObjectNode object = JSON.createObjectNode();
        object.put("reading", health.reading());
        object.put("problem", health.problem());
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

    private static ObjectNode training(RunHistory trainer) {
        ObjectNode object = JSON.createObjectNode();
        Collection<Progress> steps =
                trainer == null ? List.of() : trainer.losses().points();
        object.put("stretch", trainer == null ? 1 : trainer.losses().stretch());
        numbers(object.putArray("step"), steps, each -> (double) each.getStep());
        numbers(object.putArray("loss"), steps, Progress::getLoss);
        numbers(object.putArray("learningRate"), steps, Progress::getLearningRate);
        return object;
    }

    private static ObjectNode fit(FitHistory fit, RunHistory trainer) {
        ObjectNode object = JSON.createObjectNode();
        if (fit == null) {
            return object;
        }
        object.put("run", fit.name().run());
        object.put("checkpoint", fit.name().checkpoint());
        object.put("fit", fit.name().fit());
        object.put("batches", fit.batches());
        object.put("batchesExpected", fit.batchesExpected());
        number(object, "lagSeconds", trainer == null ? null : trainer.lagSeconds(fit));
        Posterior posterior = fit.posterior();
        if (posterior != null) {
            PosteriorPoint point = PosteriorPoint.of(posterior);
            object.put("state", posterior.getState().toString());
            object.put("version", posterior.getVersion());
            number(object, "lambdaMin", point.lambdaMin());
            number(object, "lambdaMax", point.lambdaMax());
            number(object, "logEvidence", posterior.getLogEvidence());
            number(object, "effectiveParameters", posterior.getEffectiveParameters());
            object.put("parameters", posterior.getParameters());
            number(object, "capturedEnergy", posterior.getCapturedEnergy());
            object.put("calibration", posterior.getCalibration().toString());
            object.put("labels", posterior.getLabels());
        }
        Collection<PosteriorPoint> points = fit.posteriors().points();
        ObjectNode series = object.putObject("series");
        series.put("stretch", fit.posteriors().stretch());
        numbers(series.putArray("batches"), points, each -> (double) each.batches());
        numbers(series.putArray("lambdaMin"), points, PosteriorPoint::lambdaMin);
        numbers(series.putArray("lambdaMax"), points, PosteriorPoint::lambdaMax);
        numbers(series.putArray("logEvidence"), points, PosteriorPoint::logEvidence);
        numbers(series.putArray("effectiveParameters"), points, PosteriorPoint::effectiveParameters);
        ArrayNode blocks = object.putArray("blocks");
        fit.blocks().forEach((name, block) -> {
            ObjectNode each = blocks.addObject();
            each.put("block", name);
            each.put("group", Blocks.group(name));
            each.put("name", Blocks.shortName(name));
            number(each, "energy", block.latest().getCapturedEnergy());
            number(each, "delta", block.latest().getDelta());
            number(each, "n", block.latest().getN());
            each.put("batches", block.latest().getBatches());
        });
        return object;
    }

    /** @param wanted null for the first one */
    private static ObjectNode block(FitHistory fit, String wanted) {
        ObjectNode object = JSON.createObjectNode();
        if (fit == null || fit.blocks().isEmpty()) {
            return object;
        }
        String name = wanted != null && fit.blocks().containsKey(wanted)
                ? wanted
                : fit.blocks().keySet().iterator().next();
        BlockHistory block = fit.blocks().get(name);
        object.put("block", name);
        object.put("name", Blocks.shortName(name));
        number(object, "energy", block.latest().getCapturedEnergy());
        number(object, "delta", block.latest().getDelta());
        number(object, "n", block.latest().getN());
        number(object, "trace", block.latest().getTrace());
        object.put("dimension", block.latest().getDimension());
        object.put("batches", block.latest().getBatches());
        numbers(object.putArray("spectrum"), block.spectrum(), each -> each);
        Collection<BlockHistory.Point> points = block.history().points();
        object.put("stretch", block.history().stretch());
        numbers(object.putArray("at"), points, each -> (double) each.batches());
        ArrayNode eigenvalues = object.putArray("eigenvalues");
        int kept =
                points.stream().mapToInt(each -> each.spectrum().size()).max().orElse(0);
        for (int i = 0; i < kept; i++) {
            int index = i;
            numbers(
                    eigenvalues.addArray(),
                    points,
                    each -> index < each.spectrum().size() ? each.spectrum().get(index) : null);
        }
        return object;
    }

    private static ObjectNode answers(AnswerHistory history, long now) {
        ObjectNode object = JSON.createObjectNode();
        if (history == null) {
            return object.put("total", 0);
        }
        object.put("total", history.total());
        long recent = history.newest().stream()
                .filter(each -> each.time() > now - RATE_MILLIS)
                .count();
        boolean more = recent == history.newest().size() && history.total() > recent;
        long first = history.newest().iterator().next().time();
        number(object, "perSecond", recent / (more ? Math.max(1, now - first) / 1000.0 : RATE_MILLIS / 1000.0));
        long length = history.counts().stretch();
        object.put("stretch", length);
        ArrayNode seconds = object.putArray("seconds");
        ArrayNode rates = object.putArray("rates");
        long before = Long.MIN_VALUE;
        for (Map.Entry<Long, Long> each : history.counts().byStretch().entrySet()) {
            if (before != Long.MIN_VALUE && each.getKey() > before + 1) {
                // No answer in this interval.
                seconds.add((before + 1) * length);
                rates.add(0);
                if (each.getKey() > before + 2) {
                    seconds.add((each.getKey() - 1) * length);
                    rates.add(0);
                }
            }
            seconds.add(each.getKey() * length);
            rates.add((double) each.getValue() / length);
            before = each.getKey();
        }
        AnswerHistory.Point last = null;
        ArrayNode points = object.putArray("points");
        for (AnswerHistory.Point each : history.newest()) {
            ObjectNode point = points.addObject();
            point.put("time", each.time());
            point.put("question", each.question());
            point.put("fit", each.fit().checkpoint() + "/" + each.fit().fit());
            point.put("version", each.posteriorVersion());
            point.put("label", each.label());
            number(point, "confidence", each.confidence());
            number(point, "map", each.mapConfidence());
            number(point, "novelty", each.novelty());
            point.put("tier", each.tier());
            last = each;
        }
        if (last != null) {
            object.put("inUse", last.fit().checkpoint() + "/" + last.fit().fit());
            object.put("inUseVersion", last.posteriorVersion());
        }
        return object;
    }

    private static ObjectNode calibration(FitHistory fit, CalibrationMetrics unmet) {
        ObjectNode object = JSON.createObjectNode();
        CalibrationMetrics total = fit == null ? null : fit.total();
        object.put("n", total == null ? 0 : total.getN());
        object.put("labelsWithoutAnswer", unmet == null ? 0 : unmet.getLabelsWithoutAnswer());
        object.put("otherTexts", unmet == null ? 0 : unmet.getOtherTexts());
        Observed observed = Observed.of(total);
        object.set("alarms", JSON.valueToTree(Assessment.alarms(observed)));
        object.set(
                "says",
                JSON.valueToTree(
                        fit == null || fit.posterior() == null
                                ? List.of()
                                : Assessment.sentences(fit.posterior(), observed)));
        if (total == null) {
            return object;
        }
        accuracy(object.putObject("accuracy"), fit);
        object.set("map", method(total.getMap()));
        // Answers from before there was a temperature have none: figures of other answers are not compared.
        MethodMetrics temperature = CalibrationPoint.comparable(total);
        object.set("temperature", temperature == null ? null : method(temperature));
        object.put(
                "temperatureN",
                total.getTemperature() == null ? 0 : total.getTemperature().getN());
        object.set("calibrated", method(total.getCalibrated()));
        object.put("answersWithoutLabel", total.getAnswersWithoutLabel());
        object.put("unusableLabels", total.getUnusableLabels());
        // One hour alone is no line: then the figures as labels came. An hour without labels has no figures.
        List<CalibrationPoint> hours =
                fit.windows().values().stream().filter(each -> each.n() > 0).toList();
        boolean windows = hours.size() > 1;
        Collection<CalibrationPoint> points = windows
                ? hours
                : fit.totals().points().stream().filter(each -> each.n() > 0).toList();
        ObjectNode series = object.putObject("series");
        series.put("windows", windows);
        numbers(series.putArray("at"), points, each -> windows ? (double) each.time() / 1000 : (double) each.n());
        numbers(series.putArray("mapEce"), points, CalibrationPoint::mapEce);
        numbers(series.putArray("temperatureEce"), points, CalibrationPoint::temperatureEce);
        numbers(series.putArray("calibratedEce"), points, CalibrationPoint::calibratedEce);
        numbers(series.putArray("mapNll"), points, CalibrationPoint::mapNll);
        numbers(series.putArray("temperatureNll"), points, CalibrationPoint::temperatureNll);
        numbers(series.putArray("calibratedNll"), points, CalibrationPoint::calibratedNll);
        return object;
    }

    /** The share of right answers by the hour; of hours in which nothing was answered there is none. */
    private static void accuracy(ObjectNode object, FitHistory fit) {
        List<CalibrationPoint> hours = fit.windows().values().stream()
                .filter(each -> each.accuracy() != null)
                .toList();
        numbers(object.putArray("at"), hours, each -> (double) each.time() / 1000);
        numbers(
                object.putArray("expected"),
                hours,
                each -> each.accuracy().getWithoutLabels().getValue());
        numbers(
                object.putArray("byLabels"),
                hours,
                each -> each.accuracy().getWithLabels() == null
                        ? null
                        : (Double) each.accuracy().getWithLabels().getValue());
        numbers(object.putArray("realised"), hours, each -> each.accuracy().getRealised());
    }

    private static ObjectNode method(MethodMetrics metrics) {
        ObjectNode object = JSON.createObjectNode();
        object.put("n", metrics.getN());
        number(object, "accuracy", metrics.getAccuracy());
        number(object, "nll", metrics.getNll());
        number(object, "ece", metrics.getEce15());
        number(object, "brier", metrics.getBrier());
        ArrayNode bins = object.putArray("bins");
        metrics.getBins().forEach(bin -> {
            ObjectNode each = bins.addObject().put("count", bin.getCount());
            number(each, "confidence", bin.getConfidence());
            number(each, "accuracy", bin.getAccuracy());
        });
        return object;
    }

    private static ObjectNode deadLetters(LiveState state) {
        ObjectNode object = JSON.createObjectNode();
        object.set("counts", JSON.valueToTree(state.deadLetterCounts()));
        ArrayNode letters = object.putArray("letters");
        List<DeadLetter> all = new ArrayList<>(state.deadLetters());
        for (int i = all.size() - 1; i >= 0 && letters.size() < LETTERS; i--) {
            DeadLetter letter = all.get(i);
            letters.addObject()
                    .put("time", letter.time())
                    .put("topic", letter.topic())
                    .put("origin", letter.origin())
                    .put("key", letter.key())
                    .put("reason", letter.reason());
        }
        return object;
    }

    private static void number(ObjectNode object, String name, Double value) {
        object.put(name, value == null || !Double.isFinite(value) ? null : value);
    }

    private static <P> void numbers(ArrayNode array, Collection<P> points, Function<P, Double> of) {
        for (P each : points) {
            Double value = of.apply(each);
            array.add(value == null || !Double.isFinite(value) ? null : value);
        }
    }
}
