package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.PrintConfigFirst;
import io.calibrant.infra.commands.options.SettingsChain;
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
        description = "Calibrated answers from LoRA-fine-tuned language models, through Kafka.",
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
        exitCodeList = {"0:done", "1:failed; one line on standard error says why", "2:wrong usage"},
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
        PrintWriter out = writer(FileDescriptor.out);
        PrintWriter err = writer(FileDescriptor.err);
        System.exit(run(arguments, System.getenv(), out, err));
    }

    private static PrintWriter writer(FileDescriptor descriptor) {
        // Results are UTF-8, whatever the locale says.
        return new PrintWriter(new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
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
        return line.execute(arguments);
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "COMMAND must be given, got nothing");
    }
}
