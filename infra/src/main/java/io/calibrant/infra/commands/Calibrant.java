package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.PrintConfigFirst;
import io.calibrant.infra.commands.options.SettingsChain;
import io.calibrant.infra.commands.output.StandardOutput;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The entry point of all commands. A new command is a class of its own and a line in the list below. */
@Command(
        name = "calibrant",
        description = {
            "Calibrated answers from LoRA-fine-tuned language models, through Kafka.",
            "An adapter has to be asked with the prompt that it was trained with: 'check' shows prompt, tokens and"
                    + " probabilities."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        scope = ScopeType.INHERIT,
        sortOptions = false,
        usageHelpWidth = 120,
        optionListHeading = "%nOptions:%n",
        commandListHeading = "%nCommands:%n",
        footerHeading = "%nExamples:%n",
        footer = {
            "  calibrant demo                         the whole loop on this machine",
            "  calibrant up --dir /var/lib/calibrant  a broker and a registry, until interrupted",
            "  calibrant COMMAND --help               what a command takes, with examples"
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done; also a service that was asked to stop",
            "1:failed; one line on standard error says why",
            "2:wrong usage",
            "3:out of memory; CALIBRANT_JAVA_OPTS=-Xmx... sets the heap",
            "130:a job that Ctrl-C has stopped before its end; 143: SIGTERM"
        },
        subcommands = {
            UpCommand.class,
            TopicsCommand.class,
            TrainCommand.class,
            FitCommand.class,
            ScoreCommand.class,
            AskCommand.class,
            AnswersCommand.class,
            LabelCommand.class,
            ValidateCommand.class,
            CheckCommand.class,
            RunsCommand.class,
            FitsCommand.class,
            RefitCommand.class,
            CompareCommand.class,
            WatchCommand.class,
            MonitorCommand.class,
            EvaluateCommand.class,
            DemoCommand.class,
            DemoModelCommand.class,
            BenchCommand.class
        })
public final class Calibrant implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--debug",
            scope = ScopeType.INHERIT,
            description = "Failures with their stack traces (also CALIBRANT_DEBUG=1).")
    private boolean debug;

    private Calibrant() {}

    /** Runs the command of these arguments and ends this JVM with its exit code. */
    public static void main(String[] arguments) {
        PrintWriter err = new PrintWriter(
                new OutputStreamWriter(new FileOutputStream(FileDescriptor.err), StandardCharsets.UTF_8), true);
        System.exit(run(arguments, System.getenv(), new StandardOutput(), err));
    }

    /**
     * Runs the command of these arguments.
     *
     * @return the exit code
     */
    static int run(String[] arguments, Map<String, String> environment, PrintWriter out, PrintWriter err) {
        Calibrant root = new Calibrant();
        Failures failures = new Failures(() -> root.debug || "1".equals(environment.get("CALIBRANT_DEBUG")));
        CommandLine line = new CommandLine(root)
                .setOut(out)
                .setErr(err)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures)
                .setExecutionStrategy(new PrintConfigFirst());
        try {
            line.setDefaultValueProvider(SettingsChain.of(line, arguments, environment));
        } catch (IllegalArgumentException e) {
            return failures.report(e, line);
        }
        try {
            return line.execute(arguments);
        } catch (OutOfMemoryError e) { // not that of the heap, with which the JVM ends by itself
            return failures.outOfMemory(e, line);
        } catch (LinkageError | StackOverflowError e) {
            return failures.report(new IllegalStateException("internal error: " + e, e), line);
        }
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "COMMAND must be given, got nothing");
    }
}
