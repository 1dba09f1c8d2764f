package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.monitoring.CalibrationEvidence;
import io.calibrant.fitter.monitoring.CorrectedPValue;
import io.calibrant.fitter.monitoring.ShiryaevRoberts;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.SequentialAlarm;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What topic calibration says of accuracy and of alarms, against the same arithmetic on the answers themselves. */
class AlarmsTest {
    private static final String FIT = Pass.RUN + "/" + Pass.CHECKPOINT + "/default";
    private static final String TOTAL = FIT + "/total";
    private static final Instant TEN = Instant.parse("2026-11-25T10:00:00Z");
    private static final long AT_TEN = TEN.toEpochMilli();
    private static final int SCORES = 400;

    @TempDir
    Path stateDir;

    @Test
    void shouldRaiseTheAlarmOnceQuestionsAreForeignWhateverIsSentAgain() {
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            answers.add(ranked("q" + i, i, i < 40 ? 150 : 0));
        }
        ShiryaevRoberts sums = ShiryaevRoberts.START;
        long since = 0;
        for (int i = 0; i < 60 && since == 0; i++) {
            sums = sums.next(CorrectedPValue.of(i < 40 ? 150 : 0, SCORES));
            since = sums.value() >= 1e6 ? AT_TEN + i : 0;
        }
        CalibrationMetrics once;
        try (Driver driver = driver("once")) {
            for (int i = 0; i < 60; i++) {
                driver.answer(answers.get(i), AT_TEN + i);
            }
            once = driver.calibration().get(TOTAL);
        }
        SequentialAlarm alarm = once.getFamiliarityAlarm();
        assertThat(since).isGreaterThan(AT_TEN + 40);
        assertThat(alarm.getSince().toEpochMilli()).isEqualTo(since);
        assertThat(alarm.getThreshold()).isEqualTo(1e6);
        assertThat(alarm.getN()).isEqualTo(60);
        assertThat(once.getRecentQuestions()).isEqualTo(60);
        assertThat(once.getRecentUnfamiliar()).isEqualTo(20);
        assertThat(once.getAccuracy().getJudged()).isEqualTo(60);
        assertThat(once.getAccuracy().getUnfamiliar()).isEqualTo(20);
        assertThat(once.getAccuracy().getHolds()).isFalse();
        try (Driver driver = driver("again")) {
            for (int i = 0; i < 60; i++) {
                Answer validation = Answers.validation("v" + i, 1, i);
                validation.setFamiliarityP(1.0 / (1 + SCORES));
                validation.setFamiliarityScores(SCORES);
                driver.answer(validation, AT_TEN + i);
                driver.answer(answers.get(i), AT_TEN + i);
                driver.answer(answers.get(i / 2), AT_TEN + 1000 + i); // answered again, later
            }
            CalibrationMetrics again = driver.calibration().get(TOTAL);
            assertThat(again.getFamiliarityAlarm()).isEqualTo(alarm);
            assertThat(again.getAccuracy()).isEqualTo(once.getAccuracy());
        }
    }

    @Test
    void shouldEstimateAccuracyInTotalAndByTheHour() {
        try (Driver driver = driver("accuracy")) {
            double confidence = 0;
            double variance = 0;
            int right = 0;
            for (int i = 0; i < 80; i++) {
                Answer answer = Answers.of("q" + i, i);
                driver.answer(answer, AT_TEN + (i % 2) * Duration.ofHours(1).toMillis());
                confidence += top(answer);
                variance += top(answer) * (1 - top(answer));
                if (i < 40) {
                    String best = best(answer);
                    String label = i % 4 == 0 ? (best.equals("A") ? "B" : "A") : best;
                    driver.label("q" + i, "A", AT_TEN); // replaced
                    driver.label("q" + i, label, AT_TEN);
                    right += label.equals(best) ? 1 : 0;
                }
                driver.answer(Answers.validation("v" + i, 1, i), AT_TEN);
                driver.label("v" + i, "A", AT_TEN);
            }
            Map<String, CalibrationMetrics> metrics = driver.calibration();
            EstimatedAccuracy found = metrics.get(TOTAL).getAccuracy();
            assertThat(found.getAnswers()).isEqualTo(80);
            assertThat(found.getLabels()).isEqualTo(40);
            assertThat(found.getWithoutLabels().getValue()).isCloseTo(confidence / 80, within(1e-9));
            assertThat(found.getWithoutLabels().getLower())
                    .isCloseTo(confidence / 80 - 1.959963984540054 * Math.sqrt(variance) / 80, within(1e-8));
            assertThat(found.getWithLabels().getValue()).isCloseTo(right / 40.0, within(.1));
            assertThat(found.getWithLabels().getLower()).isLessThan(right / 40.0);
            assertThat(found.getRealised()).isNull();
            assertThat(found.getHolds()).isTrue();
            EstimatedAccuracy hour = metrics.get(FIT + "/2026-11-25T11:00:00Z").getAccuracy();
            assertThat(hour.getAnswers()).isEqualTo(40);
            assertThat(hour.getLabels()).isEqualTo(20);
            for (int i = 40; i < 80; i++) {
                driver.label("q" + i, "A", AT_TEN);
                right += best(Answers.of("q" + i, i)).equals("A") ? 1 : 0;
            }
            found = driver.calibration().get(TOTAL).getAccuracy();
            assertThat(found.getRealised()).isEqualTo(right / 80.0);
        }
    }

    @Test
    void shouldSayWhatLabelsSayAgainstTheServedProbabilities() {
        try (Driver driver = driver("labels")) {
            CalibrationEvidence evidence = CalibrationEvidence.NONE;
            for (int i = 0; i < 30; i++) {
                Answer answer = Answers.of("q" + i, i);
                int worst = answer.getProbabilities().indexOf(Collections.min(answer.getProbabilities()));
                driver.label("q" + i, answer.getLabels().get((worst + 1) % 4), AT_TEN); // replaced
                driver.answer(answer, AT_TEN);
                driver.label("q" + i, answer.getLabels().get(worst), AT_TEN);
                evidence = evidence.plus(CalibrationEvidence.of(
                        AT_TEN,
                        answer.getProbabilities().stream()
                                .mapToDouble(Double::doubleValue)
                                .toArray(),
                        worst));
            }
            Map<String, CalibrationMetrics> found = driver.calibration();
            SequentialAlarm alarm = found.get(TOTAL).getCalibrationAlarm();
            assertThat(alarm.getValue()).isEqualTo(evidence.value()).isGreaterThan(100);
            assertThat(alarm.getN()).isEqualTo(30);
            assertThat(alarm.getSince()).isEqualTo(Instant.parse("2026-11-25T00:00:00Z"));
            assertThat(found.get(FIT + "/2026-11-25T10:00:00Z").getCalibrationAlarm())
                    .isEqualTo(alarm);
        }
    }

    @Test
    void shouldBeginTheDaysWithTheFirstAnswerWhateverIsLabelled() {
        try (Driver driver = driver("days")) {
            long fourDays = Duration.ofDays(4).toMillis();
            driver.answer(Answers.of("first", 99), AT_TEN - fourDays);
            Answer answer = Answers.of("q", 1);
            driver.answer(answer, AT_TEN);
            driver.label("q", "A", AT_TEN);
            CalibrationEvidence evidence = CalibrationEvidence.of(
                    AT_TEN,
                    answer.getProbabilities().stream()
                            .mapToDouble(Double::doubleValue)
                            .toArray(),
                    0);
            double value = driver.calibration().get(TOTAL).getCalibrationAlarm().getValue();
            assertThat(value)
                    .isEqualTo(CalibrationEvidence.answered(AT_TEN - fourDays)
                            .plus(evidence)
                            .value())
                    .isNotEqualTo(evidence.value());
        }
    }

    /** Each is said once, when it goes on, however often answers and labels are sent again. */
    @Test
    void shouldSayAnAlarmInALineOfTheLog() {
        String log = logged(() -> {
            try (Driver driver = driver("log")) {
                for (int i = 0; i < 60; i++) {
                    Answer answer = ranked("q" + i, i, i < 40 ? 150 : 0);
                    int worst = answer.getProbabilities().indexOf(Collections.min(answer.getProbabilities()));
                    for (int sent = 0; sent < 2; sent++) {
                        driver.answer(answer, AT_TEN + i);
                        driver.label("q" + i, answer.getLabels().get(worst), AT_TEN);
                    }
                }
            }
        });
        assertThat(log.lines().filter(line -> line.contains("the questions are")))
                .hasSize(1)
                .first()
                .asString()
                .matches(".* WARN .* " + FIT + ": the questions are of another kind than the training questions since"
                        + " 2026-11-25T10:00:00\\.0[45]\\dZ: of the last [45]\\d \\d+ are unfamiliar");
        assertThat(log.lines().filter(line -> line.contains("the labels")))
                .hasSize(1)
                .first()
                .asString()
                .matches(".* WARN .* " + FIT + ": the labels speak against the served probabilities, e-value \\d+, of"
                        + " answers since 2026-11-25T00:00:00Z");
    }

    private static String logged(Runnable work) {
        PrintStream before = System.err;
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        try {
            work.run();
        } finally {
            System.setErr(before);
        }
        return log.toString(StandardCharsets.UTF_8);
    }

    private Driver driver(String name) {
        return new Driver(Driver.settings(), stateDir.resolve(name), new InputPartitions(1, 1));
    }

    private static Answer ranked(String id, long seed, int exceeding) {
        Answer answer = Answers.of(id, seed);
        answer.setFamiliarityP((1.0 + exceeding) / (1 + SCORES));
        answer.setFamiliarityScores(SCORES);
        return answer;
    }

    private static double top(Answer answer) {
        return answer.getProbabilities().stream()
                .mapToDouble(Double::doubleValue)
                .max()
                .orElseThrow();
    }

    private static String best(Answer answer) {
        return answer.getLabels().get(answer.getProbabilities().indexOf(top(answer)));
    }
}
