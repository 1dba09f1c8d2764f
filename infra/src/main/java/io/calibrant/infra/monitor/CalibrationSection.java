package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.assessment.Assessment;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.infra.live.CalibrationPoint;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.MethodMetrics;
import java.util.Collection;
import java.util.List;

/** How good the answers of a fit were, and what is to be said of it. */
final class CalibrationSection {
    private static final ObjectMapper JSON = new ObjectMapper();

    private CalibrationSection() {}

    /** @param fit null for none */
    static ObjectNode of(FitHistory fit, CalibrationMetrics unmet) {
        ObjectNode object = JSON.createObjectNode();
        CalibrationMetrics total = fit == null ? null : fit.total();
        object.put("n", total == null ? 0 : total.getN());
        if (total != null && total.getTimestamp().toEpochMilli() > 0) {
            object.put("newest", total.getTimestamp().toEpochMilli());
        }
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
        methods(object, total);
        object.put("answersWithoutLabel", total.getAnswersWithoutLabel());
        object.put("unusableLabels", total.getUnusableLabels());
        object.set("series", series(fit));
        return object;
    }

    /** What is laid over the figures of another fit. */
    static ObjectNode compared(FitHistory fit) {
        ObjectNode object = JSON.createObjectNode();
        object.set("series", series(fit));
        if (fit.total() != null && fit.total().getN() > 0) {
            methods(object.putObject("total").put("n", fit.total().getN()), fit.total());
        }
        return object;
    }

    private static void methods(ObjectNode object, CalibrationMetrics total) {
        object.set("map", method(total.getMap()));
        // Answers from before there was a temperature have none: figures of other answers are not compared.
        MethodMetrics temperature = CalibrationPoint.comparable(total);
        object.set("temperature", temperature == null ? null : method(temperature));
        object.put(
                "temperatureN",
                total.getTemperature() == null ? 0 : total.getTemperature().getN());
        object.set("calibrated", method(total.getCalibrated()));
        object.set("same", same(total));
    }

    /** All three methods of those answers that have temperature-scaled probabilities; null where that is not known. */
    private static ObjectNode same(CalibrationMetrics total) {
        if (!CalibrationPoint.hasBesideTemperature(total)) {
            return null;
        }
        ObjectNode object = JSON.createObjectNode();
        object.set("map", method(total.getMapBesideTemperature()));
        object.set("temperature", method(total.getTemperature()));
        object.set("calibrated", method(total.getCalibratedBesideTemperature()));
        return object;
    }

    /** The figures of all methods by the hour, else as labels came. */
    private static ObjectNode series(FitHistory fit) {
        // One hour alone is no line: then the figures as labels came. An hour without labels has no figures.
        List<CalibrationPoint> hours =
                fit.windows().values().stream().filter(each -> each.n() > 0).toList();
        boolean windows = hours.size() > 1;
        Collection<CalibrationPoint> points = windows
                ? hours
                : fit.totals().points().stream().filter(each -> each.n() > 0).toList();
        ObjectNode series = JSON.createObjectNode();
        series.put("windows", windows);
        JsonNumbers.add(
                series.putArray("at"), points, each -> windows ? (double) each.time() / 1000 : (double) each.n());
        JsonNumbers.add(series.putArray("time"), points, each -> each.time() / 1000.0);
        JsonNumbers.add(series.putArray("mapEce"), points, CalibrationPoint::mapEce);
        JsonNumbers.add(series.putArray("temperatureEce"), points, CalibrationPoint::temperatureEce);
        JsonNumbers.add(series.putArray("calibratedEce"), points, CalibrationPoint::calibratedEce);
        JsonNumbers.add(series.putArray("mapNll"), points, CalibrationPoint::mapNll);
        JsonNumbers.add(series.putArray("temperatureNll"), points, CalibrationPoint::temperatureNll);
        JsonNumbers.add(series.putArray("calibratedNll"), points, CalibrationPoint::calibratedNll);
        return series;
    }

    /**
     * The share of right answers by the hour, and whether what is expected without labels holds in it; of hours in
     * which nothing was answered there is none.
     */
    private static void accuracy(ObjectNode object, FitHistory fit) {
        List<CalibrationPoint> hours = fit.windows().values().stream()
                .filter(each -> each.accuracy() != null)
                .toList();
        JsonNumbers.add(object.putArray("at"), hours, each -> (double) each.time() / 1000);
        JsonNumbers.add(
                object.putArray("expected"),
                hours,
                each -> each.accuracy().getWithoutLabels().getValue());
        ArrayNode holds = object.putArray("holds");
        hours.forEach(each -> holds.add(each.accuracy().getHolds()));
        JsonNumbers.add(
                object.putArray("unfamiliar"),
                hours,
                each -> each.accuracy().getJudged() == 0
                        ? null
                        : (Double) ((double) each.accuracy().getUnfamiliar()
                                / each.accuracy().getJudged()));
        JsonNumbers.add(
                object.putArray("byLabels"),
                hours,
                each -> each.accuracy().getWithLabels() == null
                        ? null
                        : (Double) each.accuracy().getWithLabels().getValue());
        JsonNumbers.add(
                object.putArray("realised"), hours, each -> each.accuracy().getRealised());
    }

    private static ObjectNode method(MethodMetrics metrics) {
        ObjectNode object = JSON.createObjectNode();
        object.put("n", metrics.getN());
        JsonNumbers.put(object, "accuracy", metrics.getAccuracy());
        JsonNumbers.put(object, "nll", metrics.getNll());
        JsonNumbers.put(object, "ece", metrics.getEce15());
        JsonNumbers.put(object, "brier", metrics.getBrier());
        ArrayNode bins = object.putArray("bins");
        metrics.getBins().forEach(bin -> {
            ObjectNode each = bins.addObject().put("count", bin.getCount());
            JsonNumbers.put(each, "confidence", bin.getConfidence());
            JsonNumbers.put(each, "accuracy", bin.getAccuracy());
        });
        return object;
    }
}
