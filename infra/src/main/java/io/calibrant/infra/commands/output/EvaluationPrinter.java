package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.fitter.selective.AccuracyCoverage;
import io.calibrant.infra.report.Diagnostics;
import io.calibrant.infra.report.Evaluation;
import io.calibrant.infra.report.Method;
import io.calibrant.infra.report.Score;
import io.calibrant.infra.report.TextReport;
import java.util.Map;
import java.util.Optional;

/** The figures of an evaluation: a table, or one JSON object a method. */
public final class EvaluationPrinter {
    private static final int POINTS = 20;

    private EvaluationPrinter() {}

    /** The figures: a table, or one object a method. */
    public static void print(Output output, Evaluation evaluation, boolean json) {
        if (!json) {
            output.line(TextReport.table(evaluation).stripTrailing());
            return;
        }
        output.note(evaluation.temperatureNote());
        evaluation.warning().ifPresent(output::note);
        for (Method method : Method.values()) {
            ObjectNode object = Output.object();
            object.put("method", method.key());
            metrics(object, evaluation.metrics(method));
            if (method != Method.MAP) {
                differences(object.putObject("minusMap"), evaluation.againstMap(method));
            }
            Diagnostics diagnostics = evaluation.diagnostics();
            Diagnostics.Sets sets = diagnostics.conformal().get(method);
            if (sets != null) {
                ObjectNode conformal = object.putObject("conformal");
                conformal.put("alpha", diagnostics.alpha());
                conformal.put("validation", sets.validation());
                conformal.put("coverage", sets.coverage());
                conformal.put("size", sets.size());
                conformal.put("classConditional", diagnostics.classConditional());
            }
            selection(object, evaluation, method);
            if (method == Method.CALIBRATED) {
                areas(object, "aurocWrong", diagnostics.wrong());
                areas(object, "aurocUnfamiliar", diagnostics.unfamiliar());
            }
            output.json(object);
        }
    }

    /** The curve of a method with its area, and of what is served the thresholds. */
    private static void selection(ObjectNode object, Evaluation evaluation, Method method) {
        Optional<AccuracyCoverage> known = evaluation.curve(method);
        if (known.isEmpty()) {
            return;
        }
        AccuracyCoverage curve = known.get();
        object.put("aurc", curve.aurc());
        object.put("aurcBest", curve.bestAurc());
        object.put("aurcRandom", curve.randomAurc());
        if (method != Method.CALIBRATED) {
            return;
        }
        ArrayNode points = object.putArray("curve");
        for (AccuracyCoverage.Point point : curve.points(POINTS)) {
            ObjectNode each = points.addObject();
            each.put("coverage", point.coverage());
            each.put("confidence", point.confidence());
            each.put("accuracy", point.accuracy());
            each.put("lower", point.lower());
            each.put("upper", point.upper());
        }
        ArrayNode thresholds = object.putArray("thresholds");
        evaluation.acceptances().forEach(found -> AcceptanceFields.put(thresholds.addObject(), found));
    }

    /** How many questions, and what is measured on them. */
    public static void metrics(ObjectNode object, Metrics metrics) {
        object.put("n", metrics.n());
        object.put("acc", metrics.accuracy());
        object.put("nll", metrics.nll());
        object.put("ece", metrics.ece());
        object.put("brier", metrics.brier());
    }

    /** By how much the metrics differ, each with its interval. */
    public static void differences(ObjectNode object, PairedBootstrap difference) {
        interval(object.putObject("acc"), difference.accuracy());
        interval(object.putObject("nll"), difference.nll());
        interval(object.putObject("ece"), difference.ece());
        interval(object.putObject("brier"), difference.brier());
    }

    private static void interval(ObjectNode object, PairedBootstrap.Interval interval) {
        object.put("estimate", interval.estimate());
        object.put("lower", interval.isKnown() ? interval.lower() : null);
        object.put("upper", interval.isKnown() ? interval.upper() : null);
    }

    private static void areas(ObjectNode object, String name, Map<Score, Double> areas) {
        if (!areas.isEmpty()) {
            ObjectNode each = object.putObject(name);
            areas.forEach((score, area) -> each.put(score.key(), area));
        }
    }
}
