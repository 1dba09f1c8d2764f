package io.calibrant.infra.commands.options;

import picocli.CommandLine.Option;

/** The flags of commands that create topics; their values reach the connection as settings, whatever gave them. */
@SuppressWarnings("UnusedVariable") // picocli fills the fields, SettingsChain says which source counts
public final class NewTopicOptions {
    @Option(
            names = "--replication-factor",
            paramLabel = "N",
            order = 890,
            description = "Brokers that keep each partition of a topic that is created. Default: the cluster's own.")
    private Integer replicationFactor;

    @Option(
            names = "--min-insync-replicas",
            paramLabel = "N",
            order = 891,
            description = "Of these, so many must have a record before it counts as written. Default: the cluster's"
                    + " own.")
    private Integer minInsyncReplicas;
}
