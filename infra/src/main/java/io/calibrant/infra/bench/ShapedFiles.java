package io.calibrant.infra.bench;

import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/** A model directory and questions of the benchmark's shape, for what reads files. */
final class ShapedFiles {
    private ShapedFiles() {}

    /** A directory with random weights and the demo's tokenizer, whose vocabulary is the first part of the model's. */
    static Path model(DemoFiles files, Path directory) throws IOException {
        Files.createDirectories(directory);
        Workload.writeRandomModel(Workload.SMOLLM_135M, directory);
        Files.copy(files.model().resolve("tokenizer.json"), directory.resolve("tokenizer.json"));
        return directory;
    }

    /**
     * The questions with as many choices as the benchmark's, and context that makes their prompts about as long.
     *
     * @param classes C, where a question has so many choices
     * @param length T, tokens
     */
    static List<Question> questions(List<Question> questions, PromptTokenizer tokenizer, int classes, int length) {
        PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.empty());
        List<Question> longer = new ArrayList<>();
        for (Question question : questions) {
            List<Choice> choices = question.choices()
                    .subList(0, Math.min(classes, question.choices().size()));
            String answer = choices.get(0).label();
            List<String> words = List.of(question.question().split(" "));
            StringBuilder context = new StringBuilder();
            Question now;
            int word = 0;
            do { // word by word, so that all become equally long: padding is not what is measured here
                context.append(words.get(word++ % words.size())).append(' ');
                now = new Question(
                        question.id(), question.question(), context.toString().trim(), choices, answer);
            } while (encoder.encode(now).length() < length - 8);
            longer.add(now);
        }
        return longer;
    }
}
