package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.NameChecks;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.topics.QuestionIds;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.infra.topics.TrainingQuestions;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.AskedQuestions;
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
        name = "validate",
        description = {
            "Sends labelled questions for validation, and their labels: what temperature and (T, c) are calibrated on.",
            "They must not be among the training questions: the texts are compared. An id stands for one text within"
                    + " a run."
        },
        footer = {
            "  calibrant validate --questions held-out.jsonl --run news-7b --bootstrap-server 127.0.0.1:9092"
                    + " --schema-registry http://127.0.0.1:8081",
            "  calibrant validate --questions held-out.jsonl --run news-7b --fit by-labels"
        })
final class ValidateCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            required = true,
            description = "The questions, JSON lines as for ask, each with its answer.")
    private Path questions;

    @Option(
            names = "--run",
            paramLabel = "R",
            required = true,
            description = "The run to validate: questions without one would tune every run, later ones too.")
    private String run;

    @Option(names = "--fit", paramLabel = "NAME", description = "The fit to validate. Default: the scorer's own.")
    private String fit;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        NameChecks.runAndFit(run, fit);
        List<Question> labelled = QuestionFile.read(questions);
        for (Question question : labelled) {
            if (question.answer() == null) {
                throw new IllegalArgumentException("question file " + questions + ": question '" + question.id()
                        + "' has no \"answer\"; validation needs one for every question");
            }
        }
        Connection connection = connectionOptions.reachable();
        QuestionIds.requireFree(AskedQuestions.read(connection), labelled, QuestionIds.Use.ASK, run, questions);
        Output output = new Output(spec);
        List<Question> unseen = TrainingQuestions.unseen(connection, run, labelled, questions, output::note);
        QuestionSender sender = new QuestionSender(connection);
        sender.labels(unseen, run);
        sender.questions(unseen, Purpose.VALIDATION, run, fit);
        output.note(unseen.size() + " validation questions and labels sent");
        output.note("note: until a scorer has answered them and a fitter has calibrated on them, answers say"
                + " 'LABEL_FREE'; then 'AVERAGED', weighted by how likely these labels are made"
                + " ('calibrant evaluate'"
                + " shows it). At every tier they are answered with all blocks, as the posterior needs"
                + " their covariance");
        return ExitCode.OK;
    }
}
