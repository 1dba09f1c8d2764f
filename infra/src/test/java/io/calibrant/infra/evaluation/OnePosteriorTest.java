package io.calibrant.infra.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.evaluation.OnePosterior.Replies;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The scorer is a function here: which version answers a question of a round. */
class OnePosteriorTest {
    static {
        TrustedRecords.trust();
    }

    private static final List<Question> QUESTIONS = List.of(question("a"), question("b"), question("c"), question("d"));

    private final List<List<String>> asked = new ArrayList<>();
    private final Map<String, String> refused = new HashMap<>();

    @FunctionalInterface
    private interface Scorer {
        /** 0: it refuses the question. */
        long version(int round, String id);
    }

    private Map<String, Long> versions(Scorer scorer) {
        Map<String, Answer> answers = OnePosterior.answers(
                QUESTIONS,
                open -> {
                    List<String> ids = open.stream().map(Question::id).toList();
                    asked.add(ids);
                    Map<String, Answer> given = new LinkedHashMap<>();
                    Answer last = null;
                    for (String id : ids) {
                        long version = scorer.version(asked.size(), id);
                        if (version == 0) {
                            refused.put(id, "too long");
                        } else {
                            last = answer(id, version);
                            given.put(id, last);
                        }
                    }
                    return new Replies(given, last);
                },
                refused);
        Map<String, Long> versions = new HashMap<>();
        answers.forEach((id, answer) -> versions.put(id, answer.getPosteriorVersion()));
        return versions;
    }

    @Test
    void shouldAskEachQuestionOnceWhereOnePosteriorAnswersAll() {
        assertThat(versions((round, id) -> 7))
                .containsOnlyKeys("a", "b", "c", "d")
                .containsValue(7L);
        assertThat(asked).containsExactly(List.of("a", "b", "c", "d"));
    }

    @Test
    void shouldAskAgainWhatAnOlderPosteriorAnswered() {
        assertThat(versions((round, id) -> round == 1 && id.compareTo("c") < 0 ? 1 : 2))
                .isEqualTo(Map.of("a", 2L, "b", 2L, "c", 2L, "d", 2L));
        assertThat(asked).containsExactly(List.of("a", "b", "c", "d"), List.of("a", "b"));
    }

    @Test
    void shouldGiveUpOnAPosteriorThatChangesWithEveryRound() {
        assertThat(versions((round, id) -> 10L * round + (id.equals("d") ? 1 : 0)))
                .isEqualTo(Map.of("a", 20L, "b", 20L, "c", 20L, "d", 31L));
        assertThat(asked).containsExactly(List.of("a", "b", "c", "d"), List.of("a", "b", "c"), List.of("d"));
    }

    @Test
    void shouldHaveNoAnswerToAQuestionThatIsRefusedWhenItIsAskedAgain() {
        assertThat(versions((round, id) -> id.equals("a") ? 2 - round : 2))
                .isEqualTo(Map.of("b", 2L, "c", 2L, "d", 2L));
        assertThat(asked).containsExactly(List.of("a", "b", "c", "d"), List.of("a"));
        asked.clear();
        assertThat(versions((round, id) -> 0)).isEmpty();
        assertThat(asked).as("there is nobody to ask again").hasSize(1);
    }

    private static Question question(String id) {
        return new Question(id, "?", null, List.of(new Choice("A", ""), new Choice("B", "")), "A");
    }

    private static Answer answer(String id, long version) {
        return Answer.newBuilder()
                .setQuestionId(id)
                .setRunId("run")
                .setCheckpoint("step-1")
                .setFit("default")
                .setPosteriorVersion(version)
                .setLabels(List.of("A", "B"))
                .setProbabilities(List.of(0.6, 0.4))
                .setMapProbabilities(List.of(0.6, 0.4))
                .setContrastMean(List.of(1.0))
                .setContrastCovariance(List.of(List.of(1.0)))
                .setEntropy(0.6)
                .setExpectedEntropy(0.5)
                .setMutualInformation(0.1)
                .setNovelty(0.3)
                .build();
    }
}
