package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.NameChecks;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.topics.QuestionIds;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
            "Questions without an answer are left out. An id that topic questions has with another text is refused."
        },
        footer = {
            "  calibrant label --questions test.jsonl --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant label --questions test.jsonl --run news-7b   # the answers of other runs get none"
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

    @Option(
            names = "--run",
            paramLabel = "R",
            description = "The run whose answers they are for. Default: those that were asked these questions; every"
                    + " run, where the questions named none.")
    private String run;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        NameChecks.runAndFit(run, null);
        List<Question> all = QuestionFile.read(questions);
        List<Question> labelled =
                all.stream().filter(question -> question.answer() != null).toList();
        if (labelled.isEmpty()) {
            throw new IllegalArgumentException(
                    "question file " + questions + ": no question has an \"answer\", so there is no label to send");
        }
        Connection connection = connectionOptions.reachable();
        AskedQuestions asked = AskedQuestions.read(connection);
        QuestionIds.requireFree(asked, labelled, QuestionIds.Use.LABEL, run, questions);
        Map<String, List<Question>> byRun = byRun(asked, labelled);
        QuestionSender sender = new QuestionSender(connection);
        byRun.forEach((of, theirs) -> sender.labels(theirs, of));
        int sent = byRun.values().stream().mapToInt(List::size).sum();
        new Output(spec)
                .note(sent + " labels sent to " + connection.topics().labels()
                        + (labelled.size() < all.size()
                                ? ", " + (all.size() - labelled.size()) + " questions have no answer"
                                : ""));
        return ExitCode.OK;
    }

    /** The questions by the run that their labels are for; null for every run. */
    private Map<String, List<Question>> byRun(AskedQuestions asked, List<Question> labelled) {
        Map<String, List<Question>> byRun = new LinkedHashMap<>();
        for (Question question : labelled) {
            Set<String> runs = run != null ? Set.of(run) : asked.runs(question.id(), QuestionIds.text(question));
            if (runs.isEmpty()) {
                byRun.computeIfAbsent(null, every -> new ArrayList<>()).add(question);
            }
            for (String each : runs) {
                byRun.computeIfAbsent(each, own -> new ArrayList<>()).add(question);
            }
        }
        return byRun;
    }
}
