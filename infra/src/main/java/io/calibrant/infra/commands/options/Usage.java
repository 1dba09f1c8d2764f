package io.calibrant.infra.commands.options;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Wrong usage of the command line, reported in the form of {@link ConfigurationException}. */
public final class Usage {
    private static final Map<Class<?>, String> KINDS = Map.of(
            int.class, "a whole number",
            Integer.class, "a whole number",
            long.class, "a whole number",
            Long.class, "a whole number",
            double.class, "a number",
            Double.class, "a number",
            boolean.class, "true or false",
            Path.class, "a path");

    private Usage() {}

    /**
     * Runs checks of flags; what they refuse is wrong usage.
     *
     * @throws ParameterException if a check throws a {@link ConfigurationException}
     */
    public static void check(CommandSpec command, Runnable checks) {
        checked(command, () -> {
            checks.run();
            return command;
        });
    }

    /**
     * What flags describe; what is refused there is wrong usage.
     *
     * @throws ParameterException if it throws a {@link ConfigurationException}
     */
    public static <T> T checked(CommandSpec command, Supplier<T> described) {
        try {
            return described.get();
        } catch (ConfigurationException e) {
            throw new ParameterException(command.commandLine(), e.getMessage(), e);
        }
    }

    /** The message of wrong usage, in one form for picocli's checks and for those of the commands. */
    public static String message(ParameterException failure) {
        CommandSpec command = failure.getCommandLine().getCommandSpec();
        if (failure.getCause() instanceof ConfigurationException refusal) {
            return SettingsChain.named(command, refusal).getMessage();
        }
        if (failure instanceof UnmatchedArgumentException unmatched) {
            return unmatched(command, unmatched.getUnmatched().get(0));
        }
        if (failure instanceof MissingParameterException missing) {
            return missing(missing.getMissing());
        }
        if (failure instanceof OverwrittenOptionException twice) {
            return name(twice.getOverwritten()) + " must be given once, got several";
        }
        if (failure.getArgSpec() != null && failure.getValue() != null) {
            ArgSpec argument = failure.getArgSpec();
            ConfigurationException refusal = new ConfigurationException(
                    name(argument), failure.getValue(), accepted(argument, failure.getValue()), failure);
            return SettingsChain.named(command, refusal).getMessage();
        }
        return failure.getMessage();
    }

    private static String unmatched(CommandSpec command, String argument) {
        String where = "'" + command.qualifiedName() + "'";
        if (argument.startsWith("-")) {
            return argument + " is not an option of " + where;
        }
        if (command.subcommands().isEmpty()) {
            return "'" + argument + "' is not an option of " + where + ", and the command takes "
                    + (command.positionalParameters().isEmpty() ? "nothing else" : "no further parameter");
        }
        List<String> commands = command.subcommands().entrySet().stream()
                .filter(each -> !each.getValue().getCommandSpec().usageMessage().hidden())
                .map(Map.Entry::getKey)
                .toList();
        return Require.message("COMMAND", argument, Require.choice(commands));
    }

    private static String missing(List<ArgSpec> missing) {
        String names = missing.stream().map(Usage::name).collect(Collectors.joining(", "));
        return Require.message(names, null, missing.size() == 1 ? given(missing.get(0)) : "given");
    }

    private static String given(ArgSpec argument) {
        if (argument instanceof OptionSpec option) {
            return option.required() ? SettingsChain.given(option) : "followed by a value";
        }
        return "given";
    }

    private static String name(ArgSpec argument) {
        return argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel();
    }

    private static String accepted(ArgSpec argument, Object value) {
        Class<?> type = argument.auxiliaryTypes()[0];
        if (type.isEnum()) {
            return Require.choice(Arrays.asList(type.getEnumConstants()));
        }
        boolean tooLong = value.toString().matches("[+-]?\\d+");
        if (tooLong && (type == int.class || type == Integer.class)) {
            return Integer.MIN_VALUE + " to " + Integer.MAX_VALUE;
        }
        if (tooLong && (type == long.class || type == Long.class)) {
            return Long.MIN_VALUE + " to " + Long.MAX_VALUE;
        }
        return KINDS.getOrDefault(type, "a value of " + argument.paramLabel());
    }
}
