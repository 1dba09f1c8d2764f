package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.assessment.Assessment;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.SequentialAlarm;

/** How a fit has done while it served, as JSON. */
public final class ObservedFields {
    private ObservedFields() {}

    /** Adds figures and sentences. */
    public static void put(ObjectNode object, Posterior posterior, Observed observed) {
        accuracy(object, observed.accuracy());
        object.put("recentQuestions", observed.recent());
        object.put("recentUnfamiliar", observed.unfamiliar());
        alarm(object, "familiarityAlarm", observed.familiarity());
        alarm(object, "calibrationAlarm", observed.labels());
        ArrayNode says = object.putArray("says");
        Assessment.sentences(posterior, observed).forEach(says::add);
    }

    /** Adds the estimates of accuracy; null where nothing was answered. */
    private static void accuracy(ObjectNode object, EstimatedAccuracy accuracy) {
        if (accuracy == null) {
            object.putNull("estimatedAccuracy");
            return;
        }
        ObjectNode estimated = object.putObject("estimatedAccuracy");
        estimated.put("answers", accuracy.getAnswers());
        estimated.put("labels", accuracy.getLabels());
        share(estimated, "withoutLabels", accuracy.getWithoutLabels());
        estimated.put("holds", accuracy.getHolds());
        share(estimated, "withLabels", accuracy.getWithLabels());
        estimated.put("realised", accuracy.getRealised());
        estimated.put("judged", accuracy.getJudged());
        estimated.put("unfamiliar", accuracy.getUnfamiliar());
    }

    private static void share(ObjectNode object, String name, EstimatedShare share) {
        if (share == null) {
            object.putNull(name);
            return;
        }
        object.putObject(name)
                .put("value", share.getValue())
                .put("lower", share.getLower())
                .put("upper", share.getUpper());
    }

    private static void alarm(ObjectNode object, String name, SequentialAlarm alarm) {
        if (alarm == null) {
            object.putNull(name);
            return;
        }
        object.putObject(name)
                .put("value", alarm.getValue())
                .put("threshold", alarm.getThreshold())
                .put("n", alarm.getN())
                .put("since", alarm.getSince() == null ? null : alarm.getSince().toString());
    }
}
