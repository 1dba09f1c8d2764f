package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What topic {@code questions} has under each id. Answers and labels are joined by run and id, so an id stands for one
 * text within a run; a question that names no run is one of every run. Files that count from 0 each are the usual way
 * to two texts under one id.
 */
public final class AskedQuestions {
    private final String topic;
    private final Map<String, Set<Asked>> byId = new HashMap<>();

    /** @param run null where the question names none */
    private record Asked(String run, String digest, boolean validation) {
        boolean isOf(String other) {
            return run == null || other == null || run.equals(other);
        }
    }

    private AskedQuestions(String topic) {
        this.topic = topic;
    }

    /**
     * All that the topic has now, whatever came after it, but for the questions of runs that are deleted; bad records
     * are the services' to report.
     */
    public static AskedQuestions read(Connection connection) {
        return read(
                connection,
                DeletedRuns.read(TopicReading.of(connection), connection.topics()),
                TopicReading.of(connection));
    }

    /**
     * As {@link #read(Connection)}, and waits for a broker or registry that is away.
     *
     * @param outages hears of it once, and once when it is back
     */
    public static AskedQuestions read(Connection connection, Consumer<String> outages) {
        return read(
                connection,
                DeletedRuns.read(TopicReading.of(connection).throughOutages(outages), connection.topics()),
                TopicReading.of(connection).throughOutages(outages));
    }

    private static AskedQuestions read(Connection connection, DeletedRuns deleted, TopicReading reading) {
        AskedQuestions asked = new AskedQuestions(connection.topics().questions());
        reading.records(asked.topic, Question.class, Objects::nonNull, record -> {
                    if (record.value() != null && !deleted.wereAsked(record.value(), record.timestamp())) {
                        asked.add(record.key(), record.value());
                    }
                })
                .readToEnd();
        return asked;
    }

    /**
     * Of what was read.
     *
     * @param topic the name of the topic
     * @param questions by key
     */
    public static AskedQuestions of(String topic, Map<String, Question> questions) {
        AskedQuestions asked = new AskedQuestions(topic);
        questions.forEach(asked::add);
        return asked;
    }

    /** The same but for the questions that name a run, which is to be deleted. */
    public AskedQuestions without(String run) {
        AskedQuestions left = new AskedQuestions(topic);
        byId.forEach((id, all) -> {
            Set<Asked> others = new LinkedHashSet<>(all);
            others.removeIf(there -> run.equals(there.run));
            left.byId.put(id, others);
        });
        return left;
    }

    private void add(String key, Question question) {
        String run = question.getRun() == null || question.getRun().isEmpty() ? null : question.getRun();
        byId.computeIfAbsent(id(key, question), id -> new LinkedHashSet<>())
                .add(new Asked(run, QuestionText.of(question).digest(), question.getPurpose() == Purpose.VALIDATION));
    }

    /** The id of a question: what its record says, else its key. */
    public static String id(String key, Question question) {
        String given = question.getQuestionId();
        return given == null || given.isEmpty() ? key : given;
    }

    /**
     * Why a question cannot be sent under its id: the id stands for another text already.
     *
     * @param run that it names; null for none
     * @return words that follow the place of the question; empty where nothing is in the way
     */
    public Optional<String> otherText(String id, String run, QuestionText text) {
        String digest = text.digest();
        return under(id, run)
                .filter(there -> !digest.equals(there.digest))
                .findFirst()
                .map(there -> taken(id, there));
    }

    private String taken(String id, Asked there) {
        return "id '" + id + "' is taken: topic " + topic + " has another " + (there.validation ? "validation " : "")
                + "question " + (there.run == null ? "" : "of run '" + there.run + "' ")
                + "with this id, and answers and labels are joined by it; give it an id that no other question has,"
                + " for example 'test-" + id + "'";
    }

    /**
     * As {@link #otherText}, and where it is the same question it must not be one for validation: what was calibrated
     * on it cannot be measured on it.
     */
    public Optional<String> notToBeMeasured(String id, String run, QuestionText text) {
        return otherText(id, run, text)
                .or(() -> under(id, run)
                        .filter(Asked::validation)
                        .findFirst()
                        .map(there -> "id '" + id + "' is that of a validation question"
                                + (there.run == null ? "" : " of run '" + there.run + "'")
                                + ": what was calibrated on it cannot be measured on it; give other questions"));
    }

    /**
     * Why a label cannot be sent: its id is on the topic, but only with other texts.
     *
     * @param run whose answers it is for; null: those of every run that was asked it
     */
    public Optional<String> noSuchText(String id, String run, QuestionText text) {
        String digest = text.digest();
        return under(id, run).anyMatch(there -> digest.equals(there.digest))
                ? Optional.empty()
                : under(id, run).findFirst().map(there -> taken(id, there));
    }

    /** The runs that were asked a question by name; empty where nobody was, or somebody asked without naming a run. */
    public Set<String> runs(String id, QuestionText text) {
        String digest = text.digest();
        Set<String> runs = new TreeSet<>();
        for (Asked there : byId.getOrDefault(id, Set.of())) {
            if (digest.equals(there.digest)) {
                if (there.run == null) {
                    return Set.of();
                }
                runs.add(there.run);
            }
        }
        return runs;
    }

    /** The validation questions of a run, and those that name none: digests of their texts by id. */
    public Map<String, Set<String>> validation(String run) {
        Map<String, Set<String>> found = new TreeMap<>();
        byId.forEach((id, all) -> all.stream()
                .filter(there -> there.validation && there.isOf(run))
                .forEach(there ->
                        found.computeIfAbsent(id, each -> new TreeSet<>()).add(there.digest)));
        return found;
    }

    private Stream<Asked> under(String id, String run) {
        return byId.getOrDefault(id, Set.of()).stream().filter(there -> there.isOf(run));
    }
}
