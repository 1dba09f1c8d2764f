package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.SettingsChain;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.text.Printable;
import io.calibrant.schemas.text.Secrets;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.KafkaException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Reports failures to the user: one line on standard error, and the exit code. */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
    /** As the JVM's own where its heap is full. */
    static final int OUT_OF_MEMORY = 3;

    /** Long enough for the list of all settings. */
    private static final int MESSAGE = 20_000;

    private static final int TRACE = 200_000;

    private final BooleanSupplier debug;

    /** @param debug whether stack traces are wanted */
    Failures(BooleanSupplier debug) {
        this.debug = debug;
    }

    @Override
    public int handleParseException(ParameterException failure, String[] arguments) {
        CommandLine line = failure.getCommandLine();
        PrintWriter err = line.getErr();
        String name = line.getCommandSpec().qualifiedName();
        err.println(name + ": " + oneLine(Usage.message(failure)));
        UnmatchedArgumentException.printSuggestions(failure, err);
        err.println("'" + name + " --help' shows what is accepted");
        trace(failure, err);
        return ExitCode.USAGE;
    }

    @Override
    public int handleExecutionException(Exception failure, CommandLine line, ParseResult result) {
        return report(
                failure instanceof ConfigurationException refusal
                        ? SettingsChain.named(line.getCommandSpec(), refusal)
                        : failure,
                line);
    }

    /** Prints a failure of a command in one line; returns the exit code. */
    int report(Exception failure, CommandLine line) {
        PrintWriter err = line.getErr();
        err.println(line.getCommandSpec().qualifiedName() + ": "
                + access(failure, line.getCommandSpec()).orElseGet(() -> message(failure)));
        trace(failure, err);
        return ExitCode.SOFTWARE;
    }

    /** Reports that something other than the heap was too small, for example direct buffers or threads. */
    int outOfMemory(OutOfMemoryError failure, CommandLine line) {
        PrintWriter err = line.getErr();
        err.println(line.getCommandSpec().qualifiedName() + ": out of memory: " + oneLine(failure.getMessage())
                + "; CALIBRANT_JAVA_OPTS=-Xmx... sets the heap");
        trace(new IllegalStateException(failure), err);
        return OUT_OF_MEMORY;
    }

    private void trace(Exception failure, PrintWriter err) {
        if (debug.getAsBoolean()) {
            StringWriter trace = new StringWriter();
            failure.printStackTrace(new PrintWriter(trace));
            err.print(Secrets.inText(Printable.lines(trace.toString(), TRACE)));
        }
        err.flush();
    }

    /** What says principal, operation and resource, where a cluster has refused a right. */
    private static Optional<String> access(Exception failure, CommandSpec command) {
        return AccessFailure.isOne(failure)
                ? ConnectionOptions.of(command)
                        .flatMap(connection -> new AccessFailure(connection, command.name()).describe(failure))
                        .map(Failures::oneLine)
                : Optional.empty();
    }

    /** The message of a failure, with the root cause where Kafka's clients name it only there. */
    private static String message(Exception failure) {
        String message = failure.getMessage();
        if (message == null || message.isBlank() || failure instanceof NullPointerException) {
            return oneLine("internal error: " + failure + " (CALIBRANT_DEBUG=1 shows where)");
        }
        if (failure instanceof KafkaException && message.startsWith("Failed to construct kafka")) {
            Throwable root = failure;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            if (root.getMessage() != null && !message.contains(root.getMessage())) {
                message += ": " + root.getMessage();
            }
        }
        return oneLine(message);
    }

    private static String oneLine(String message) {
        return message == null ? "" : Printable.message(message.strip().replaceAll("\\s*\\R\\s*", " "), MESSAGE);
    }
}
