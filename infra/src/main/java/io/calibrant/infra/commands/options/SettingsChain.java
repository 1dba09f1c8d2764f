package io.calibrant.infra.commands.options;

import io.calibrant.schemas.Configuration;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import picocli.CommandLine;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * Lets every flag be set in the file of {@code --command-config} and in the environment too: {@code --batch-size} is
 * {@code calibrant.batch.size} there and {@code CALIBRANT_BATCH_SIZE} here. {@link Configuration} says which one wins.
 */
public final class SettingsChain implements IDefaultValueProvider {
    private static final String COMMAND_CONFIG = "--command-config";

    /** Flags of one invocation, which are no settings. */
    private static final Set<String> NO_SETTINGS = Set.of(
            COMMAND_CONFIG,
            "--print-config",
            "--json",
            "--debug",
            "--help",
            "--version",
            "--apply",
            "--alter",
            "--delete",
            "--force",
            "--overwrite",
            "--replace-run");

    /** Variables of the launcher and of the log. */
    private static final Set<String> NO_VARIABLES = Set.of(
            "CALIBRANT_CLASS_ARCHIVE",
            "CALIBRANT_DEBUG",
            "CALIBRANT_JAVA_OPTS",
            "CALIBRANT_LOG_LEVEL",
            "CALIBRANT_MAVEN_OPTS",
            "CALIBRANT_TORCH");

    private final Configuration fileAndEnvironment;
    private final Path file;
    private final List<String> arguments;
    private final Map<String, String> environment;
    private final Set<String> ownKeys;

    private SettingsChain(Path file, String[] arguments, Map<String, String> environment, Set<String> ownKeys) {
        this.file = file;
        this.arguments = List.of(arguments);
        this.environment = environment;
        this.ownKeys = ownKeys;
        this.fileAndEnvironment = over(Configuration.builtIn(Map.of()));
    }

    /**
     * The chain for a command line.
     *
     * @throws ConfigurationException if the file cannot be read or sets a {@code calibrant.*} key that does not exist
     */
    public static SettingsChain of(CommandLine root, String[] arguments, Map<String, String> environment) {
        Set<String> keys = new TreeSet<>(Set.of(Connection.SERIALIZER, Connection.DESERIALIZER, Connection.SERDE));
        root.getSubcommands()
                .values()
                .forEach(command -> settings(command.getCommandSpec()).forEach(option -> keys.add(key(option))));
        Path file = null;
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].startsWith(COMMAND_CONFIG + "=")) {
                file = Path.of(arguments[i].substring(COMMAND_CONFIG.length() + 1));
            } else if (arguments[i].equals(COMMAND_CONFIG) && i + 1 < arguments.length) {
                file = Path.of(arguments[i + 1]);
            }
        }
        return new SettingsChain(file, arguments, environment, keys);
    }

    private Configuration over(Configuration builtIn) {
        Configuration configuration = builtIn;
        if (file != null) {
            configuration = configuration.withFile(file);
            for (String key : configuration.keys()) {
                if (key.startsWith("calibrant.") && !ownKeys.contains(key)) {
                    List<String> known = ownKeys.stream()
                            .filter(each -> each.startsWith("calibrant."))
                            .toList();
                    throw new ConfigurationException("a calibrant.* setting", key, Require.choice(known))
                            .from(file.toString());
                }
            }
        }
        return configuration.withEnvironment(environment, ownKeys, NO_VARIABLES);
    }

    @Override
    public String defaultValue(ArgSpec argument) {
        return argument instanceof OptionSpec option && isSetting(option)
                ? fileAndEnvironment
                        .get(key(option))
                        .map(Configuration.Entry::value)
                        .orElse(null)
                : null;
    }

    /** Every setting of a parsed command, with its origin. */
    static Configuration resolve(CommandSpec command) {
        SettingsChain chain = (SettingsChain) command.defaultValueProvider();
        ParseResult parsed = command.commandLine().getParseResult();
        Map<String, String> builtIn = new LinkedHashMap<>();
        Map<String, String> said = new LinkedHashMap<>();
        Map<String, String> flags = new LinkedHashMap<>();
        for (OptionSpec option : settings(command)) {
            if (option.defaultValue() != null) {
                builtIn.put(key(option), option.defaultValue());
            }
            // originalStringValues and not the value: users recognise what they typed.
            if (parsed.hasMatchedOption(option)) {
                said.put(
                        key(option),
                        String.join(
                                ",",
                                Optional.ofNullable(parsed.matchedOption(option.longestName()))
                                        .map(OptionSpec::originalStringValues)
                                        .orElse(List.of())));
                flags.put(key(option), option.longestName());
            }
        }
        return chain.over(Configuration.builtIn(builtIn)).withFlags(said, flags);
    }

    /**
     * A refusal that names the environment variable or the file that the value came from, unless a flag gave it.
     *
     * @param command the command whose setting was refused
     */
    public static ConfigurationException named(CommandSpec command, ConfigurationException refusal) {
        return refusal.origin().isEmpty() && command.defaultValueProvider() instanceof SettingsChain chain
                ? refusal.from(chain.origin(command, refusal.key()))
                : refusal;
    }

    private String origin(CommandSpec command, String flagOrKey) {
        OptionSpec option = command.findOption(flagOrKey);
        boolean isFlag = option != null
                && arguments.stream()
                        .anyMatch(argument -> argument.equals(flagOrKey) || argument.startsWith(flagOrKey + "="));
        return isFlag
                ? null
                : fileAndEnvironment
                        .get(option == null ? flagOrKey : key(option))
                        .map(Configuration.Entry::variableOrFile)
                        .orElse(null);
    }

    /** The places where the value of a flag can be given, in words that follow "must be". */
    static String given(OptionSpec option) {
        return Configuration.given(key(option));
    }

    private static List<OptionSpec> settings(CommandSpec command) {
        return command.options().stream().filter(SettingsChain::isSetting).toList();
    }

    private static boolean isSetting(OptionSpec option) {
        return option.longestName().startsWith("--") && !NO_SETTINGS.contains(option.longestName());
    }

    private static String key(OptionSpec option) {
        return switch (option.longestName()) {
            case "--bootstrap-server" -> Configuration.BOOTSTRAP_SERVERS;
            case "--schema-registry" -> Configuration.SCHEMA_REGISTRY;
            default -> "calibrant." + option.longestName().substring(2).replace('-', '.');
        };
    }
}
