package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import io.calibrant.trainer.prompts.PromptForm;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.apache.avro.JsonProperties;
import org.apache.avro.Schema;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * What the topics say of a run already. A run that is resumed, or another shard of it, describes it the same; whoever
 * comes with other settings would mix statistics that do not belong together, since each batch of a run counts once.
 */
public final class PublishedRun {
    private static final int LONGEST_VALUE = 60;

    /**
     * Names, not settings: a model is known by its digest, wherever it lies. And what {@code questionsDigest} decides,
     * so that a run from before it was published can be resumed.
     */
    private static final Set<String> NAMES = Set.of("runId", "createdAt", "modelId", "trainingTexts", "generation");

    /** What questions and template decide: a run from before it was recorded can be resumed. */
    private static final Set<String> DECIDED = Set.of(PromptForm.NAMES_END);

    /**
     * What becomes of the name of a run.
     *
     * @param generation how many runs of this name will have been deleted before it
     * @param replaced how the run differs that has it and is to be deleted; empty for none
     * @param withoutInputs whether the run was begun without inputs, by a trainer from before them: what it has sent
     *     has none, so that no fold of an input would ever be complete
     */
    public record Name(int generation, Optional<String> replaced, boolean withoutInputs) {
        /** A run as it goes by this name. */
        public RunDescription of(RunDescription run) {
            RunDescription named = run.withGeneration(generation);
            return withoutInputs ? named.withInputs(0, 0) : named;
        }
    }

    private PublishedRun() {}

    /**
     * Checks that nobody has published this run with other settings. Two processes that start at the same moment do not
     * see each other.
     *
     * @param replace whether a run with other settings is to be deleted by {@link #take}; then it is not refused
     * @return what becomes of the name
     * @throws PublishingException naming the first setting that differs, what the topic has and what is asked for; or
     *     the address if the broker does not answer, or a topic that is missing
     */
    public static Name requireSame(Connection connection, RunDescription run, boolean replace) {
        TrainerTopics.require(connection);
        Run found = found(connection, run.runId());
        if (found == null) {
            return new Name(RunRemoval.nextGeneration(connection, run.runId()), Optional.empty(), false);
        }
        Name name = name(found, run);
        if (name.replaced().isPresent() && !replace) {
            throw new PublishingException(
                    "--run must be a new name, or have the settings it has on topic "
                            + connection.topics().runs() + ", got '" + run.runId() + "' with other ones: "
                            + name.replaced().get() + "; --replace-run deletes that run and takes its name",
                    null);
        }
        return name;
    }

    /** The name of a run that is there: a run from before inputs goes on without them, and is replaced by one with. */
    static Name name(Run there, RunDescription run) {
        boolean without = there.getInputs().isEmpty() && run.layers() > 0;
        Optional<String> difference = difference(there, Records.run(without ? run.withInputs(0, 0) : run));
        boolean replaced = difference.isPresent();
        return new Name(there.getGeneration() + (replaced ? 1 : 0), difference, without && !replaced);
    }

    /**
     * Takes a name that was checked: a run that has it with other settings is deleted. The last that is done before
     * anything is sent, when nothing can be refused any more.
     *
     * @param lines hears of that
     * @throws PublishingException naming the address if the broker does not answer
     */
    public static void take(Connection connection, String run, Name name, Consumer<String> lines) {
        name.replaced().ifPresent(difference -> {
            lines.accept("--replace-run: run '" + run + "' is deleted: " + difference);
            RunRemoval.remove(connection, run);
        });
    }

    private static Run found(Connection connection, String runId) {
        try {
            return read(connection, runId);
        } catch (RegistryUnavailableException e) {
            throw e; // names the address itself
        } catch (KafkaException e) {
            throw new PublishingException("broker " + connection.bootstrapServers() + ": " + e.getMessage(), e);
        }
    }

    /** All that decides what a run trains and sends, by name. */
    public static Map<String, String> settings(RunDescription run) {
        return settings(Records.run(run));
    }

    /**
     * Which topic of which cluster the statistics of a run go to: what was sent to another one, or before it was
     * created anew, is not there.
     *
     * @throws PublishingException naming the address if the broker does not answer
     */
    public static Map<String, String> place(Connection connection) {
        String topic = connection.topics().statistics();
        try (Admin admin = Admin.create(connection.admin())) {
            return new TreeMap<>(Map.of(
                    "cluster",
                    String.valueOf(admin.describeCluster().clusterId().get()),
                    "statisticsTopic",
                    topic + " "
                            + admin.describeTopics(List.of(topic))
                                    .allTopicNames()
                                    .get()
                                    .get(topic)
                                    .topicId()));
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException | KafkaException e) {
            throw new PublishingException("broker " + connection.bootstrapServers() + ": " + e.getMessage(), e);
        }
    }

    /** The newest description of a run; null where there is none that can be read. */
    static Run read(Connection connection, String runId) {
        String topic = connection.topics().runs();
        Optional<byte[]> newest = TopicReading.of(connection).newest(topic, runId);
        if (newest.isEmpty()) {
            return null;
        }
        try (Deserializer<Run> deserializer = connection.deserializer(Run.class)) {
            return deserializer.deserialize(topic, newest.get());
        } catch (BadRecordException e) {
            return null; // no reader can use it: a good one takes its place
        }
    }

    static Optional<String> difference(Run there, Run here) {
        return difference(settings(there), settings(here));
    }

    /** In the order of the contract; what is null there is not in it. */
    static Map<String, String> settings(Run run) {
        Map<String, String> settings = new LinkedHashMap<>();
        for (Schema.Field field : run.getSchema().getFields()) {
            Object value = run.get(field.pos());
            if (!NAMES.contains(field.name()) && !field.name().equals("settings") && value != null) {
                settings.put(
                        field.name(),
                        value instanceof Map<?, ?> map ? new TreeMap<>(map).toString() : value.toString());
            }
        }
        settings.putAll(new TreeMap<>(run.getSettings()));
        settings.keySet().removeAll(DECIDED);
        return settings;
    }

    /** The first difference in words; empty where there is none. */
    public static Optional<String> difference(Map<String, String> there, Map<String, String> here) {
        Set<String> keys = new LinkedHashSet<>(there.keySet());
        keys.addAll(here.keySet());
        return keys.stream()
                .filter(key -> !Objects.equals(comparable(key, there.get(key)), comparable(key, here.get(key))))
                .findFirst()
                .map(key -> words(key, there.get(key), here.get(key)));
    }

    /**
     * What a setting means: one that an earlier version did not know has its default, and what it said of prompts for
     * the record was the paper's form.
     */
    private static String comparable(String key, String value) {
        if (key.equals("promptTemplate")) {
            return value == null || !value.contains("{{") ? PromptForm.PAPER.template() : value;
        }
        Schema.Field field = Run.getClassSchema().getField(key);
        Object unset = field == null || !field.hasDefaultValue() ? JsonProperties.NULL_VALUE : field.defaultVal();
        return value == null && unset != JsonProperties.NULL_VALUE ? unset.toString() : value;
    }

    private static String words(String what, String there, String here) {
        return what + " is " + shortened(there) + " there and " + shortened(here) + " here";
    }

    private static String shortened(String value) {
        String text = value == null ? "nothing" : value;
        return text.length() <= LONGEST_VALUE ? text : text.substring(0, LONGEST_VALUE) + "...";
    }
}
