package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.AnswerHistory;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.text.Printable;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** All that an answer says, and the text of its question, as JSON. Every text is cut, every list bounded. */
final class AnswerDetails {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int CHOICES = 24;
    private static final int CONTRASTS = 8;
    private static final int TEXT = 6000;
    private static final String OTHER =
            "The text that the topic has under this id now is not the one that was answered.";
    private static final String UNKNOWN =
            "Whether this is the text that was answered is not known: the answer says nothing.";

    private AnswerDetails() {}

    /** @param found the question, or why there is none */
    static ObjectNode of(ConsumerRecord<byte[], byte[]> record, Answer answer, OpenedRecords.QuestionFound found) {
        ObjectNode object = JSON.createObjectNode();
        object.put("topic", record.topic());
        object.put("partition", record.partition());
        object.put("offset", record.offset());
        object.put("time", record.timestamp());
        object.put("question", Printable.name(answer.getQuestionId()));
        object.put("run", Printable.name(answer.getRunId()));
        object.put("checkpoint", Printable.name(answer.getCheckpoint()));
        object.put("fit", Printable.name(answer.getFit()));
        object.put("version", answer.getPosteriorVersion());
        object.put("purpose", answer.getPurpose().toString());
        object.put("tier", Printable.name(answer.getTier()));
        object.put("calibration", answer.getCalibration().toString());
        object.put(
                "decision",
                answer.getDecision() == null ? null : answer.getDecision().toString());
        JsonNumbers.put(object, "coverage", answer.getCoverage());
        JsonNumbers.put(object, "entropy", answer.getEntropy());
        JsonNumbers.put(object, "expectedEntropy", answer.getExpectedEntropy());
        JsonNumbers.put(object, "mutualInformation", answer.getMutualInformation());
        JsonNumbers.put(object, "novelty", AnswerHistory.novelty(answer));
        JsonNumbers.put(object, "familiarity", answer.getFamiliarity());
        JsonNumbers.put(object, "familiarityP", answer.getFamiliarityP());
        object.put("familiarityScores", answer.getFamiliarityScores());
        JsonNumbers.put(object, "softened", answer.getSoftened());
        Question question = found.question();
        boolean other = question != null
                && answer.getTextDigest() != null
                && !answer.getTextDigest().equals(QuestionText.of(question).digest());
        choices(object, answer, other ? null : question);
        contrasts(object, answer);
        text(object, found);
        if (question != null) {
            object.put("note", other ? OTHER : answer.getTextDigest() == null ? UNKNOWN : "");
        }
        return object;
    }

    /** In their order; where there are too many the likeliest ones as served. */
    private static void choices(ObjectNode object, Answer answer, Question question) {
        List<Choice> texts = question == null ? List.of() : question.getChoices();
        int count = answer.getLabels().size();
        ArrayNode choices = object.putArray("choices");
        IntStream all = IntStream.range(0, count);
        int[] shown = count <= CHOICES
                ? all.toArray()
                : all.boxed()
                        .sorted(Comparator.comparingDouble((Integer i) -> -probability(answer.getProbabilities(), i)))
                        .limit(CHOICES)
                        .mapToInt(Integer::intValue)
                        .toArray();
        for (int i : shown) {
            ObjectNode choice = choices.addObject();
            String label = answer.getLabels().get(i);
            choice.put("label", Printable.name(label));
            boolean same = i < texts.size()
                    && (texts.get(i).getLabel().equals(label)
                            || texts.get(i).getLabel().isEmpty());
            choice.put("text", same ? Printable.lines(texts.get(i).getText(), Printable.LINE) : "");
            JsonNumbers.put(choice, "map", probability(answer.getMapProbabilities(), i));
            JsonNumbers.put(choice, "temperature", probability(answer.getTemperatureProbabilities(), i));
            JsonNumbers.put(choice, "calibrated", probability(answer.getProbabilities(), i));
        }
        object.put("choicesLeftOut", count - shown.length);
        object.put(
                "reference", count == 0 ? "" : Printable.name(answer.getLabels().get(count - 1)));
    }

    private static double probability(List<Double> probabilities, int i) {
        return probabilities == null || i >= probabilities.size() ? Double.NaN : probabilities.get(i);
    }

    private static void contrasts(ObjectNode object, Answer answer) {
        List<Double> mean = answer.getContrastMean();
        int shown = Math.min(CONTRASTS, mean.size());
        object.put("contrastsLeftOut", mean.size() - shown);
        ArrayNode contrasts = object.putArray("contrasts");
        for (int i = 0; i < shown; i++) {
            ObjectNode contrast = contrasts.addObject();
            contrast.put(
                    "label",
                    i < answer.getLabels().size()
                            ? Printable.name(answer.getLabels().get(i))
                            : "?");
            JsonNumbers.put(contrast, "mean", mean.get(i));
            List<Double> row = i < answer.getContrastCovariance().size()
                    ? answer.getContrastCovariance().get(i)
                    : List.of();
            JsonNumbers.add(contrast.putArray("covariance"), row.subList(0, Math.min(shown, row.size())), each -> each);
        }
    }

    private static void text(ObjectNode object, OpenedRecords.QuestionFound found) {
        Question question = found.question();
        if (question == null) {
            object.put("note", found.missing());
            return;
        }
        object.put("stem", Printable.lines(question.getStem(), TEXT));
        object.put("context", Printable.lines(question.getContext(), TEXT));
        object.put("prompt", Printable.lines(question.getPrompt(), TEXT));
    }
}
