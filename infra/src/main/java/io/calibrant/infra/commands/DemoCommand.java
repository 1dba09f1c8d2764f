package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.EvaluationPrinter;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.demo.Demo;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.demo.DemoSettings;
import io.calibrant.infra.demo.Display;
import io.calibrant.infra.report.TextReport;
import io.calibrant.infra.report.TypedCommand;
import io.calibrant.schemas.Require;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "demo",
        description = {
            "The whole loop on this machine: starts a Kafka broker and a schema registry, fine-tunes a small"
                    + " Llama, streams its curvature, answers held-out questions through the topics, and shows what"
                    + " calibration changes.",
            "Without flags it runs on the project's own tiny model and noisy questions, in a few minutes."
        },
        footer = {
            "  calibrant demo",
            "  calibrant demo --model DIR --questions train.jsonl --test test.jsonl --steps 400 --learning-rate"
                    + " 5e-4 \\",
            "      --lora-targets q_proj,v_proj --dir news"
        })
final class DemoCommand implements Callable<Integer> {
    /** A placeholder for flags that the demo sets itself. */
    private static final String NAME = "demo";

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "A model directory of the Llama family. Default: the demo's own, 0.7 MB.")
    private Path model;

    @Option(names = "--questions", paramLabel = "FILE", description = "The training questions, with --model.")
    private Path questions;

    @Option(names = "--test", paramLabel = "FILE", description = "The held-out questions, with --model.")
    private Path test;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description =
                    "Keeps report, logs and the topics. Default: a temporary directory that keeps report and logs.")
    private Path dir;

    @Option(names = "--no-monitor", description = "Do not open the monitor, a page that shows it live.")
    private boolean noMonitor;

    @Option(names = "--json", description = "The figures as one object a method.")
    private boolean json;

    @Option(names = "--points", paramLabel = "N", description = "Points of the link; see score.")
    private String points;

    @Option(names = "--tier", paramLabel = "TIER", description = "Which blocks carry the covariance; see score.")
    private String tier;

    @Option(names = "--label-free", paramLabel = "WHAT", description = "What serves without labels; see score.")
    private String labelFree;

    // Passed on to train unchanged, which checks them.
    @Option(names = "--steps", paramLabel = "N", description = "These are train's; see there.")
    private String steps;

    @Option(names = "--learning-rate", paramLabel = "X")
    private String learningRate;

    @Option(names = "--batch-size", paramLabel = "N")
    private String batchSize;

    @Option(names = "--adapter", paramLabel = "DIR")
    private String adapter;

    @Option(names = "--lora-rank", paramLabel = "N")
    private String loraRank;

    @Option(names = "--lora-alpha", paramLabel = "X")
    private String loraAlpha;

    @Option(names = "--lora-dropout", paramLabel = "X")
    private String loraDropout;

    @Option(names = "--lora-targets", paramLabel = "LIST")
    private String loraTargets;

    @Option(names = "--max-length", paramLabel = "N")
    private String maxLength;

    @Option(names = "--seed", paramLabel = "N")
    private String seed;

    @Option(names = "--kfac", paramLabel = "NAME")
    private String kfac;

    @Option(names = "--fisher", paramLabel = "NAME")
    private String fisher;

    @Option(names = "--rank", paramLabel = "K")
    private String rank;

    @Option(names = "--validation", paramLabel = "FILE")
    private String validation;

    @Option(names = "--validation-fraction", paramLabel = "X")
    private String validationFraction;

    @Override
    public Integer call() throws Exception {
        boolean given = model != null || questions != null || test != null;
        List<String> these = new ArrayList<>();
        add(these, "--model", model == null ? null : model.toString());
        add(these, "--questions", questions == null ? null : questions.toString());
        add(these, "--test", test == null ? null : test.toString());
        Usage.check(
                spec,
                () -> Require.that(
                        these.isEmpty() || these.size() == 6,
                        "--model, --questions and --test",
                        these,
                        "all given, or none for the demo's own"));
        DemoFiles files = given ? new DemoFiles(model, questions, test) : null;
        checkFlags();
        Output output = new Output(spec);
        Display display = Display.onStandardError(spec.commandLine().getErr());
        DemoSettings settings = new DemoSettings(
                files,
                dir,
                training(),
                scoring(),
                Version.text(),
                TypedCommand.of(spec.root().commandLine().getParseResult().originalArgs()),
                !noMonitor);
        try (Demo demo = new Demo(settings, display)) {
            AtomicBoolean done = new AtomicBoolean();
            UntilInterrupted.Body loop = () -> {
                Demo.Outcome outcome = demo.run();
                done.set(true);
                outcome.evaluated()
                        .refused()
                        .forEach((id, reason) -> output.note("not answered: " + id + ": " + reason));
                output.note("");
                EvaluationPrinter.print(output, outcome.evaluated().evaluation(), json);
                String rest = System.lineSeparator()
                        + TextReport.examples(outcome.evaluated().evaluation())
                        + System.lineSeparator() + "Report: " + outcome.report();
                if (json) {
                    output.notes(rest);
                } else {
                    output.line(rest);
                }
                return ExitCode.OK;
            };
            return UntilInterrupted.job(
                    demo,
                    loop,
                    () -> done.get()
                            ? Optional.empty()
                            : Optional.of("interrupted before its end: the same command starts over"),
                    line -> output.note(spec.qualifiedName() + ": " + line));
        }
    }

    /** Checks the flags that are passed on before a broker starts. */
    private void checkFlags() {
        try {
            parsed(new TrainCommand(), training(), "--run", NAME, "--model", NAME, "--questions", NAME)
                    .settings();
            parsed(new ScoreCommand(), scoring(), "--run", NAME, "--model", NAME)
                    .settings();
        } catch (ParameterException e) {
            throw new ParameterException(spec.commandLine(), Usage.message(e), e, e.getArgSpec(), e.getValue());
        }
    }

    private static <C> C parsed(C command, List<String> flags, String... required) {
        List<String> arguments = new ArrayList<>(List.of(required));
        arguments.addAll(flags);
        new CommandLine(command).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments.toArray(String[]::new));
        return command;
    }

    /** The flags that are passed on to score. */
    private List<String> scoring() {
        List<String> scoring = new ArrayList<>();
        add(scoring, "--points", points);
        add(scoring, "--tier", tier);
        add(scoring, "--label-free", labelFree);
        return scoring;
    }

    /** The flags that are passed on to train. */
    List<String> training() {
        List<String> training = new ArrayList<>();
        add(training, "--steps", steps);
        add(training, "--learning-rate", learningRate);
        add(training, "--batch-size", batchSize);
        add(training, "--adapter", adapter);
        add(training, "--lora-rank", loraRank);
        add(training, "--lora-alpha", loraAlpha);
        add(training, "--lora-dropout", loraDropout);
        add(training, "--lora-targets", loraTargets);
        add(training, "--max-length", maxLength);
        add(training, "--seed", seed);
        add(training, "--kfac", kfac);
        add(training, "--fisher", fisher);
        add(training, "--rank", rank);
        add(training, "--validation", validation);
        add(training, "--validation-fraction", validationFraction);
        return training;
    }

    private static void add(List<String> flags, String name, String value) {
        if (value != null) {
            flags.add(name);
            flags.add(value);
        }
    }
}
