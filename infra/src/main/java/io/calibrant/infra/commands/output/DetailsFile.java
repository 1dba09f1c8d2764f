package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.evaluation.Evaluated;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Method;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.avro.Answer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * An evaluation question by question, JSON lines.
 *
 * @param file is overwritten; its directory is created where it is missing
 */
public record DetailsFile(Path file) {
    /**
     * Writes one line for each question.
     *
     * @throws ConfigurationException naming the file if it cannot be written
     */
    public void write(Evaluated evaluated) {
        try {
            if (file.toAbsolutePath().getParent() != null) {
                Files.createDirectories(file.toAbsolutePath().getParent());
            }
            try (PrintWriter lines = new PrintWriter(Files.newBufferedWriter(file))) {
                for (EvaluatedQuestion question : evaluated.evaluation().questions()) {
                    lines.println(line(question, evaluated.answers().get(question.id())));
                }
                if (lines.checkError()) {
                    throw new IOException("the disk may be full");
                }
            }
        } catch (IOException e) {
            throw new ConfigurationException("--details", file, "a file that can be written", e);
        }
    }

    private static ObjectNode line(EvaluatedQuestion question, Answer answer) {
        ObjectNode object = Output.object();
        object.put("questionId", question.id());
        ArrayNode labels = object.putArray("labels");
        question.labels().forEach(labels::add);
        object.put("truth", question.labels().get(question.truth()));
        for (Method method : Method.values()) {
            List<Double> probabilities = question.of(method);
            ArrayNode values = object.putArray(method.key());
            probabilities.forEach(values::add);
        }
        object.put("right", question.right(Method.CALIBRATED));
        object.put("entropy", answer.getEntropy());
        object.put("mutualInformation", answer.getMutualInformation());
        object.put("novelty", Double.isNaN(question.novelty()) ? null : (Double) question.novelty());
        if (answer.getFamiliarity() != null) {
            object.put("familiarity", answer.getFamiliarity());
            object.put("familiarityP", answer.getFamiliarityP());
            object.put("softened", answer.getSoftened());
        }
        object.put("calibration", answer.getCalibration().toString());
        object.put(
                "decision",
                answer.getDecision() == null ? null : answer.getDecision().toString());
        object.put("checkpoint", answer.getCheckpoint());
        object.put("fit", answer.getFit());
        object.put("posteriorVersion", answer.getPosteriorVersion());
        return object;
    }
}
