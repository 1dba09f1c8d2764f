package io.calibrant.trainer;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes questions as a question file. */
public final class TinyQuestions {
    private TinyQuestions() {}

    /** One JSON object a line. */
    public static Path write(Path file, List<Question> questions) throws IOException {
        JsonMapper json = new JsonMapper();
        StringBuilder text = new StringBuilder();
        for (Question question : questions) {
            ObjectNode node = json.createObjectNode().put("id", question.id()).put("question", question.question());
            for (Choice choice : question.choices()) {
                node.withArray("choices")
                        .addObject()
                        .put("label", choice.label())
                        .put("text", choice.text());
            }
            if (question.answer() != null) {
                node.put("answer", question.answer());
            }
            text.append(node).append('\n');
        }
        return Files.writeString(file, text);
    }
}
