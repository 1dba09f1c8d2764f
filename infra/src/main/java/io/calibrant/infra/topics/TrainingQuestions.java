package io.calibrant.infra.topics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionPlace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a run was trained on cannot validate it: its answers to it are surer, and right more often, than those to
 * anything else. The ids say nothing, so that the texts are compared.
 */
public final class TrainingQuestions {
    private TrainingQuestions() {}

    /**
     * The questions that a run was not trained on.
     *
     * @param file where they are from
     * @param lines hears how many are refused, with the first of them; or that it cannot be known, because the run is
     *     not on its topic, or does not say it
     * @throws IllegalArgumentException naming file, line and id of the first one where no question is left
     */
    public static List<Question> unseen(
            Connection connection, String run, List<Question> questions, Path file, Consumer<String> lines) {
        String topic = connection.topics().runs();
        Run there = TopicReader.latest(connection, topic, Run.class, line -> {}).get(run);
        TrainingTexts texts = TrainingTexts.read(there == null ? null : there.getTrainingTexts());
        if (texts.isEmpty()) {
            lines.accept("note: whether run '" + run + "' was trained on these questions is not known: "
                    + (there == null
                            ? "topic " + topic + " has no such run yet"
                            : "its record on topic " + topic + " does not say it"));
        }
        return unseen(texts, run, questions, file, lines);
    }

    static List<Question> unseen(
            TrainingTexts texts, String run, List<Question> questions, Path file, Consumer<String> lines) {
        List<Question> trained = questions.stream()
                .filter(question -> texts.contains(QuestionIds.text(question)))
                .toList();
        if (trained.isEmpty()) {
            return questions;
        }
        String id = trained.get(0).id();
        String why = QuestionPlace.of(file, id) + ": question '" + id + "' is by its text one that run '" + run
                + "' was trained on, as " + trained.size() + " of " + questions.size() + " are: ";
        if (trained.size() == questions.size()) {
            throw new IllegalArgumentException(why + "validation needs questions that it has not seen");
        }
        lines.accept(why + "refused, the others are sent");
        List<Question> others = new ArrayList<>(questions);
        others.removeAll(trained);
        return List.copyOf(others);
    }
}
