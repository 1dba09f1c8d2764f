package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.Connection;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "label",
        description = {
            "Sends the answers of a question file to the topic labels: the truth about questions that were asked.",
            "Questions without an answer are left out."
        },
        footer = {
            "  calibrant label --questions test.jsonl --bootstrap-server HOST:9092 --schema-registry http://HOST:8081"
        })
final class LabelCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            required = true,
            description = "The questions with their answers, JSON lines as for ask.")
    private Path questions;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        List<Question> all = QuestionFile.read(questions);
        List<Question> labelled =
                all.stream().filter(question -> question.answer() != null).toList();
        if (labelled.isEmpty()) {
            throw new IllegalArgumentException(
                    "question file " + questions + ": no question has an \"answer\", so there is no label to send");
        }
        Connection connection = connectionOptions.reachable();
        new QuestionSender(connection).labels(labelled);
        new Output(spec)
                .note(labelled.size() + " labels sent to " + connection.topics().labels()
                        + (labelled.size() < all.size()
                                ? ", " + (all.size() - labelled.size()) + " questions have no answer"
                                : ""));
        return ExitCode.OK;
    }
}
