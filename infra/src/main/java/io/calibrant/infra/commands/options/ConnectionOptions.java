package io.calibrant.infra.commands.options;

import io.calibrant.schemas.Configuration;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.ReachabilityCheck;
import io.calibrant.schemas.Topics;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The flags of every command that talks to Kafka. */
@SuppressWarnings("UnusedVariable") // picocli fills the fields, SettingsChain says which source counts
public final class ConnectionOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec mixee;

    @Option(names = "--bootstrap-server", paramLabel = "B", order = 900, description = "Kafka, host:port[,host:port].")
    private String bootstrapServer;

    @Option(
            names = "--schema-registry",
            paramLabel = "URL",
            order = 901,
            description = "The schema registry, for example http://127.0.0.1:8081; Apicurio's is .../apis/ccompat/v7.")
    private String schemaRegistry;

    @Option(
            names = "--command-config",
            paramLabel = "FILE",
            order = 902,
            description = "Settings, key=value lines: Kafka's client settings, and any flag --x-y as calibrant.x.y."
                    + " Flags beat the environment (CALIBRANT_*) beats the file.")
    private Path commandConfig;

    @Option(
            names = "--topic-prefix",
            paramLabel = "P",
            order = 903,
            defaultValue = Topics.DEFAULT_PREFIX,
            description = "Put before every topic name; '' for none. Default: ${DEFAULT-VALUE}")
    private String topicPrefix;

    @Option(
            names = "--print-config",
            order = 904,
            description = "Show every setting and where it came from, secrets masked, and do nothing.")
    private boolean printConfig;

    /** The connection of a command whose options have been read; empty where it talks to no cluster. */
    public static Optional<Connection> of(CommandSpec command) {
        return command.mixins().values().stream()
                .map(CommandSpec::userObject)
                .filter(ConnectionOptions.class::isInstance)
                .map(options -> ((ConnectionOptions) options).connection())
                .findFirst();
    }

    boolean printConfig() {
        return printConfig;
    }

    /**
     * The connection that these flags, the environment and the file describe.
     *
     * @throws ParameterException if an address is missing
     * @throws io.calibrant.schemas.ConfigurationException if one has another form than an address
     */
    public Connection connection() {
        Configuration configuration = SettingsChain.resolve(mixee);
        Usage.check(mixee, configuration::requireAddresses);
        return configuration.connection();
    }

    /**
     * As {@link #connection()}, once broker and registry have answered.
     *
     * @throws org.apache.kafka.common.KafkaException naming the address that does not answer
     */
    public Connection reachable() {
        Connection connection = connection();
        ReachabilityCheck.check(connection);
        return connection;
    }
}
