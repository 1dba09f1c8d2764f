package io.calibrant.infra.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.evaluation.Evaluated;
import io.calibrant.infra.evaluation.EvaluationProgress;
import io.calibrant.infra.evaluation.Evaluator;
import io.calibrant.infra.loop.Watched.WatchedFitter;
import io.calibrant.infra.report.Method;
import io.calibrant.infra.report.TextReport;
import io.calibrant.infra.telemetry.Exposition;
import io.calibrant.infra.telemetry.MonitoringFiles;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.scorer.service.PollSettings;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.CurvatureSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The whole loop, from a model directory to calibrated answers, whatever broker carries it. */
abstract class WholeLoopTests {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");
    private static final Path CLASSIFIER = Path.of("..", "..", "shared", "zoo", "seqcls");

    /** Of all tests of a class, started by the first. */
    private static WatchedFitter fitter;

    @TempDir
    private static Path state;

    @TempDir
    private Path dir;

    @AfterAll
    static void stopFitter() {
        if (fitter != null) {
            fitter.close();
            fitter = null;
        }
    }

    private Services services(String run, Path model, int points) throws Exception {
        return services(List.of(run), model, points, PollSettings.DEFAULTS);
    }

    private Services services(List<String> runs, Path model, int points, PollSettings poll) throws Exception {
        if (fitter == null) {
            fitter = Services.fitter(connection(), state);
        }
        return Services.start(connection(), runs, model, points, poll);
    }

    /** Broker and registry with all topics. */
    abstract Connection connection() throws Exception;

    /** What a golden variant allows. */
    private record Tolerance(double probability, double lambda, double logEvidence, double novelty) {}

    @Test
    void shouldReproduceTheReferenceWithFullFactors() throws Exception {
        reproduce("full", Optional.empty(), new Tolerance(3e-3, 1e-3, 0.05, 1e-3));
    }

    @Test
    void shouldReproduceTheReferenceAtRankTen() throws Exception {
        reproduce("rank10_residual", Optional.of(10), new Tolerance(1e-2, 1.5e-2, 6, 0.02));
    }

    private void reproduce(String variant, Optional<Integer> rank, Tolerance tolerance) throws Exception {
        assumeTrue(Files.isDirectory(GOLDEN), "the reference data of ../shared/golden is not here");
        ObjectMapper json = new ObjectMapper();
        JsonNode expected = json.readTree(GOLDEN.resolve("mcq_endtoend.json").toFile());
        JsonNode figures = expected.get(variant + ".scalar");
        JsonNode novelty = json.readTree(GOLDEN.resolve("mcq_novelty.json").toFile());
        JsonNode familiarity =
                json.readTree(GOLDEN.resolve("mcq_familiarity.json").toFile()).at("/rank10/score/test");
        List<Question> test = QuestionFile.read(GOLDEN.resolve("data_mcq/test.jsonl"));
        assertThat(test).extracting(Question::id).isEqualTo(json.convertValue(expected.get("ids"), List.class));
        double[] p;
        try (SafetensorsReader reader = SafetensorsReader.open(GOLDEN.resolve("mcq_endtoend.safetensors"))) {
            p = reader.doubles(variant + ".scalar.p");
        }
        String run = "golden-" + variant;
        Path model = GOLDEN.resolve("model");
        try (Services services = services(run, model, 1 << 16)) {
            services.train(training(
                    run,
                    model,
                    GOLDEN.resolve("data_mcq/train.jsonl"),
                    Optional.of(GOLDEN.resolve("adapter_mcq")),
                    0,
                    rank,
                    ValidationSource.NONE));
            Map<String, Answer> answers = services.ask(test);
            Posterior posterior = services.posterior(answers.get(test.get(0).id()));

            double lambda = posterior.getBlocks().get(0).getLambda();
            double worstP = 0;
            double worstNovelty = 0;
            double worstFamiliarity = 0;
            for (int i = 0; i < test.size(); i++) {
                Answer answer = answers.get(test.get(i).id());
                worstNovelty = Math.max(
                        worstNovelty,
                        Math.abs(answer.getNovelty()
                                - novelty.get(variant).get(i).asDouble()));
                worstFamiliarity = Math.max(
                        worstFamiliarity,
                        Math.abs(answer.getFamiliarity() - familiarity.get(i).asDouble()));
                assertThat(answer.getFamiliarityP()).isGreaterThan(0).isLessThanOrEqualTo(1);
                for (int c = 0; c < 4; c++) {
                    worstP = Math.max(worstP, Math.abs(answer.getProbabilities().get(c) - p[4 * i + c]));
                }
            }
            System.out.printf(
                    "%s: lambda %.6f (%.6f), log evidence %.4f (%.4f), gamma %.3f (%.3f), worst p %.2e, worst"
                            + " novelty %.2e, worst familiarity %.2e%n",
                    variant,
                    lambda,
                    figures.get("lambda_").asDouble(),
                    posterior.getLogEvidence(),
                    figures.get("log_evidence").asDouble(),
                    posterior.getEffectiveParameters(),
                    figures.get("effective_parameters").asDouble(),
                    worstP,
                    worstNovelty,
                    worstFamiliarity);
            assertThat(posterior.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(posterior.getBatches()).isEqualTo(50);
            assertThat(lambda / figures.get("lambda_").asDouble()).isCloseTo(1, within(tolerance.lambda()));
            assertThat(posterior.getLogEvidence())
                    .isCloseTo(figures.get("log_evidence").asDouble(), within(tolerance.logEvidence()));
            assertThat(worstP).isLessThanOrEqualTo(tolerance.probability());
            assertThat(worstNovelty).isLessThanOrEqualTo(tolerance.novelty());
            // Scores spread by 1.16; the stream folds batch after batch into ten columns, the reference all at once.
            assertThat(worstFamiliarity).isLessThanOrEqualTo(0.4);

            // nobody validates: training questions tell the noise of a logit, and are counted nowhere
            Posterior known = services.awaitPosterior(
                    run + "/step-0/" + posterior.getFit(), each -> each.getLogitVariance() != null);
            assertThat(known.getLogitVarianceQuestions()).isBetween(20L, 64L);
            assertThat(known.getCalibration()).isEqualTo(Calibration.LABEL_FREE);
            assertThat(known.getBlocks()).isEqualTo(posterior.getBlocks());
        }
    }

    /**
     * One adapter, asked in the paper's form, through the same form as a template of one's own, and with prompts that
     * questions bring along: one run each, from the curvature pass to the answer. Everything that an answer says of its
     * question is the same double, and so are lambda and log evidence. Prompts go through the model one by one, since
     * whom one shares a batch with decides its last bits; and factors are kept in full, since the name of a run decides
     * what is drawn for fewer columns.
     */
    @Test
    void shouldAnswerToTheBitTheSameInThePapersFormByATemplateOfOnesOwnAndVerbatim() throws Exception {
        assumeTrue(Files.isDirectory(GOLDEN), "the reference data of ../shared/golden is not here");
        List<Question> training =
                QuestionFile.read(GOLDEN.resolve("data_mcq/train.jsonl")).subList(0, 16);
        List<Question> test =
                QuestionFile.read(GOLDEN.resolve("data_mcq/test.jsonl")).subList(0, 5);
        List<Question> verbatim =
                test.stream().map(WholeLoopTests::bringingItsPrompt).toList();
        Path template = Files.writeString(
                dir.resolve("own.mustache"),
                "Select one of the choices that answers the following question: {{{question}}}"
                        + " Choices: {{#choices}}{{label}}. {{&text}} {{/choices}}Answer:");
        Path plain = write(dir.resolve("plain.jsonl"), training);
        Path brought = write(
                dir.resolve("verbatim.jsonl"),
                training.stream().map(WholeLoopTests::bringingItsPrompt).toList());
        Path model = GOLDEN.resolve("model");
        List<String> runs = List.of("prompt-paper", "prompt-own", "prompt-verbatim");
        PollSettings oneByOne = PollSettings.DEFAULTS.withBatchSize(1);
        try (Services services = services(runs, model, 256, oneByOne)) {
            for (String run : runs) {
                TrainerSettings settings = training(
                        run,
                        model,
                        run.equals("prompt-verbatim") ? brought : plain,
                        Optional.of(GOLDEN.resolve("adapter_mcq")),
                        0,
                        Optional.empty(),
                        ValidationSource.NONE);
                services.train(
                        run.equals("prompt-own")
                                ? settings.withQuestions(
                                        settings.questions().withPrompt(PromptForm.read(template.toString())))
                                : settings);
            }
            List<Object> paper = figures(services, services.ask("prompt-paper", test, null), test);

            assertThat(figures(services, services.ask("prompt-own", test, null), test))
                    .isEqualTo(paper);
            assertThat(figures(services, services.ask("prompt-verbatim", verbatim, null), verbatim))
                    .isEqualTo(paper);
            List<Question> others = again(verbatim, "-verbatim");
            assertThat(figures(services, services.ask("prompt-paper", others, null), others))
                    .as("beside plain ones in one run")
                    .isEqualTo(paper);
        }
    }

    /** What answers say, but for the names of question and run; and what their posterior rests on. */
    private static List<Object> figures(Services services, Map<String, Answer> answers, List<Question> questions) {
        List<Object> figures = new ArrayList<>();
        for (Question question : questions) {
            Answer answer = answers.get(question.id());
            figures.add(List.of(
                    answer.getLabels(),
                    answer.getProbabilities(),
                    answer.getMapProbabilities(),
                    answer.getContrastMean(),
                    answer.getContrastCovariance(),
                    answer.getEntropy(),
                    answer.getExpectedEntropy(),
                    answer.getMutualInformation(),
                    answer.getNovelty()));
        }
        Posterior posterior = services.posterior(answers.get(questions.get(0).id()));
        figures.add(List.of(posterior.getBlocks().get(0).getLambda(), posterior.getLogEvidence()));
        return figures;
    }

    /** The question with the paper's prompt for its own, and with nothing else that could be rendered. */
    private static Question bringingItsPrompt(Question question) {
        return new Question(
                question.id(),
                null,
                null,
                question.choices().stream()
                        .map(choice -> new Choice(choice.label(), ""))
                        .toList(),
                question.answer(),
                PromptForm.PAPER.text(question));
    }

    private static Path write(Path file, List<Question> questions) throws IOException {
        ObjectMapper json = new ObjectMapper();
        StringBuilder lines = new StringBuilder();
        for (Question question : questions) {
            ObjectNode node = json.createObjectNode()
                    .put("id", question.id())
                    .put("question", question.question())
                    .put("answer", question.answer());
            question.choices()
                    .forEach(choice -> node.withArray("choices")
                            .addObject()
                            .put("label", choice.label())
                            .put("text", choice.text()));
            if (question.prompt() != null) {
                node.put("prompt", question.prompt());
            }
            lines.append(node).append('\n');
        }
        return Files.writeString(file, lines);
    }

    /** Without a block for the head on a causal model as base, with one on a base that has another head. */
    @ParameterizedTest
    @CsvSource({"lora, golden/model", "lora_and_head, zoo/seqcls/model"})
    void shouldReproduceASequenceClassifier(String fit, String base) throws Exception {
        assumeTrue(Files.isDirectory(CLASSIFIER), "the reference data of ../shared/zoo is not here");
        JsonNode reference =
                new ObjectMapper().readTree(CLASSIFIER.resolve("ref.json").toFile());
        JsonNode expected = reference.get("fits").get(fit);
        List<Question> test = QuestionFile.read(CLASSIFIER.resolve("test.jsonl"));
        List<String> labels = List.of("colour", "food", "number");
        double[] contrasts;
        double[] logits;
        try (SafetensorsReader reader = SafetensorsReader.open(CLASSIFIER.resolve("ref.safetensors"))) {
            contrasts = reader.doubles(fit + ".contrasts.lambda_star");
            logits = reader.doubles("test.logits");
        }
        String run = "classifier-" + fit;
        Path model = Path.of("..", "..", "shared").resolve(base);
        try (Services services = services(run, model, 1 << 12)) {
            TrainerSettings settings = training(
                    run,
                    model,
                    CLASSIFIER.resolve("train.jsonl"),
                    Optional.of(CLASSIFIER.resolve("adapter")),
                    0,
                    Optional.empty(),
                    ValidationSource.NONE);
            services.train(
                    fit.equals("lora")
                            ? settings.withQuestions(settings.questions().withLabels(labels))
                            : settings.withAdapter(settings.adapter().withHeadBlock()));
            Map<String, Answer> answers = services.ask(test);
            Posterior posterior = services.posterior(answers.get(test.get(0).id()));

            double star = expected.get("lambda_star").asDouble();
            double evidence = expected.get("log_evidence_at_star").asDouble();
            assertThat(posterior.getBlocks()).hasSize(expected.get("blocks").size());
            assertThat(posterior.getBlocks().get(0).getLambda()).isCloseTo(star, within(1e-3 * star));
            assertThat(posterior.getLogEvidence()).isCloseTo(evidence, within(-1e-3 * evidence));
            for (int i = 0; i < test.size(); i++) {
                Answer answer = answers.get(test.get(i).id());
                assertThat(answer.getLabels()).isEqualTo(labels);
                for (int c = 0; c < 2; c++) {
                    assertThat(answer.getContrastMean().get(c))
                            .isCloseTo(logits[3 * i + c] - logits[3 * i + 2], within(1e-4));
                    for (int e = 0; e < 2; e++) {
                        double scale = Math.sqrt(contrasts[4 * i] * contrasts[4 * i + 3]);
                        assertThat(answer.getContrastCovariance().get(c).get(e))
                                .isCloseTo(contrasts[4 * i + 2 * c + e], within(2e-3 * scale));
                    }
                }
            }
        }
    }

    @Test
    void shouldMakeMapOverConfidentAndRepairItOnTheDemosOwnModel() throws Exception {
        DemoFiles files = DemoFiles.unpack(dir.resolve("demo"));
        // The reference questions on the same topics have ids like theirs.
        List<Question> test = new ArrayList<>(again(QuestionFile.read(files.test()), "-of-the-demo"));
        Connection connection = connection();
        try (Services services = services("demo", files.model(), 4096)) {
            services.train(training(
                    "demo",
                    files.model(),
                    files.questions(),
                    Optional.empty(),
                    600,
                    Optional.of(10),
                    ValidationSource.heldOut(0.2)));
            Question impossible = new Question(
                    "impossible",
                    "What is no token?",
                    null,
                    List.of(new Choice("A", "this"), new Choice("Quetzalcoatl", "that")),
                    "A");
            test.add(17, impossible);
            List<EvaluationProgress> heard = new ArrayList<>();
            Evaluated evaluated = new Evaluator(
                            connection, "demo", null, Duration.ofMinutes(15), heard::add, line -> {})
                    .evaluate(test);

            System.out.print(TextReport.table(evaluated.evaluation()));
            assertThat(evaluated.refused()).containsOnlyKeys("impossible");
            assertThat(evaluated.refused().get("impossible")).contains("Quetzalcoatl");
            assertThat(evaluated.evaluation().questions()).hasSize(test.size() - 1);
            // Of the 50 questions for validation five are questions of the training file as well: they do not validate.
            assertThat(evaluated.evaluation().temperatureNote()).contains("fitted on 45 validation answers");
            assertThat(heard)
                    .anySatisfy(progress -> assertThat(progress.refused()).isEqualTo(1));
            Metrics map = evaluated.evaluation().metrics(Method.MAP);
            Metrics laplace = evaluated.evaluation().metrics(Method.LAPLACE);
            assertThat(map.ece()).isGreaterThan(0.15);
            assertThat(laplace.ece()).isLessThan(map.ece() - 0.05);
            assertThat(laplace.nll()).isLessThan(map.nll() - 0.1);
            assertThat(laplace.brier()).isLessThan(map.brier());
            // Nothing that an evaluation sends changes what is served while it asks: each question is asked once.
            assertThat(
                            CommittedRecords.of(
                                            connection,
                                            connection.topics().questions(),
                                            io.calibrant.schemas.avro.Question.class)
                                    .stream()
                                    .map(ConsumerRecord::value)
                                    .filter(asked ->
                                            asked.getPurpose() == Purpose.ANSWER && "demo".equals(asked.getRun())))
                    .hasSize(test.size());
            shouldShowItAll(services, evaluated);
            letLabelsChooseThePrior(connection, services, evaluated.posterior());
        }
    }

    /** What panels and rules name is there, and says what has happened: the same that the topics say. */
    private static void shouldShowItAll(Services services, Evaluated evaluated) {
        Exposition ofFitter = fitter.scrape();
        Exposition ofScorer = services.scorer();
        Exposition ofTrainer = services.trainer().last();
        List<Exposition.Sample> samples = new ArrayList<>();
        List.of(ofFitter, ofScorer, services.scorerAtFirst(), ofTrainer)
                .forEach(each -> samples.addAll(each.samples()));
        Set<String> shown = new TreeSet<>();
        samples.forEach(sample -> shown.add(sample.name()));
        assertThat(shown).containsAll(MonitoringFiles.metrics());
        assertThat(MonitoringFiles.unknownLabels(samples)).isEmpty();

        assertThat(fitter.ready()).isEqualTo("200 UP");
        assertThat(services.scorerReadyAtFirst()).isEqualTo("503 DOWN no-posterior");
        assertThat(services.scorerReady()).isEqualTo("200 UP");
        Map<Phase, String> ready = new EnumMap<>(services.trainer().ready());
        assertThat(ready.remove(Phase.LOADING)).isEqualTo("503 DOWN loading");
        assertThat(ready).containsKeys(Phase.FINE_TUNING, Phase.CURVATURE, Phase.DONE);
        assertThat(ready.values()).containsOnly("200 UP");

        Posterior posterior = evaluated.posterior();
        String[] names = {"run", "demo", "checkpoint", posterior.getCheckpoint(), "fit", posterior.getFit()};
        assertThat(value(ofFitter, "calibrant_fitter_posterior_log_evidence_nats", names))
                .isEqualTo(posterior.getLogEvidence());
        assertThat(value(ofFitter, "calibrant_fitter_posterior_captured_energy_ratio", names))
                .isEqualTo(posterior.getCapturedEnergy());
        assertThat(value(ofFitter, "calibrant_fitter_posterior_labels", names)).isEqualTo(45);
        // The last answers may still choose a temperature: two looks meet one version when that is done.
        await("the version that the fitter published last")
                .atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThat(value(services.scorer(), "calibrant_scorer_posterior_version", names))
                        .isEqualTo(value(fitter.scrape(), "calibrant_fitter_posterior_version", names)));
        assertThat(value(ofFitter, "calibrant_fitter_folds_total", "run", "demo"))
                .isPositive();
        assertThat(value(ofScorer, "calibrant_scorer_answers_total", "outcome", "rejected"))
                .isEqualTo(1);
        assertThat(value(
                        ofScorer, "calibrant_scorer_dead_letters_total", "reason", "invalid", "topic", topic(ofScorer)))
                .isEqualTo(1);
        assertThat(value(ofTrainer, "calibrant_trainer_stage_seconds_count", "stage", "step"))
                .isEqualTo(600);
        assertThat(value(ofTrainer, "calibrant_trainer_stage_seconds_count", "stage", "batch"))
                .isEqualTo(50);
    }

    private static String topic(Exposition ofScorer) {
        return ofScorer.of("calibrant_scorer_lag_records").get(0).labels().get("topic");
    }

    private static double value(Exposition of, String name, String... labels) {
        assertThat(of.of(name, labels)).as(name).hasSize(1);
        return of.of(name, labels).get(0).value();
    }

    /**
     * The paper's Algorithm 3 from the topics alone: the second fitter has no model. What it says of its choice is what
     * the answers that rest on it show, and that is no worse than the evidence's choice.
     */
    private void letLabelsChooseThePrior(Connection connection, Services services, Posterior evidence) {
        List<Question> validation = new ArrayList<>();
        Map<String, Label> labels =
                TopicReader.latest(connection, connection.topics().labels(), Label.class, line -> {});
        TopicReader.latest(
                        connection,
                        connection.topics().questions(),
                        io.calibrant.schemas.avro.Question.class,
                        line -> {})
                .forEach((key, question) -> {
                    if (question.getPurpose() == Purpose.VALIDATION && "demo".equals(question.getRun())) {
                        String id = question.getQuestionId(); // of the key it is a part, of a label's key the whole
                        validation.add(new Question(
                                id,
                                question.getStem(),
                                question.getContext(),
                                question.getChoices().stream()
                                        .map(choice -> new Choice(choice.getLabel(), choice.getText()))
                                        .toList(),
                                labels.get(id).getLabel()));
                    }
                });
        assertThat(validation).hasSize(45);
        String key = evidence.getRunId() + "/" + evidence.getCheckpoint() + "/by-labels";
        try (Fitter fitter = new Fitter(
                connection,
                FitterSettings.defaults()
                        .withStateDir(dir.resolve("by-labels"))
                        .named("by-labels")
                        .with(PriorObjective.VALIDATION),
                posterior -> {})) {
            fitter.start();
            services.awaitPosterior(key, posterior -> posterior.getState() == PosteriorState.COMPLETE);
            new QuestionSender(connection).questions(validation, Purpose.VALIDATION, "demo", "by-labels");
            Posterior chosen = services.awaitPosterior(
                    key,
                    posterior -> posterior.getObjective() == PriorObjective.VALIDATION
                            && posterior.getLabels() == 45
                            && posterior.getValidationNll() != null);
            assertThat(chosen.getState()).isEqualTo(PosteriorState.COMPLETE);
            double lambda = chosen.getBlocks().get(0).getLambda();
            double before = nll(services.ask(again(validation, "evidence"), evidence.getFit()), validation, "evidence");
            Map<String, Answer> answers = services.ask(again(validation, "labels"), "by-labels");
            assertThat(answers.values())
                    .allSatisfy(
                            answer -> assertThat(answer.getPosteriorVersion()).isEqualTo(chosen.getVersion()));
            double after = nll(answers, validation, "labels");
            System.out.printf(
                    "validation prior: lambda %.3f, NLL of 45 validation labels %.4f (the fitter says %.4f);"
                            + " evidence: lambda %.3f, %.4f%n",
                    lambda,
                    after,
                    chosen.getValidationNll(),
                    evidence.getBlocks().get(0).getLambda(),
                    before);
            // Both integrate over 4,096 scrambled Sobol points, not the same ones: the mean of 45 questions.
            assertThat(after).isCloseTo(chosen.getValidationNll(), within(2e-3));
            assertThat(after).isLessThan(before + 1e-3);
        }
    }

    private static List<Question> again(List<Question> questions, String suffix) {
        return questions.stream()
                .map(each -> new Question(
                        each.id() + suffix,
                        each.question(),
                        each.context(),
                        each.choices(),
                        each.answer(),
                        each.prompt()))
                .toList();
    }

    /** Mean over the labels of -log E softmax N(z, Sigma). */
    private static double nll(Map<String, Answer> answers, List<Question> questions, String suffix) {
        Link link = Link.monteCarlo();
        double sum = 0;
        for (Question question : questions) {
            Answer answer = answers.get(question.id() + suffix);
            double[] mean = answer.getContrastMean().stream()
                    .mapToDouble(Double::doubleValue)
                    .toArray();
            double[][] covariance = answer.getContrastCovariance().stream()
                    .map(row -> row.stream().mapToDouble(Double::doubleValue).toArray())
                    .toArray(double[][]::new);
            sum -= Math.log(link.predict(mean, covariance)
                    .probabilities()[question.answerIndex().orElseThrow()]);
        }
        return sum / questions.size();
    }

    private static TrainerSettings training(
            String run,
            Path model,
            Path questions,
            Optional<Path> adapter,
            int steps,
            Optional<Integer> rank,
            ValidationSource validation) {
        return new TrainerSettings(
                run,
                model,
                BaseFormat.F32,
                QuestionSettings.of(questions).withValidation(validation),
                adapter.map(AdapterSettings.DEFAULT::withFrom).orElse(AdapterSettings.DEFAULT),
                new OptimisationSettings(steps, 4, 5e-3),
                CurvatureSettings.DEFAULT.withRank(rank),
                StreamingSettings.DEFAULT,
                ExecutionSettings.DEFAULT.creatingTopics(),
                0);
    }
}
