package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.NewTopicOptions;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Replication;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.TopicDifference;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
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
            "With --apply missing topics are created, with --apply --alter settings that differ are set as well. Each"
                    + " change is shown before it is made; where one is impossible, none is made. A number of"
                    + " partitions is never changed, since keys would move."
        },
        footer = {
            "  calibrant topics --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant topics --apply --topic-prefix team. --command-config client.properties",
            "  calibrant topics --apply --replication-factor 3 --min-insync-replicas 2"
        })
final class TopicsCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Option(names = "--apply", description = "Create what is missing.")
    private boolean apply;

    @Option(names = "--alter", description = "Set what differs on topics that exist. With --apply; else it is shown.")
    private boolean alter;

    @Option(names = "--json", description = "One object a topic: topic, partitions, configs, state, difference.")
    private boolean json;

    @Mixin
    @SuppressWarnings("UnusedVariable") // picocli fills it
    private NewTopicOptions newTopicOptions;

    @Override
    public Integer call() {
        Output output = new Output(spec);
        Connection connection = connectionOptions.reachable();
        Replication replication = Replication.of(connection);
        try (Admin admin = Admin.create(connection.admin())) {
            TopicAdmin topics = new TopicAdmin(admin, replication);
            List<TopicDifference> differences =
                    topics.withinLimits(topics.compare(connection.topics().definitions()));
            List<TopicDifference> stuck = differences.stream()
                    .filter(TopicDifference::partitionsDiffer)
                    .toList();
            boolean changing = apply && stuck.isEmpty();
            List<TopicDifference> shown = changing ? change(topics, differences, output) : differences;
            print(output, shown, changing);
            topics.replicationWarnings(changing ? topics.compare(definitions(differences)) : differences)
                    .forEach(output::note);
            if (apply && !stuck.isEmpty()) {
                output.note("nothing is created or altered, as a number of partitions cannot be changed: "
                        + stuck.stream()
                                .map(each -> each.definition().name() + " has " + each.partitions() + ", should have "
                                        + each.definition().partitions())
                                .collect(Collectors.joining("; "))
                        + "; topics of others: choose another --topic-prefix");
                return ExitCode.SOFTWARE;
            }
            explain(shown, changing, output);
        }
        return ExitCode.OK;
    }

    private static List<TopicDefinition> definitions(List<TopicDifference> differences) {
        return differences.stream().map(TopicDifference::definition).toList();
    }

    /** Asks for all changes first, says each, and makes them. Returns what was there, with what is made instead. */
    private List<TopicDifference> change(TopicAdmin topics, List<TopicDifference> differences, Output output) {
        List<TopicDefinition> missing = definitions(
                differences.stream().filter(TopicDifference::missing).toList());
        List<TopicDifference> altered = alter ? differing(differences) : List.of();
        List<TopicDefinition> possible = topics.creatable(missing);
        topics.requireAlterable(altered);
        TopicAdmin.limits(missing, possible).forEach(output::note);
        altered.forEach(each -> output.note("altering " + each.definition().name() + ": " + each.changes()));
        if (!possible.isEmpty()) {
            output.note("creating " + possible.size() + " of " + differences.size() + " topics");
            topics.create(possible);
        }
        if (!altered.isEmpty()) {
            topics.alter(altered);
        }
        Map<String, TopicDefinition> made =
                possible.stream().collect(Collectors.toMap(TopicDefinition::name, each -> each));
        return differences.stream()
                .map(each -> each.missing() ? each.as(made.get(each.definition().name())) : each)
                .toList();
    }

    private static List<TopicDifference> differing(List<TopicDifference> differences) {
        return differences.stream()
                .filter(each -> !each.missing() && !each.configs().isEmpty())
                .toList();
    }

    private void explain(List<TopicDifference> differences, boolean changed, Output output) {
        long missing = differences.stream().filter(TopicDifference::missing).count();
        List<TopicDifference> differing = differing(differences);
        if (!changed && missing > 0) {
            output.note(missing + " of " + differences.size() + " topics are missing; --apply creates them");
        }
        if (!differing.isEmpty() && !(changed && alter)) {
            if (alter) {
                differing.forEach(
                        each -> output.note("would alter " + each.definition().name() + ": " + each.changes()));
            }
            output.note(differing.size() + " of " + differences.size()
                    + " topics differ and are left as they are; --apply --alter sets what they should have");
        }
    }

    private void print(Output output, List<TopicDifference> differences, boolean changed) {
        List<List<String>> rows = new ArrayList<>();
        for (TopicDifference difference : differences) {
            TopicDefinition definition = difference.definition();
            String state = state(difference, changed);
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

    private String state(TopicDifference difference, boolean changed) {
        if (difference.none()) {
            return "ok";
        }
        if (difference.missing()) {
            return changed ? "created" : "missing";
        }
        return changed && alter ? "altered" : "differs";
    }
}
