package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.TopicDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.Admin;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "topics",
        description = {
            "Shows what the topics should be and the difference to what is there; changes nothing without --apply.",
            "Missing topics are created and differing settings set; a differing number of partitions is only reported."
        },
        footer = {
            "  calibrant topics --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant topics --apply --topic-prefix team- --command-config client.properties"
        })
final class TopicsCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Option(names = "--apply", description = "Create what is missing, set what differs.")
    private boolean apply;

    @Option(names = "--json", description = "One object a topic: topic, partitions, configs, state, difference.")
    private boolean json;

    @Override
    public Integer call() {
        Output output = new Output(spec);
        Connection connection = connectionOptions.reachable();
        List<TopicDefinition> definitions = connection.topics().definitions();
        List<TopicDifference> differences;
        try (Admin admin = Admin.create(connection.admin())) {
            TopicAdmin topics = new TopicAdmin(admin);
            differences = topics.compare(definitions);
            if (apply) {
                differences.forEach(topics::apply);
            }
        }
        print(output, differences);
        boolean stuck = differences.stream().anyMatch(TopicDifference::partitionsDiffer);
        long different =
                differences.stream().filter(difference -> !difference.none()).count();
        if (!apply && different > 0) {
            output.note(different + " of " + differences.size() + " topics differ; --apply repairs them");
        }
        // Partitions still differ after --apply: only new topics can help, which is the user's decision.
        return apply && stuck ? ExitCode.SOFTWARE : ExitCode.OK;
    }

    private void print(Output output, List<TopicDifference> differences) {
        List<List<String>> rows = new ArrayList<>();
        for (TopicDifference difference : differences) {
            TopicDefinition definition = difference.definition();
            String state = state(difference);
            if (json) {
                var object = Output.object();
                object.put("topic", definition.name());
                object.put("partitions", definition.partitions());
                object.set("configs", Output.json(definition.configs()));
                object.put("state", state);
                object.put("difference", difference.none() ? null : difference.describe());
                output.json(object);
            } else {
                rows.add(List.of(definition.name(), state, difference.describe()));
            }
        }
        if (!json) {
            output.table(List.of("TOPIC", "STATE", "DIFFERENCE"), rows);
        }
    }

    private String state(TopicDifference difference) {
        if (difference.none()) {
            return "ok";
        }
        if (apply && difference.missing()) {
            return "created";
        }
        if (apply && !difference.partitionsDiffer()) {
            return "altered";
        }
        return difference.missing() ? "missing" : "differs";
    }
}
