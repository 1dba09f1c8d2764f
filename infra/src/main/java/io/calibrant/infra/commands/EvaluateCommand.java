package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.NameChecks;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.DetailsFile;
import io.calibrant.infra.commands.output.EvaluationPrinter;
import io.calibrant.infra.commands.output.LearningCurvePrinter;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.demo.Display;
import io.calibrant.infra.evaluation.Evaluated;
import io.calibrant.infra.evaluation.EvaluationSettings;
import io.calibrant.infra.evaluation.Evaluator;
import io.calibrant.infra.report.HtmlReport;
import io.calibrant.infra.report.Provenance;
import io.calibrant.infra.report.SourceFile;
import io.calibrant.infra.report.TypedCommand;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "evaluate",
        description = {
            "Sends labelled questions and their labels through the topics, waits for the answers, and prints"
                    + " ACC, NLL, ECE (15 bins) and Brier for MAP, temperature scaling, the evidence's Laplace, the"
                    + " label-free average, and"
                    + " as served.",
            "Temperature is fitted on the run's validation answers (train and validate ask these) where there"
                    + " are any, else cross-fitted on the questions themselves.",
            "Then differences to MAP with 95%% intervals (paired bootstrap), the coverage and size of conformal"
                    + " sets calibrated on the validation answers, and what entropy, mutual information, novelty and"
                    + " familiarity are worth for telling wrong answers, and, with --unfamiliar, unfamiliar questions.",
            "Then the accuracy-coverage curve with its band, the area under the risk-coverage curve, and the thresholds"
                    + " above which answers may be accepted, by the labels of these questions: they have tuned"
                    + " nothing. Questions that were asked for validation, too, are left out of this."
        },
        footer = {
            "  calibrant evaluate --questions test.jsonl --run news --html report.html",
            "  calibrant evaluate --questions test.jsonl --run news --unfamiliar other.jsonl --details answers.jsonl",
            "  calibrant evaluate --questions test.jsonl --learning-curve    # what more labels would be worth",
            "  calibrant evaluate --questions test.jsonl --json    # one object a method; the run may be left"
                    + " out if there is one"
        })
final class EvaluateCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            required = true,
            description = "The questions with their answers, JSON lines.")
    private Path questions;

    @Option(
            names = "--run",
            paramLabel = "R",
            description = "The run whose scorer is to answer. Default: the only one there is.")
    private String run;

    @Option(names = "--fit", paramLabel = "NAME", description = "The fit to answer with. Default: the scorer's own.")
    private String fit;

    @Option(
            names = "--unfamiliar",
            paramLabel = "FILE",
            description = "Questions of another kind, answers not needed: asked as well, to see whether entropy, mutual"
                    + " information, novelty and familiarity tell them from the others.")
    private Path unfamiliar;

    @Option(
            names = "--target-accuracy",
            paramLabel = "A",
            split = ",",
            defaultValue = "0.9,0.95,0.99",
            description = "Look for the thresholds above which this share of the answers is right at least."
                    + " Default: ${DEFAULT-VALUE}.")
    private List<Double> targets;

    @Option(
            names = "--confidence",
            paramLabel = "P",
            defaultValue = "0.95",
            description = "With this probability. Default: ${DEFAULT-VALUE}.")
    private double confidence;

    @Option(
            names = "--class-conditional",
            description = "Conformal sets that keep their promise for every class on its own, where the questions have"
                    + " one list of choices.")
    private boolean classConditional;

    @Option(
            names = "--details",
            paramLabel = "FILE",
            description = "Also write one JSON object a question: what every method said, and the scores.")
    private Path details;

    @Option(
            names = "--learning-curve",
            description = "Also the NLL against the number of labels, on repeated subsamples of those that are known,"
                    + " and what 50 more would be worth.")
    private boolean learningCurve;

    @Option(names = "--html", paramLabel = "FILE", description = "Also write a report that opens without a network.")
    private Path html;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "600",
            description = "Give up when no answer has come for this long; default ${DEFAULT-VALUE}.")
    private long timeout;

    @Option(names = "--json", description = "One object a method.")
    private boolean json;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        NameChecks.runAndFit(run, fit);
        Usage.check(spec, () -> Require.atLeast("--timeout", timeout, 1));
        EvaluationSettings settings = new EvaluationSettings(
                Usage.checked(
                        spec,
                        () -> targets.stream()
                                .map(target -> AnsweringSettings.target(target, confidence)
                                        .orElseThrow())
                                .toList()),
                classConditional);
        List<Question> labelled = QuestionFile.read(questions);
        List<Question> others = unfamiliar == null ? List.of() : QuestionFile.read(unfamiliar);
        List<SourceFile> files = html == null ? List.of() : files(labelled.size(), others.size());
        Connection connection = connectionOptions.reachable();
        Output output = new Output(spec);
        Display display = Display.onStandardError(spec.commandLine().getErr());
        Evaluated evaluated = new Evaluator(
                        connection,
                        run,
                        fit,
                        Duration.ofSeconds(timeout),
                        progress -> display.progress(
                                progress.stage(),
                                progress.answered() + " of " + progress.total() + " questions"
                                        + (progress.refused() == 0 ? "" : ", " + progress.refused() + " refused"),
                                (double) (progress.answered() + progress.refused()) / progress.total(),
                                progress.remaining()),
                        display::said)
                .evaluate(labelled, others, settings);
        display.said(evaluated.evaluation().questions().size() + " questions answered");
        evaluated.refused().forEach((id, reason) -> output.note("not answered: " + id + ": " + reason));
        if (classConditional && !evaluated.evaluation().diagnostics().classConditional()) {
            output.note("note: --class-conditional: the questions have several lists of choices, so conformal sets"
                    + " are those"
                    + " of all classes together");
        }
        EvaluationPrinter.print(output, evaluated.evaluation(), json);
        if (learningCurve) {
            long begin = System.nanoTime();
            LearningCurvePrinter.print(output, evaluated, json, share -> {
                display.progress("learning curve", "from subsamples of the labels", share, Duration.ofNanos((long)
                        ((System.nanoTime() - begin) * (1 - share) / share)));
                if (share == 1) {
                    display.said("learning curve drawn");
                }
            });
        }
        List<String> words = evaluated.words();
        if (json) {
            words.forEach(output::note);
        } else {
            output.line("");
            words.forEach(output::line);
        }
        if (details != null) {
            new DetailsFile(details).write(evaluated);
            output.note("Details: " + details.toAbsolutePath().normalize());
        }
        if (html != null) {
            new HtmlReport(
                            "Run " + evaluated.run().getRunId() + " on "
                                    + evaluated.evaluation().questions().size() + " questions",
                            Provenance.now(
                                    Version.text(),
                                    TypedCommand.of(spec.root()
                                            .commandLine()
                                            .getParseResult()
                                            .originalArgs()),
                                    files),
                            evaluated.facts(),
                            evaluated.evaluation())
                    .write(html);
            output.note("Report: " + html.toAbsolutePath().normalize());
        }
        return ExitCode.OK;
    }

    private List<SourceFile> files(int asked, int others) {
        List<SourceFile> files = new ArrayList<>();
        files.add(SourceFile.of("questions", questions, asked));
        if (unfamiliar != null) {
            files.add(SourceFile.of("unfamiliar", unfamiliar, others));
        }
        return files;
    }
}
