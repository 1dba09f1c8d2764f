package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.labels.AnswerSummary;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.CalibrationCounts;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.labels.QuestionState;
import io.calibrant.fitter.labels.RunQuestion;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.LabelSettings;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.registry.BadRecordException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Answers joined with labels: what topic calibration says, against {@link Metrics} of the same records. */
class CalibrationTopicTest {
    private static final String FIT = Pass.RUN + "/" + Pass.CHECKPOINT + "/default";
    private static final String TOTAL = FIT + "/total";
    private static final String UNANSWERED = "//default/total";
    private static final long HOUR = Duration.ofHours(1).toMillis();
    private static final Instant TEN = Instant.parse("2026-11-25T10:00:00Z");
    private static final long AT_TEN = TEN.toEpochMilli();

    @TempDir
    Path stateDir;

    @Test
    void shouldGiveTheFiguresOfMetricsInTotalAndByTheHour() {
        Random random = new Random(5);
        Map<String, Answer> answers = new HashMap<>();
        Map<String, Long> times = new HashMap<>();
        Map<String, String> labels = new HashMap<>();
        try (Driver driver = driver(Driver.settings())) {
            List<Runnable> events = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                String id = "q/" + i;
                answers.put(id, Answers.of(id, i));
                times.put(id, AT_TEN + (long) (random.nextDouble() * 3 * HOUR));
                events.add(() -> driver.answer(answers.get(id), times.get(id)));
                if (i % 4 != 0) {
                    labels.put(id, Answers.LABELS.get(random.nextInt(4)));
                    events.add(() -> driver.label(id, labels.get(id), AT_TEN));
                }
            }
            Collections.shuffle(events, random);
            events.forEach(Runnable::run);

            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found)
                    .containsOnlyKeys(
                            TOTAL,
                            FIT + "/2026-11-25T10:00:00Z",
                            FIT + "/2026-11-25T11:00:00Z",
                            FIT + "/2026-11-25T12:00:00Z");
            found.forEach((key, metrics) -> {
                long start = metrics.getWindowStart() == null
                        ? AT_TEN
                        : metrics.getWindowStart().toEpochMilli();
                long end = metrics.getWindowEnd() == null
                        ? AT_TEN + 3 * HOUR
                        : metrics.getWindowEnd().toEpochMilli();
                assertThat(key).isEqualTo(FIT + "/" + metrics.getWindow());
                List<Answer> in = answers.values().stream()
                        .filter(a -> times.get(a.getQuestionId()) >= start && times.get(a.getQuestionId()) < end)
                        .toList();
                assertThat(metrics.getWindowStart() == null || end - start == HOUR)
                        .isTrue();
                shouldBe(metrics, in, labels);
                assertThat(metrics.getTimestamp().toEpochMilli())
                        .isEqualTo(in.stream()
                                .mapToLong(a -> times.get(a.getQuestionId()))
                                .max()
                                .orElseThrow());
            });
        }
    }

    /** The naive twin: everything from the records themselves. */
    private static void shouldBe(CalibrationMetrics found, List<Answer> answers, Map<String, String> labels) {
        assertThat(found.getN())
                .isEqualTo(answers.stream()
                        .filter(a -> labels.containsKey(a.getQuestionId()))
                        .count());
        assertThat(found.getAnswersWithoutLabel()).isEqualTo(answers.size() - found.getN());
        assertThat(found.getContradictingLabels()).isZero();
        assertThat(found.getUnusableLabels()).isZero();
        assertThat(found.getLabelsWithoutAnswer()).isZero();
        shouldBe(found.getMap(), answers, labels, Answer::getMapProbabilities);
        shouldBe(found.getCalibrated(), answers, labels, Answer::getProbabilities);
        shouldBe(found.getTemperature(), answers, labels, Answer::getTemperatureProbabilities);
        // All three on the same questions.
        shouldBe(
                found.getMapBesideTemperature(),
                answers,
                labels,
                a -> a.getTemperatureProbabilities() == null ? null : a.getMapProbabilities());
        shouldBe(
                found.getCalibratedBesideTemperature(),
                answers,
                labels,
                a -> a.getTemperatureProbabilities() == null ? null : a.getProbabilities());
    }

    private static void shouldBe(
            MethodMetrics found,
            List<Answer> answers,
            Map<String, String> labels,
            Function<Answer, List<Double>> probabilities) {
        List<LabelledProbabilities> questions = answers.stream()
                .filter(a -> labels.containsKey(a.getQuestionId()) && probabilities.apply(a) != null)
                .map(a -> new LabelledProbabilities(
                        probabilities.apply(a).stream().mapToDouble(p -> p).toArray(),
                        a.getLabels().indexOf(labels.get(a.getQuestionId()))))
                .toList();
        Metrics twin = Metrics.of(questions);
        assertThat(found.getN()).isEqualTo(twin.n());
        assertThat(found.getAccuracy()).isEqualTo(twin.accuracy());
        assertThat(found.getNll()).isCloseTo(twin.nll(), within(1e-9));
        assertThat(found.getBrier()).isCloseTo(twin.brier(), within(1e-9));
        assertThat(found.getEce15()).isCloseTo(twin.ece(), within(1e-9));
        assertThat(found.getEce10()).isCloseTo(Metrics.of(questions, 10).ece(), within(1e-9));
        List<Reliability.Bin> bins = Reliability.of(questions, 15).bins();
        for (int bin = 0; bin < 15; bin++) {
            assertThat(found.getBins().get(bin).getCount())
                    .isEqualTo(bins.get(bin).count());
            assertThat(found.getBins().get(bin).getAccuracy())
                    .isEqualTo(bins.get(bin).accuracy());
            assertThat(found.getBins().get(bin).getConfidence())
                    .isCloseTo(bins.get(bin).confidence(), within(1e-9));
        }
    }

    /** An event of one of three questions; those of one question in one topic stay in their order. */
    private record Event(String name, String before, Consumer<String> send) {}

    @Test
    void shouldSayTheSameBytesInEveryOrderOfAnswersLabelsAndLabelsThatReplaceThem() {
        try (Driver driver = driver(Driver.settings())) {
            List<Event> events = List.of(
                    new Event("answer", null, run -> driver.answer(Answers.of(run, run + "-1", 1), AT_TEN + 7)),
                    // answered again, in another hour
                    new Event(
                            "again", "answer", run -> driver.answer(Answers.of(run, run + "-1", 2), AT_TEN + HOUR + 5)),
                    new Event("label", null, run -> driver.label(run + "-1", "A", AT_TEN + 9)),
                    new Event("relabel", "label", run -> driver.label(run + "-1", "B", AT_TEN + 2 * HOUR)),
                    new Event("unusable", null, run -> driver.label(run + "-2", "E", AT_TEN)),
                    new Event("other", null, run -> driver.answer(Answers.of(run, run + "-2", 3), AT_TEN)),
                    new Event("third", null, run -> driver.answer(Answers.of(run, run + "-3", 4), AT_TEN)));
            int orders = 0;
            Map<String, CalibrationMetrics> first = null;
            for (List<Event> order : orders(events)) {
                String run = "run-" + orders++;
                order.forEach(event -> event.send().accept(run));
                if (orders % 3 == 0) {
                    order.stream()
                            .filter(event -> event.name().equals("relabel")
                                    || event.name().equals("again"))
                            .forEach(event -> event.send().accept(run)); // once more
                }
                Map<String, CalibrationMetrics> found = driver.calibration();
                String fit = run + "/" + Pass.CHECKPOINT + "/default";
                assertThat(found)
                        .containsOnlyKeys(fit + "/total", fit + "/2026-11-25T10:00:00Z", fit + "/2026-11-25T11:00:00Z");
                if (first == null) {
                    shouldCountEach(found, fit);
                    first = found;
                }
                shouldBeTheSameBytes(driver, found, first, run);
            }
            assertThat(orders).isEqualTo(1260);
        }
    }

    private static void shouldCountEach(Map<String, CalibrationMetrics> found, String fit) {
        CalibrationMetrics all = found.get(fit + "/total");
        assertThat(all.getN()).isEqualTo(1);
        assertThat(all.getAnswersWithoutLabel()).isEqualTo(1);
        assertThat(all.getUnusableLabels()).isEqualTo(1);
        assertThat(all.getContradictingLabels()).isEqualTo(1);
        assertThat(all.getCalibrated().getNll())
                .isCloseTo(-Math.log(Answers.of("x", 2).getProbabilities().get(1)), within(1e-9));
        CalibrationMetrics first = found.get(fit + "/2026-11-25T10:00:00Z");
        assertThat(first.getN()).isZero();
        assertThat(first.getTemperature()).isNull();
        assertThat(first.getUnusableLabels()).isEqualTo(1);
        assertThat(first.getAnswersWithoutLabel()).isEqualTo(1);
        assertThat(first.getContradictingLabels()).isZero();
        CalibrationMetrics second = found.get(fit + "/2026-11-25T11:00:00Z");
        assertThat(second.getN()).isEqualTo(1);
        assertThat(second.getContradictingLabels()).isEqualTo(1);
        assertThat(second.getCalibrated()).isEqualTo(all.getCalibrated());
    }

    private static void shouldBeTheSameBytes(
            Driver driver, Map<String, CalibrationMetrics> found, Map<String, CalibrationMetrics> first, String run) {
        List<CalibrationMetrics> expected = new ArrayList<>(first.values());
        List<CalibrationMetrics> metrics = new ArrayList<>(found.values());
        for (int i = 0; i < expected.size(); i++) {
            assertThat(metrics.get(i).getRunId()).isEqualTo(run);
            expected.get(i).setRunId(run);
            assertThat(metrics.get(i)).isEqualTo(expected.get(i));
            assertThat(driver.encode(CalibrationMetrics.class, "calibration", metrics.get(i)))
                    .isEqualTo(driver.encode(CalibrationMetrics.class, "calibration", expected.get(i)));
        }
    }

    private static List<List<Event>> orders(List<Event> events) {
        if (events.isEmpty()) {
            return List.of(List.of());
        }
        List<List<Event>> all = new ArrayList<>();
        for (Event first : events) {
            if (events.stream().noneMatch(event -> event.name().equals(first.before()))) {
                List<Event> others = new ArrayList<>(events);
                others.remove(first);
                orders(others).forEach(rest -> {
                    List<Event> order = new ArrayList<>(List.of(first));
                    order.addAll(rest);
                    all.add(order);
                });
            }
        }
        return all;
    }

    @Test
    void shouldCountLabelsOfUnansweredQuestionsInARecordOfTheirOwn() {
        try (Driver driver = driver(Driver.settings())) {
            driver.label("q1", "A", AT_TEN);
            driver.label("q1", "B", AT_TEN);
            driver.label("q1", "B", AT_TEN);
            driver.label("q2", "A", AT_TEN);
            CalibrationMetrics unanswered = driver.calibration().get(UNANSWERED);
            assertThat(unanswered.getRunId()).isEmpty();
            assertThat(unanswered.getFit()).isEqualTo("default");
            assertThat(unanswered.getLabelsWithoutAnswer()).isEqualTo(2);
            assertThat(unanswered.getContradictingLabels()).isEqualTo(1);

            Answer otherFit = Answers.of("q1", 1);
            otherFit.setFit("other");
            driver.answer(otherFit, AT_TEN);
            assertThat(driver.calibration()).isEmpty();

            driver.answer(Answers.of("q1", 1), AT_TEN);
            driver.answer(Answers.of("run-2", "q1", 1), AT_TEN);
            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found.get(UNANSWERED).getLabelsWithoutAnswer()).isEqualTo(1);
            assertThat(found.get(UNANSWERED).getContradictingLabels()).isZero();
            assertThat(found.get(TOTAL).getContradictingLabels()).isEqualTo(1);
            assertThat(found.get(TOTAL).getN()).isEqualTo(1);
            assertThat(found.get("run-2/" + Pass.CHECKPOINT + "/default/total").getN())
                    .isEqualTo(1);

            driver.answer(Answers.of("q2", 2), AT_TEN);
            found = driver.calibration();
            assertThat(found).doesNotContainKey(UNANSWERED); // deleted: nothing is left to count
            assertThat(found.get(TOTAL).getN()).isEqualTo(2);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    @Test
    void shouldCutTheTimeAsItIsTold() {
        FitterSettings settings = settings(Duration.ofMinutes(20), Duration.ofDays(90));
        try (Driver driver = driver(settings)) {
            driver.answer(Answers.of("q1", 1), AT_TEN + HOUR / 2);
            CalibrationMetrics window = driver.calibration().get(FIT + "/2026-11-25T10:20:00Z+PT20M");
            assertThat(window.getWindow()).isEqualTo("2026-11-25T10:20:00Z+PT20M");
            assertThat(window.getWindowStart()).isEqualTo(TEN.plus(Duration.ofMinutes(20)));
            assertThat(window.getWindowEnd()).isEqualTo(TEN.plus(Duration.ofMinutes(40)));
            assertThat(window.getAnswersWithoutLabel()).isEqualTo(1);
        }
    }

    @Test
    void shouldForgetWhatIsOlderThanTheRetentionButKeepItCounted() {
        FitterSettings settings = settings(Duration.ofHours(1), Duration.ofDays(2));
        long later = AT_TEN + Duration.ofDays(5).toMillis();
        try (Driver driver = driver(settings)) {
            driver.answer(Answers.of("old", 1), AT_TEN);
            driver.label("old", "A", AT_TEN);
            driver.answer(Answers.of("waits", 2), AT_TEN);
            driver.label("unanswered", "A", AT_TEN);
            assertThat(driver.calibration()).hasSize(3);
            assertThat(driver.storedBytes("old")).isBetween(100, 400);

            driver.answer(Answers.of("new", 4), later);
            assertThat(driver.storedBytes("old")).isZero();
            assertThat(driver.storedBytes("waits")).isZero();
            assertThat(driver.storedBytes("unanswered")).isZero();
            assertThat(driver.storedBytes("new")).isPositive();
            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found).containsOnlyKeys(TOTAL, FIT + "/2026-11-30T10:00:00Z");
            assertThat(found.get(TOTAL).getN()).isEqualTo(1);
            assertThat(found.get(TOTAL).getAnswersWithoutLabel()).isEqualTo(1);
            // To forget must not make the share of labels larger.
            assertThat(found.get(TOTAL).getAccuracy().getAnswers()).isEqualTo(3);
            assertThat(found.get(TOTAL).getAccuracy().getLabels()).isEqualTo(1);
        }
    }

    @Test
    void shouldForgetTheAnswersOfAWindowTogether() {
        FitterSettings settings = settings(Duration.ofHours(1), Duration.ofDays(2));
        String window = FIT + "/2026-11-25T10:00:00Z";
        try (Driver driver = driver(settings)) {
            driver.answer(Answers.of("early", 1), AT_TEN);
            driver.answer(Answers.of("late", 2), AT_TEN + HOUR - 1);
            driver.answer(
                    Answers.of("new", 3), AT_TEN + HOUR / 2 + Duration.ofDays(2).toMillis());
            driver.label("late", "A", AT_TEN + HOUR);
            CalibrationMetrics found = driver.calibration().get(window);
            assertThat(found.getN()).isEqualTo(1);
            assertThat(found.getAnswersWithoutLabel()).isEqualTo(1);
        }
    }

    @Test
    void shouldTakeOnlyItsOwnOutOfAWindowThatOthersHaveNotForgotten() {
        CalibrationCounts one =
                AnswerSummary.of(Answers.of("q1", 1), AT_TEN, HOUR).counts("A", 0);
        CalibrationCounts other =
                AnswerSummary.of(Answers.of("q2", 2), AT_TEN, HOUR).counts(null, 0);
        CalibrationCounts both = one.plus(other);
        CalibrationCounts left = new QuestionChange.OfCounts(one.forgotten()).appliedTo(both);
        assertThat(left).isEqualTo(other);
        assertThat(new QuestionChange.OfCounts(other.forgotten()).appliedTo(left))
                .isNull();
        assertThat(new QuestionChange.OfCounts(CalibrationCounts.NONE.minus(one)).appliedTo(one))
                .isNotNull(); // answered again in another window: the time stays
    }

    @Test
    void shouldTakeFewBytes() {
        Answer answer = Answers.of("q1", 1);
        long hour = Duration.ofHours(1).toMillis();
        QuestionState question = QuestionState.UNKNOWN
                .with(AnswerSummary.of(answer, AT_TEN, hour))
                .with(null, "A", AT_TEN, true);
        QuestionState validated = QuestionState.UNKNOWN
                .with(AnswerSummary.of(Answers.validation("q1", 1, 1), AT_TEN, hour))
                .with(null, "A", AT_TEN, true);
        CalibrationCounts window = CalibrationCounts.NONE;
        for (int i = 0; i < 1000; i++) {
            window = window.plus(
                    AnswerSummary.of(Answers.of("q", i), AT_TEN, hour).counts("A", 0));
        }
        int ofAnswer = QuestionState.SERDE.serializer().serialize("", question).length;
        int ofValidation = QuestionState.SERDE.serializer().serialize("", validated).length;
        int ofChange = QuestionChange.OfCounts.SERDE
                .serializer()
                .serialize(
                        "",
                        new QuestionChange.OfCounts(new RunQuestion(Pass.RUN, question, QuestionState.UNKNOWN)
                                .counts("default")
                                .get(TOTAL)))
                .length;
        int ofWindow = CalibrationCounts.SERDE.serializer().serialize("", window).length;
        int ofCalibration = CalibrationAnswer.SERDE
                .serializer()
                .serialize(
                        "",
                        new RunQuestion(Pass.RUN, validated, QuestionState.UNKNOWN)
                                .calibrationAnswers("default")
                                .get(FIT))
                .length;
        System.out.printf(
                "bytes: answer %d, of validation %d, change of window %d, window of 1000 answers %d, calibration %d%n",
                ofAnswer, ofValidation, ofChange, ofWindow, ofCalibration);
        assertThat(ofAnswer).isLessThan(200);
        assertThat(ofValidation).isLessThan(300);
        assertThat(ofChange).isLessThan(150);
        assertThat(ofWindow).isLessThan(1500);
        assertThat(ofCalibration).isLessThan(150);
        assertThat(CalibrationCounts.SERDE
                        .deserializer()
                        .deserialize("", CalibrationCounts.SERDE.serializer().serialize("", window)))
                .isEqualTo(window);
    }

    private record Bad(String reason, Consumer<Answer> spoil) {
        @Override
        public String toString() {
            return reason;
        }
    }

    static Stream<Bad> spoilt() {
        return Stream.of(
                new Bad("key 'q1' is not the id of its question", a -> a.setQuestionId("q2")),
                new Bad("run must be 1 to 100 letters, digits, '.', '_' and '-', got 'a/b'", a -> a.setRunId("a/b")),
                new Bad(
                        "checkpoint must be 1 to 100 letters, digits, '.', '_' and '-', got ''",
                        a -> a.setCheckpoint("")),
                new Bad("labels are [A, B, C, A], expected two or more", a -> a.setLabels(List.of("A", "B", "C", "A"))),
                new Bad("labels are [A], expected two or more", a -> a.setLabels(List.of("A"))),
                new Bad("probabilities are 3, there are 4 labels", a -> a.setProbabilities(List.of(0.1, 0.4, 0.5))),
                new Bad("probabilities hold NaN", a -> a.setProbabilities(List.of(Double.NaN, 0.0, 0.5, 0.5))),
                new Bad("mapProbabilities hold -0.5", a -> a.setMapProbabilities(List.of(-0.5, 0.5, 0.5, 0.5))),
                new Bad("mapProbabilities sum to 2.0", a -> a.setMapProbabilities(List.of(0.5, 0.5, 0.5, 0.5))),
                new Bad("temperatureProbabilities are 0", a -> a.setTemperatureProbabilities(List.of())),
                new Bad("contrastMean has 2 numbers, expected 3", a -> a.setContrastMean(List.of(1.0, 2.0))),
                new Bad("contrast mean is NaN", a -> a.setContrastMean(List.of(1.0, Double.NaN, 1.0))),
                new Bad("covariance has 0 rows for 3", a -> a.setContrastCovariance(List.of())),
                new Bad(
                        "covariance is not positive semi-definite",
                        a -> a.setContrastCovariance(
                                List.of(List.of(1.0, 2.0, 0.0), List.of(2.0, 1.0, 0.0), List.of(0.0, 0.0, 1.0)))),
                new Bad(
                        "row 1 of the covariance has 0 columns for 3 contrasts",
                        a -> a.setContrastCovariance(
                                List.of(List.of(1.0, 0.0, 0.0), List.of(), List.of(0.0, 0.0, 1.0)))),
                new Bad(
                        "contrastMean holds 1.0E308, expected 1.0E9 at most",
                        a -> a.setContrastMean(List.of(1e308, -1e308, 0.0))),
                new Bad(
                        "contrastCovariance holds 1.0E300",
                        a -> a.setContrastCovariance(
                                List.of(List.of(1e300, 0.0, 0.0), List.of(0.0, 1.0, 0.0), List.of(0.0, 0.0, 1.0)))),
                new Bad("mapProbabilities hold 1.000002", a -> a.setMapProbabilities(List.of(1.000002, 0.0, 0.0, 0.0))),
                new Bad("posteriorVersion is 9223372036854775807", a -> a.setPosteriorVersion(Long.MAX_VALUE)),
                new Bad("familiarity is -1.0E308, expected 10000.0 at most, either way", a -> a.setFamiliarity(-1e308)),
                new Bad("familiarity is NaN", a -> a.setFamiliarity(Double.NaN)),
                new Bad("familiarityP is -5.0, expected more than 0, 1 at most", a -> a.setFamiliarityP(-5.0)),
                new Bad("familiarityP is 0.0, expected more than 0, 1 at most", a -> a.setFamiliarityP(0.0)),
                new Bad("familiarityP is 1.5", a -> a.setFamiliarityP(1.5)),
                new Bad(
                        "familiarityScores is 2147483647, expected 0 to 1000000",
                        a -> a.setFamiliarityScores(Integer.MAX_VALUE)),
                new Bad("familiarityScores is -1", a -> a.setFamiliarityScores(-1)),
                new Bad(
                        "4 labels, expected 256 at most, of 1000 characters",
                        a -> a.setLabels(List.of("A", "B", "C", "x".repeat(1001)))));
    }

    @ParameterizedTest
    @MethodSource("spoilt")
    void shouldPutABadAnswerAwayAndCountTheRest(Bad bad) {
        try (Driver driver = driver(Driver.settings())) {
            Answer answer = Answers.validation("q1", 1, 1);
            bad.spoil.accept(answer);
            driver.answer(Answers.of("q0", 1), AT_TEN);
            byte[] encoded = driver.encode(Answer.class, "answers", answer);
            driver.answerRaw(Driver.bytes("q1"), encoded);
            driver.answer(Answers.of("q2", 2), AT_TEN);
            shouldBeTheOneDeadLetter(driver, encoded, bad.reason);
            assertThat(driver.calibration().get(TOTAL).getAnswersWithoutLabel()).isEqualTo(2);
        }
    }

    @Test
    void shouldCountAProbabilityThatIsOffByRounding() {
        try (Driver driver = driver(Driver.settings())) {
            Answer answer = Answers.of("q1", 1);
            answer.setProbabilities(List.of(1.0000005, 0.0, 0.0, 0.0));
            driver.answer(answer, AT_TEN);
            driver.label("q1", "A", AT_TEN);
            assertThat(driver.deadLetters()).isEmpty();
            assertThat(driver.calibration().get(TOTAL))
                    .returns(1L, CalibrationMetrics::getN)
                    .satisfies(figures ->
                            assertThat(figures.getCalibrated().getNll()).isZero());
        }
    }

    @Test
    void shouldDeadLetterALabelThatNoChoiceCanHave() {
        try (Driver driver = driver(Driver.settings())) {
            driver.label("q1", "x".repeat(1001), AT_TEN);
            assertThat(driver.deadLetters()).hasSize(1);
            assertThat(driver.calibration()).isEmpty();
        }
    }

    @Test
    void shouldDeadLetterAnswersAndLabelsThatSayNothing() {
        List<Consumer<Driver>> bad = List.of(
                driver -> driver.answerRaw(Driver.bytes("q1"), null),
                driver -> driver.answerRaw(null, null),
                driver -> driver.answerRaw(Driver.bytes("q1"), new byte[] {1, 2}),
                driver -> driver.labelRaw(Driver.bytes("q1"), null),
                driver -> driver.labelRaw(null, new byte[] {1}),
                driver -> driver.labelRaw(Driver.bytes("q1"), new byte[] {0, 0, 0, 0, 77, 0}));
        for (Consumer<Driver> send : bad) {
            try (Driver driver = driver(Driver.settings())) {
                send.accept(driver);
                assertThat(driver.deadLetters()).hasSize(1);
                assertThat(driver.calibration()).isEmpty();
            }
        }
    }

    @Test
    void shouldStayFiniteWhereTheTrueClassHadNoProbability() {
        try (Driver driver = driver(Driver.settings())) {
            Answer answer = Answers.of("q1", 1);
            answer.setProbabilities(List.of(1.0, 0.0, 0.0, 0.0));
            driver.answer(answer, AT_TEN);
            driver.label("q1", "B", AT_TEN);
            assertThat(driver.calibration().get(TOTAL).getCalibrated().getNll())
                    .isCloseTo(-Math.log(Double.MIN_VALUE), within(1e-9));
        }
    }

    private static void shouldBeTheOneDeadLetter(Driver driver, byte[] value, String reason) {
        var letters = driver.deadLetters();
        assertThat(letters).hasSize(1);
        assertThat(letters.get(0).value()).isEqualTo(value);
        Map<String, String> headers = new TreeMap<>();
        letters.get(0)
                .headers()
                .forEach(header ->
                        headers.put(header.key(), new String(header.value(), java.nio.charset.StandardCharsets.UTF_8)));
        assertThat(headers.get("__streams.errors.message")).contains(reason);
        assertThat(headers)
                .containsEntry("__streams.errors.topic", "answers")
                .containsEntry("__streams.errors.exception", BadRecordException.class.getName());
    }

    private static FitterSettings settings(Duration window, Duration retention) {
        FitterSettings usual = Driver.settings();
        return usual.with(new LabelSettings(window, retention));
    }

    private Driver driver(FitterSettings settings) {
        return new Driver(settings, stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
    }
}
