package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.NameChecks;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.topics.QuestionIds;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.scorer.answering.Tier;
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
        name = "ask",
        description = {
            "Sends the questions of a file to the topic questions. The file is checked as a whole before"
                    + " anything is sent.",
            "One JSON object a line: {\"id\", \"question\", \"context\"?, \"choices\": [{\"label\", \"text\"}],"
                    + " \"answer\"?}; an answer is not sent (see label, validate).",
            "Within a run an id stands for one text: it is refused where topic questions has another under it."
        },
        footer = {
            "  calibrant ask --questions test.jsonl --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant ask --questions test.jsonl --run news-7b   # only the scorers of this run answer"
        })
final class AskCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--questions", paramLabel = "FILE", required = true, description = "The questions, JSON lines.")
    private Path questions;

    @Option(
            names = "--run",
            paramLabel = "R",
            description = "The run to answer with. Default: each group of scorers that runs now answers.")
    private String run;

    @Option(names = "--fit", paramLabel = "NAME", description = "The fit to answer with. Default: the scorer's own.")
    private String fit;

    @Option(
            names = "--tier",
            paramLabel = "TIER",
            description =
                    "Which blocks carry the covariance: all, last-layer, forward or map. Default: the scorer's own.")
    private String tier;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        NameChecks.runAndFit(run, fit);
        if (tier != null) {
            Tier.of("--tier", tier);
        }
        List<Question> asked = QuestionFile.read(questions);
        Connection connection = connectionOptions.reachable();
        QuestionIds.requireFree(AskedQuestions.read(connection), asked, QuestionIds.Use.ASK, run, questions);
        new QuestionSender(connection).questions(asked, Purpose.ANSWER, run, fit, tier);
        new Output(spec)
                .note(asked.size() + " questions sent to " + connection.topics().questions());
        return ExitCode.OK;
    }
}
