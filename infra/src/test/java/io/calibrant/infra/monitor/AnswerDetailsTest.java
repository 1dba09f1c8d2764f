package io.calibrant.infra.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

class AnswerDetailsTest {
    static {
        TrustedRecords.trust();
    }

    private static final ConsumerRecord<byte[], byte[]> RECORD = new ConsumerRecord<>("answers", 2, 17, null, null);

    private static Answer.Builder answer(int choices) {
        List<String> labels = new ArrayList<>();
        List<Double> served = new ArrayList<>();
        for (int i = 0; i < choices; i++) {
            labels.add("L" + i);
            served.add(2.0 * (i + 1) / (choices * (choices + 1.0)));
        }
        return Answer.newBuilder()
                .setQuestionId("q1")
                .setRunId("r1")
                .setCheckpoint("final")
                .setFit("default")
                .setPosteriorVersion(4)
                .setLabels(labels)
                .setProbabilities(served)
                .setMapProbabilities(served)
                .setContrastMean(Collections.nCopies(choices - 1, 1.5))
                .setContrastCovariance(Collections.nCopies(choices - 1, Collections.nCopies(choices - 1, 0.25)))
                .setEntropy(0.5)
                .setExpectedEntropy(0.4)
                .setMutualInformation(0.1)
                .setNovelty(0.3);
    }

    private static Question question(String stem) {
        return Question.newBuilder()
                .setStem(stem)
                .setChoices(List.of(new Choice("L0", "one"), new Choice("L1", "two")))
                .build();
    }

    @Test
    void shouldPutTheTextsOfTheChoicesBesideTheirThreeProbabilities() {
        Question question = question("Which?");
        Answer answer = answer(2)
                .setTemperatureProbabilities(List.of(0.4, 0.6))
                .setTextDigest(QuestionText.of(question).digest())
                .build();
        JsonNode details = AnswerDetails.of(RECORD, answer, new OpenedRecords.QuestionFound(question, ""));
        assertThat(details.get("offset").asLong()).isEqualTo(17);
        assertThat(details.get("stem").asText()).isEqualTo("Which?");
        assertThat(details.get("note").asText()).isEmpty();
        JsonNode second = details.get("choices").get(1);
        assertThat(second.get("text").asText()).isEqualTo("two");
        assertThat(second.get("temperature").asDouble()).isEqualTo(0.6);
        assertThat(second.get("calibrated").asDouble()).isEqualTo(2 / 3.0);
        assertThat(details.get("contrasts").get(0).get("covariance").get(0).asDouble())
                .isEqualTo(0.25);
        assertThat(details.get("reference").asText()).isEqualTo("L1");
    }

    @Test
    void shouldShowNoNoveltyWhereTheTierHasNone() {
        OpenedRecords.QuestionFound found = new OpenedRecords.QuestionFound(question("Which?"), "");
        assertThat(AnswerDetails.of(RECORD, answer(3).build(), found)
                        .get("novelty")
                        .asDouble())
                .isEqualTo(0.3);
        Answer forward = answer(3)
                .setTier("forward")
                .setNovelty(1)
                .setContrastCovariance(Collections.nCopies(2, Collections.nCopies(2, 0.0)))
                .build();
        assertThat(AnswerDetails.of(RECORD, forward, found).get("novelty").isNull())
                .isTrue();
    }

    @Test
    void shouldSayThatTheIdStandsForAnotherTextNow() {
        Answer answer = answer(2).setTextDigest("0123456789abcdef").build();
        assertThat(AnswerDetails.of(RECORD, answer, new OpenedRecords.QuestionFound(question("Which?"), ""))
                        .get("note")
                        .asText())
                .isEqualTo("The text that the topic has under this id now is not the one that was answered.");
        assertThat(AnswerDetails.of(RECORD, answer, new OpenedRecords.QuestionFound(question("Which?"), ""))
                        .get("choices")
                        .get(0)
                        .get("text")
                        .asText())
                .isEmpty();
        assertThat(AnswerDetails.of(RECORD, answer(2).build(), new OpenedRecords.QuestionFound(question("Which?"), ""))
                        .get("note")
                        .asText())
                .startsWith("Whether this is the text that was answered is not known");
        assertThat(AnswerDetails.of(RECORD, answer, new OpenedRecords.QuestionFound(null, "gone"))
                        .get("note")
                        .asText())
                .isEqualTo("gone");
    }

    @Test
    void shouldShowTheLikeliestOfManyChoicesAndBoundEverything() {
        JsonNode details = AnswerDetails.of(
                RECORD, answer(256).build(), new OpenedRecords.QuestionFound(question("x".repeat(3_000_000)), ""));
        assertThat(details.get("choices")).hasSize(24);
        assertThat(details.get("choices").get(0).get("label").asText()).isEqualTo("L255");
        assertThat(details.get("choicesLeftOut").asInt()).isEqualTo(232);
        assertThat(details.get("contrasts")).hasSize(8);
        assertThat(details.get("contrasts").get(0).get("covariance")).hasSize(8);
        assertThat(details.get("contrastsLeftOut").asInt()).isEqualTo(247);
        assertThat(details.toString().length()).isLessThan(20_000);
    }
}
