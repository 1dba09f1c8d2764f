package io.calibrant.infra.commands.options;

import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionStrategy;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;

/** Runs the command, or with {@code --print-config} shows its settings instead. */
public final class PrintConfigFirst implements IExecutionStrategy {
    @Override
    public int execute(ParseResult result) {
        ParseResult last = result;
        while (last.hasSubcommand()) {
            last = last.subcommand();
        }
        CommandSpec command = last.commandSpec();
        boolean asked = !last.isUsageHelpRequested()
                && command.mixins().values().stream()
                        .map(CommandSpec::userObject)
                        .anyMatch(mixin -> mixin instanceof ConnectionOptions options && options.printConfig());
        if (!asked) {
            return new RunLast().execute(result);
        }
        CommandLine line = command.commandLine();
        line.getOut().print(SettingsChain.resolve(command).describe());
        line.getOut().flush();
        return ExitCode.OK;
    }
}
