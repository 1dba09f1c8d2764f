package io.calibrant.fitter.telemetry;

import static io.calibrant.fitter.telemetry.Figures.value;

import io.calibrant.fitter.labels.RecentLabels;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.SequentialAlarm;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** Gauges of what the labels say of all answers of a fit, and of what familiarity says of the newest questions. */
final class CalibrationGauges {
    private static final String ALL = "all";
    private static final String SCALED = "with-temperature";
    private static final String METHOD = "method";
    private static final String MAP = "map";
    private static final String CALIBRATED = "calibrated";

    private final Figures<CalibrationMetrics> figures;
    private final Figures<RecentLabels> recent;

    CalibrationGauges(MeterRegistry registry) {
        figures = new Figures<>(registry, CalibrationGauges::names);
        figures.add("calibrant.fitter.labelled.answers", null, "Answers with a label", total -> value(total.getN()));
        figures.add(
                "calibrant.fitter.unlabelled.answers",
                null,
                "Answers that still wait for a label",
                total -> value(total.getAnswersWithoutLabel()));
        figures.add(
                "calibrant.fitter.nll",
                "nats",
                "Mean negative log likelihood of the labels",
                byMethod(MethodMetrics::getNll));
        figures.add(
                "calibrant.fitter.ece",
                "ratio",
                "Expected calibration error, 15 bins",
                byMethod(MethodMetrics::getEce15));
        figures.add(
                "calibrant.fitter.accuracy",
                "ratio",
                "Share of right answers among those with a label",
                byMethod(MethodMetrics::getAccuracy));
        figures.add(
                "calibrant.fitter.expected.accuracy",
                "ratio",
                "Estimated share of right answers: without labels, where few questions are unfamiliar; by labels of"
                        + " some",
                CalibrationGauges::expected);
        figures.add(
                "calibrant.fitter.unfamiliar",
                "ratio",
                "Share of unfamiliar questions among the newest ones, 1,000 at most",
                total -> total.getRecentQuestions() == 0
                        ? Map.of()
                        : value((double) total.getRecentUnfamiliar() / total.getRecentQuestions()));
        figures.add(
                "calibrant.fitter.alarm.active",
                null,
                "1 while an alarm is on: familiarity, the questions are of another kind; calibration, the labels speak"
                        + " against the served probabilities",
                byAlarm(alarm -> alarm.getSince() == null ? 0 : 1));
        figures.add(
                "calibrant.fitter.alarm.evidence",
                null,
                "Evidence for an alarm, which is raised where it reaches the threshold",
                byAlarm(SequentialAlarm::getValue));
        figures.add(
                "calibrant.fitter.alarm.threshold",
                null,
                "Evidence at which an alarm is raised",
                byAlarm(SequentialAlarm::getThreshold));
        recent = new Figures<>(registry, CalibrationGauges::names);
        recent.add(
                "calibrant.fitter.recent.labelled.answers",
                null,
                "Answers with a label in the newest windows that have " + RecentLabels.ENOUGH + " together",
                labels -> value(labels.map().getN()));
        recent.add(
                "calibrant.fitter.recent.nll",
                "nats",
                "Mean negative log likelihood of the labels of these answers",
                labels -> Map.of(
                        Tags.of(METHOD, MAP), labels.map().getNll(),
                        Tags.of(METHOD, CALIBRATED), labels.calibrated().getNll()));
    }

    private static Tags names(CalibrationMetrics total) {
        return Tags.of("run", total.getRunId(), "checkpoint", total.getCheckpoint(), "fit", total.getFit());
    }

    private static Tags names(RecentLabels labels) {
        return Tags.of("run", labels.run(), "checkpoint", labels.checkpoint(), "fit", labels.fit());
    }

    /** Nothing where an estimate is not known or does not hold. */
    private static Map<Tags, Double> expected(CalibrationMetrics total) {
        Map<Tags, Double> values = new HashMap<>();
        EstimatedAccuracy accuracy = total.getAccuracy();
        if (accuracy != null) {
            EstimatedShare claimed = accuracy.getHolds() ? accuracy.getWithoutLabels() : null;
            put(values, "estimate", "without-labels", claimed, EstimatedShare::getValue);
            put(values, "estimate", "by-labels", accuracy.getWithLabels(), EstimatedShare::getValue);
        }
        return values;
    }

    /**
     * Methods are compared on the same answers: on all, and with a temperature on those that carry its probabilities.
     */
    private static Function<CalibrationMetrics, Map<Tags, Double>> byMethod(ToDoubleFunction<MethodMetrics> figure) {
        return total -> {
            Map<Tags, Double> values = new HashMap<>();
            put(values, MAP, ALL, total.getMap(), figure);
            put(values, CALIBRATED, ALL, total.getCalibrated(), figure);
            MethodMetrics temperature = total.getTemperature();
            if (temperature != null) {
                boolean every = temperature.getN() == total.getN();
                put(values, "temperature", SCALED, temperature, figure);
                put(values, MAP, SCALED, every ? total.getMap() : total.getMapBesideTemperature(), figure);
                put(
                        values,
                        CALIBRATED,
                        SCALED,
                        every ? total.getCalibrated() : total.getCalibratedBesideTemperature(),
                        figure);
            }
            return values;
        };
    }

    private static void put(
            Map<Tags, Double> values,
            String method,
            String answers,
            MethodMetrics figures,
            ToDoubleFunction<MethodMetrics> figure) {
        if (figures != null && figures.getN() > 0) {
            values.put(Tags.of(METHOD, method, "answers", answers), figure.applyAsDouble(figures));
        }
    }

    private static Function<CalibrationMetrics, Map<Tags, Double>> byAlarm(ToDoubleFunction<SequentialAlarm> figure) {
        return total -> {
            Map<Tags, Double> values = new HashMap<>();
            put(values, "alarm", "familiarity", total.getFamiliarityAlarm(), figure);
            put(values, "alarm", "calibration", total.getCalibrationAlarm(), figure);
            return values;
        };
    }

    /** Nothing of what is not there. */
    private static <F> void put(
            Map<Tags, Double> values, String label, String name, F figures, ToDoubleFunction<F> figure) {
        if (figures != null) {
            values.put(Tags.of(label, name), figure.applyAsDouble(figures));
        }
    }

    void show(List<CalibrationMetrics> totals, List<RecentLabels> newest) {
        List<CalibrationMetrics> shown = totals.stream()
                .sorted(Comparator.comparing(CalibrationMetrics::getTimestamp).reversed())
                .limit(PosteriorGauges.MOST)
                .toList();
        figures.show(shown);
        Set<Tags> names = shown.stream().map(CalibrationGauges::names).collect(Collectors.toSet());
        recent.show(
                newest.stream().filter(labels -> names.contains(names(labels))).toList());
    }
}
