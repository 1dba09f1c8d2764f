package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.labels.AnswerSummary;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.QuestionState;
import io.calibrant.fitter.labels.RunQuestion;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Run;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which label meets which answer, where ids recur: in files of several runs, or for two texts of one run. */
class QuestionIdentityTest {
    private static final long TIME = 1000;
    private static final String NAMELESS = "//default/total";

    @TempDir
    Path stateDir;

    private static Answer answer(String run, String text, long seed) {
        Answer answer = Answers.of(run, "0", seed);
        answer.setTextDigest(text);
        return answer;
    }

    private static String total(String run) {
        return run + "/" + Pass.CHECKPOINT + "/default/total";
    }

    private static String waiting(String run) {
        return run + "//default/total";
    }

    private Driver driver() {
        return new Driver(Driver.settings(), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
    }

    @Test
    void shouldJoinByRunAndIdWhereTheFilesOfTwoRunsBothCountFromZero() {
        for (boolean labelsFirst : new boolean[] {true, false}) {
            try (Driver driver = driver()) {
                for (int turn = 0; turn < 2; turn++) {
                    if (labelsFirst == (turn == 0)) {
                        driver.label("0", new Label("A", "r1", "one"), TIME);
                        driver.label("0", new Label("E", "r2", "two"), TIME + 1);
                    } else {
                        driver.answer(answer("r1", "one", 1), TIME);
                        driver.answer(answer("r2", "two", 2), TIME);
                    }
                }
                Map<String, CalibrationMetrics> found = driver.calibration();
                assertThat(found.get(total("r1")).getN()).isEqualTo(1);
                assertThat(found.get(total("r2")).getN()).isZero();
                assertThat(found.get(total("r2")).getUnusableLabels()).isEqualTo(1); // none of its choices
                assertThat(found.get(total("r1")).getContradictingLabels()).isZero();
                assertThat(found).doesNotContainKeys(waiting("r1"), waiting("r2"), NAMELESS);
                assertThat(driver.deadLetters()).isEmpty();
            }
        }
    }

    @Test
    void shouldRefuseASecondTextOfAnIdAndKeepWhatIsJoined() {
        try (Driver driver = driver()) {
            driver.label("0", new Label("A", "r1", "one"), TIME);
            driver.answer(answer("r1", "two", 2), TIME); // before the answer that the label is for
            driver.answer(answer("r1", "one", 1), TIME);
            driver.answer(answer("r1", "two", 2), TIME);
            driver.label("0", new Label("B", "r1", "two"), TIME);
            driver.label("0", new Label("B", null, "two"), TIME + 5); // of another run, perhaps
            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found.get(total("r1")).getN()).isEqualTo(1);
            assertThat(found.get(total("r1")).getContradictingLabels()).isZero();
            assertThat(found.get(total("r1")).getMap().getNll())
                    .isCloseTo(
                            -Math.log(Answers.of("x", 1).getMapProbabilities().get(0)), within(1e-9));
            assertThat(found.get(waiting("r1")).getOtherTexts()).isEqualTo(3);
            assertThat(found.get(waiting("r1")).getLabelsWithoutAnswer()).isZero();
            assertThat(found.get(NAMELESS).getLabelsWithoutAnswer()).isEqualTo(1);
            assertThat(reasons(driver))
                    .hasSize(3)
                    .allSatisfy(reason ->
                            assertThat(reason).startsWith("question id '0' of run 'r1' stands for two texts: this "));
        }
    }

    @Test
    void shouldRefuseALabelThatNamesNothingWhereItsIdStandsForTwoTexts() {
        try (Driver driver = driver()) {
            driver.answer(answer("r1", "one", 1), TIME);
            driver.label("0", "A", TIME); // as before: one text
            driver.answer(answer("r2", "one", 1), TIME);
            driver.answer(answer("r3", "two", 2), TIME);
            driver.label("0", "B", TIME);
            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found.get(total("r1")).getN()).isEqualTo(1);
            assertThat(found.get(total("r1")).getContradictingLabels()).isZero();
            assertThat(found.get(total("r2")).getN()).isEqualTo(1);
            assertThat(found.get(total("r3")).getN()).isZero();
            assertThat(found.get(total("r3")).getAnswersWithoutLabel()).isEqualTo(1);
            assertThat(found.get(NAMELESS).getOtherTexts()).isEqualTo(1);
            assertThat(reasons(driver))
                    .containsExactly("label of question '0': the id stands for 2 texts in runs r1, r2, r3, and the"
                            + " label names neither its run nor its text");
        }
    }

    @Test
    void shouldShowLabelsWithoutAnAnswerUnderTheirRun() {
        try (Driver driver = driver()) {
            driver.label("0", new Label("A", "r1", null), TIME);
            driver.label("1", new Label("A", "r1", "one"), TIME);
            driver.label("1", new Label("B", "r1", "one"), TIME);
            driver.label("2", "A", TIME);
            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found.get(waiting("r1")).getRunId()).isEqualTo("r1");
            assertThat(found.get(waiting("r1")).getCheckpoint()).isEmpty();
            assertThat(found.get(waiting("r1")).getLabelsWithoutAnswer()).isEqualTo(2);
            assertThat(found.get(waiting("r1")).getContradictingLabels()).isEqualTo(1);
            assertThat(found.get(NAMELESS).getLabelsWithoutAnswer()).isEqualTo(1);

            driver.answer(answer("r2", "one", 1), TIME); // not the run that they name
            driver.answer(answer("r1", "one", 1), TIME);
            found = driver.calibration();
            assertThat(found.get(waiting("r1")).getLabelsWithoutAnswer()).isEqualTo(1);
            assertThat(found.get(total("r2")).getAnswersWithoutLabel()).isEqualTo(1);
            assertThat(found.get(total("r1")).getN()).isEqualTo(1);
        }
    }

    @Test
    void shouldLetANewerLabelWithoutARunCorrectTheOneOfTheRun() {
        try (Driver driver = driver()) {
            driver.label("0", new Label("A", "r1", "one"), TIME);
            driver.answer(answer("r1", "one", 1), TIME);
            driver.label("0", "B", TIME + 1);
            CalibrationMetrics found = driver.calibration().get(total("r1"));
            assertThat(found.getN()).isEqualTo(1);
            assertThat(found.getContradictingLabels()).isEqualTo(1);
            assertThat(found.getMap().getNll())
                    .isCloseTo(
                            -Math.log(Answers.of("x", 1).getMapProbabilities().get(1)), within(1e-9));
        }
    }

    @Test
    void shouldJoinTheAnswersOfManyRunsToOneId() {
        try (Driver driver = driver()) {
            for (int run = 0; run < 500; run++) {
                driver.answer(answer("r" + run, "one", run), TIME);
            }
            driver.label("0", "A", TIME);
            assertThat(driver.calibration().entrySet())
                    .filteredOn(each -> each.getKey().endsWith("/total"))
                    .hasSize(500)
                    .allSatisfy(each -> assertThat(each.getValue().getN()).isEqualTo(1));
        }
    }

    @Test
    void shouldGoOnWithARunThatHasTakenTheNameOfADeletedOne() {
        try (Driver driver = driver()) {
            driver.label("0", new Label("A", "r1", "one"), TIME);
            driver.answer(answer("r1", "one", 1), TIME);
            driver.answer(answer("r1", "other", 2), TIME); // refused, and counted with what waits
            driver.label("1", new Label("A", "r1", "one"), TIME); // nobody answers it any more
            driver.run(Run.newBuilder().setRunId("r1").setGeneration(1).build());
            Answer second = answer("r1", "two", 3);
            second.setCheckpoint(Keys.checkpoint(1, Pass.CHECKPOINT));
            driver.label("0", new Label("B", "r1", "two"), TIME + 1);
            driver.answer(second, TIME + 1);
            driver.answer(answer("r1", "one", 1), TIME + 2); // a scorer's last one
            driver.label("1", new Label("B", "r1", "two"), TIME + 2);

            Map<String, CalibrationMetrics> found = driver.calibration();
            CalibrationMetrics now = found.get(Keys.calibration("r1", second.getCheckpoint(), "default", "total"));
            assertThat(now.getN()).isEqualTo(1);
            assertThat(now.getContradictingLabels()).isZero();
            assertThat(found.get(total("r1")).getN()).as("of the deleted run").isEqualTo(1);
            assertThat(found.get(waiting("r1")).getOtherTexts()).isZero();
            assertThat(found.get(waiting("r1")).getLabelsWithoutAnswer()).isEqualTo(2);
            assertThat(reasons(driver))
                    .hasSize(2)
                    .last()
                    .isEqualTo("answer to question '0' of run 'r1': it is of an earlier run of this name, which was"
                            + " deleted");
        }
    }

    /** Asked once more, for an answer only: the calibration keeps what the validation gave it. */
    @Test
    void shouldNotTakeAQuestionFromTheCalibrationThatIsAskedAgain() {
        AnswerSummary validation = AnswerSummary.of(Answers.validation("0", 1, 1), TIME, 3_600_000);
        AnswerSummary again = AnswerSummary.of(Answers.of("0", 2), TIME + 1, 3_600_000);
        QuestionState one = QuestionState.UNKNOWN.with(null, "A", TIME, false).with(validation);
        RunQuestion before = new RunQuestion(Pass.RUN, one, QuestionState.UNKNOWN);
        RunQuestion after = new RunQuestion(Pass.RUN, one.with(again), QuestionState.UNKNOWN);
        String fit = Pass.RUN + "/" + Pass.CHECKPOINT + "/default";
        assertThat(after.calibrationAnswers("default").get(fit).mean())
                .isEqualTo(before.calibrationAnswers("default").get(fit).mean());
        assertThat(after.counts("default").get(fit + "/total").map())
                .isEqualTo(again.counts("A", 0).map());
    }

    /** It is familiar because its score counts; without the score it would be unfamiliar again. */
    @Test
    void shouldKeepTheScoreOfACheckedQuestionThatIsAskedAgain() {
        QuestionState labelled = QuestionState.UNKNOWN.with(null, "A", TIME, false);
        QuestionState checked = labelled.with(asked(1, 7, 0.01));
        assertThat(scored(checked)).isEqualTo(List.of(1L, 7.0));
        assertThat(scored(checked.with(asked(2, 7, 0.2)))).isEqualTo(List.of(1L, 7.0));
        assertThat(scored(checked.with(asked(2, 7, 0.2)).with(asked(3, 7, 0.2))))
                .isEqualTo(List.of(1L, 7.0));
        assertThat(scored(checked.with(asked(2, 8, 0.03)))).isEqualTo(List.of(2L, 8.0));
        assertThat(scored(labelled.with(asked(1, 7, 0.2)))).isNull();
    }

    /** A score is worth less than a label, which temperature can be fitted to. */
    @Test
    void shouldTakeALabelFromAnotherFitThoughTheQuestionWasUnfamiliarHere() {
        Answer validation = Answers.validation("0", 4, 1);
        AnswerSummary borrowed = AnswerSummary.borrowed(validation, TIME, 3_600_000);
        QuestionState labelled = QuestionState.UNKNOWN.with(null, "A", TIME, false);
        for (QuestionState both : List.of(
                labelled.with(borrowed).with(asked(1, 7, 0.01)),
                labelled.with(asked(1, 7, 0.01)).with(borrowed))) {
            assertThat(contribution(both).isLabelled()).isTrue();
            QuestionState validated = both.with(AnswerSummary.of(validation, TIME, 3_600_000));
            assertThat(contribution(validated).version()).as("its own label").isEqualTo(4);
        }
    }

    private static AnswerSummary asked(long version, double familiarity, double p) {
        Answer answer = Answers.of("0", 1);
        answer.setPosteriorVersion(version);
        answer.setFamiliarity(familiarity);
        answer.setFamiliarityP(p);
        return AnswerSummary.of(answer, TIME + version, 3_600_000);
    }

    private static CalibrationAnswer contribution(QuestionState question) {
        return new RunQuestion(Pass.RUN, question, QuestionState.UNKNOWN)
                .calibrationAnswers("default")
                .get(Pass.RUN + "/" + Pass.CHECKPOINT + "/default");
    }

    /** Version and score of what the question contributes; null for nothing. */
    private static List<Object> scored(QuestionState question) {
        CalibrationAnswer says = contribution(question);
        return says == null ? null : List.of(says.version(), says.familiarity());
    }

    /** One entry for all runs, and a label of every run. */
    @Test
    void shouldGoOnWithWhatAnEarlierVersionStored() throws IOException {
        QuestionState state = earlier();
        assertThat(state.byRun()).containsOnlyKeys("r1", "r2");
        try (Driver driver = driver()) {
            driver.storeQuestion("0", state);
            driver.label("0", "B", TIME + 1);
            Map<String, CalibrationMetrics> found = driver.calibration();
            // Differences to what was counted before: the label that was replaced.
            assertThat(found.get(total("r1")).getContradictingLabels()).isEqualTo(1);
            assertThat(found.get(total("r2")).getContradictingLabels()).isEqualTo(1);
            assertThat(found).doesNotContainKey(NAMELESS);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    private static QuestionState earlier() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(1);
        BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);
        out.writeBoolean(true);
        out.writeString("A");
        out.writeLong(TIME);
        out.writeLong(0);
        out.writeBoolean(true);
        out.writeInt(2);
        for (String run : List.of("r1", "r2")) {
            out.writeString(run);
            out.writeString(Pass.CHECKPOINT);
            out.writeLong(1);
            out.writeLong(TIME);
            out.writeLong(3_600_000);
            out.writeInt(2);
            out.writeString("A");
            out.writeString("B");
            for (int list = 0; list < 5; list++) { // MAP, temperature, served, mean, covariance
                boolean given = list == 0 || list == 2;
                out.writeInt(given ? 2 : -1);
                if (given) {
                    out.writeDouble(0.75);
                    out.writeDouble(0.25);
                }
            }
        }
        return QuestionState.SERDE.deserializer().deserialize("", bytes.toByteArray());
    }

    private static List<String> reasons(Driver driver) {
        return driver.deadLetters().stream()
                .map(letter -> new String(
                        letter.headers().lastHeader("__streams.errors.message").value(), StandardCharsets.UTF_8))
                .toList();
    }
}
