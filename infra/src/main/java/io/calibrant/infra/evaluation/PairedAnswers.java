package io.calibrant.infra.evaluation;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.TopicReading;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The predictions of two fits of the same weights, as served, for the same labelled questions. Of a question that a fit
 * answered several times the last answer counts, of its labels the last. Questions for validation are left out: fits
 * are calibrated on them.
 *
 * @param first predictions of the one fit
 * @param second those of the other, same questions in the same order
 */
public record PairedAnswers(List<LabelledProbabilities> first, List<LabelledProbabilities> second) {
    /** Copies the lists. */
    public PairedAnswers {
        first = List.copyOf(first);
        second = List.copyOf(second);
    }

    /** Reads topics answers and labels from their beginning to where they end now. */
    public static PairedAnswers read(Connection connection, String run, String checkpoint, String one, String other) {
        Map<String, Answer> ofOne = new TreeMap<>();
        Map<String, Answer> ofOther = new TreeMap<>();
        TopicReading.of(connection)
                .records(connection.topics().answers(), Answer.class, Objects::nonNull, each -> {
                    Answer answer = each.value();
                    if (answer == null
                            || answer.getPurpose() != Purpose.ANSWER
                            || !answer.getRunId().equals(run)
                            || !answer.getCheckpoint().equals(checkpoint)) {
                        return;
                    }
                    if (answer.getFit().equals(one)) {
                        ofOne.put(each.key(), answer);
                    }
                    if (answer.getFit().equals(other)) {
                        ofOther.put(each.key(), answer);
                    }
                })
                .readToEnd();
        TrueLabels labels = TrueLabels.read(connection, line -> {});
        List<LabelledProbabilities> first = new ArrayList<>();
        List<LabelledProbabilities> second = new ArrayList<>();
        ofOne.forEach((id, answer) -> {
            Answer against = ofOther.get(id);
            Optional<String> label = labels.of(id, run, answer.getTextDigest());
            if (against == null || label.isEmpty() || !answer.getLabels().equals(against.getLabels())) {
                return;
            }
            int truth = answer.getLabels().indexOf(label.get());
            if (truth >= 0) {
                first.add(labelled(answer, truth));
                second.add(labelled(against, truth));
            }
        });
        return new PairedAnswers(first, second);
    }

    private static LabelledProbabilities labelled(Answer answer, int truth) {
        return new LabelledProbabilities(Comparison.array(answer.getProbabilities()), truth);
    }
}
