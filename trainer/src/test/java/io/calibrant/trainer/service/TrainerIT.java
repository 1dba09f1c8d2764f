package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Shard;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.prompts.SpecialTokens;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.CurvatureSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import io.calibrant.trainer.statistics.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The golden model, adapter and questions through broker and registry. */
class TrainerIT extends GoldenTraining {
    @Test
    void shouldPublishTheCurvatureOfAnAdapterTrainedElsewhere() throws IOException {
        Trainer.run(
                settings("golden", 0, first(32), ValidationSource.NONE, Optional.empty(), Shard.WHOLE),
                connection,
                e -> {});

        Run run = read(connection.topics().runs(), Run.class).get(0).value();
        assertThat(run.getBlocks()).hasSize(14);
        assertThat(run.getTrainingQuestions()).isEqualTo(32);
        assertThat(run.getRank()).isNull();
        assertThat(run.getModelDigest()).matches("sha256:[0-9a-f]{64}");
        List<ConsumerRecord<String, AdapterBlock>> adapters =
                read(connection.topics().adapters(), AdapterBlock.class);
        assertThat(adapters).hasSize(14);
        assertThat(adapters)
                .allSatisfy(r -> assertThat(r.value().getInitialWeight()).isNull());
        List<ConsumerRecord<String, Statistics>> statistics =
                read(connection.topics().statistics(), Statistics.class);
        assertThat(statistics)
                .as("q_proj and v_proj of three layers share their input, and each layer has a last input")
                .hasSize(8 * (11 + 3));
        Map<String, Double> n = new HashMap<>();
        double logLikelihood = 0;
        for (ConsumerRecord<String, Statistics> record : statistics) {
            Statistics value = record.value();
            assertThat(record.key()).isEqualTo("golden/step-0/" + value.getBlock());
            assertThat(value.getBatchesExpected()).isEqualTo(8);
            assertThat(Tensors.floats(value.getRows())).doesNotContain(Float.NaN);
            perBlock(value).forEach(each -> n.merge(each.getBlock(), each.getN(), Double::sum));
            if (value.getBlock().equals("lm_head.lora_A")) {
                logLikelihood += value.getLogLikelihood();
            }
        }
        assertThat(logLikelihood).isCloseTo(-7.94643785, within(1e-4));
        assertThat(n.get("model.layers.0.self_attn.q_proj.lora_A")).isEqualTo(1318);
        assertThat(n.get("lm_head.lora_B")).isEqualTo(32);
        List<ConsumerRecord<String, Progress>> progress =
                read(connection.topics().progress(), Progress.class);
        assertThat(progress.get(progress.size() - 1).value().getPhase()).isEqualTo(Phase.DONE);
        // none validates; the training questions tell the noise of a logit
        assertThat(read(connection.topics().questions(), Question.class))
                .hasSize(32)
                .allSatisfy(record -> assertThat(record.value().getPurpose()).isEqualTo(Purpose.NOISE));
        assertThat(read(connection.topics().labels(), Label.class)).isEmpty();
    }

    @Test
    void shouldMakeOnePassOfTwoShardsInAnyOrder() throws IOException {
        Path questions = first(10);
        Optional<Integer> rank = Optional.of(10);

        Trainer.run(settings("s", 0, questions, ValidationSource.NONE, rank, new Shard(1, 2)), connection, e -> {});
        Trainer.run(settings("s", 0, questions, ValidationSource.NONE, rank, new Shard(0, 2)), connection, e -> {});
        Connection whole = connection();
        Trainer.run(settings("s", 0, questions, ValidationSource.NONE, rank, Shard.WHOLE), whole, e -> {});

        Map<String, Statistics> shards = byBlockAndBatch(connection);
        Map<String, Statistics> one = byBlockAndBatch(whole);
        assertThat(shards).hasSize(3 * (14 + 3)).hasSameSizeAs(one);
        shards.forEach((key, statistics) -> {
            assertThat(statistics.getSource()).isEqualTo(statistics.getBatch() % 2 + "/2");
            assertThat(statistics.getRows()).isEqualTo(one.get(key).getRows());
            assertThat(statistics.getSmall()).isEqualTo(one.get(key).getSmall());
        });
        List<ConsumerRecord<String, Run>> runs = read(connection.topics().runs(), Run.class);
        assertThat(runs)
                .extracting(ConsumerRecord::value)
                .containsOnly(runs.get(0).value());
        List<ConsumerRecord<String, AdapterBlock>> adapters =
                read(connection.topics().adapters(), AdapterBlock.class);
        assertThat(adapters).hasSize(28);
        assertThat(adapters.stream().map(ConsumerRecord::value).distinct()).hasSize(14);
    }

    @Test
    void shouldSendTheSameStatisticsAgain() throws IOException {
        TrainerSettings settings = settings("again", 0, first(8), ValidationSource.NONE, Optional.of(10), Shard.WHOLE);

        Trainer.run(settings, connection, e -> {});
        Trainer.run(settings, connection, e -> {});

        List<ConsumerRecord<String, Statistics>> records =
                read(connection.topics().statistics(), Statistics.class);
        assertThat(records).hasSize(2 * 2 * (11 + 3));
        records.forEach(record -> record.value().setEpoch(0));
        assertThat(records.stream().map(ConsumerRecord::value).distinct()).hasSize(2 * (11 + 3));
    }

    @Test
    void shouldRefuseARunThatIsThereWithOtherSettings() throws IOException {
        Path questions = first(8);
        TrainerSettings first = settings("once", 0, questions, ValidationSource.NONE, Optional.of(10), Shard.WHOLE);
        Trainer.run(first, connection, e -> {});
        List<Integer> before = counts();

        refused(
                settings("once", 0, questions, ValidationSource.NONE, Optional.of(4), Shard.WHOLE),
                "rank is 10 there and 4 here");
        refused(
                settings("once", 3, questions, ValidationSource.NONE, Optional.of(10), Shard.WHOLE),
                "steps is 0 there and 3 here");
        refused(
                settings("once", 0, first(10), ValidationSource.NONE, Optional.of(10), Shard.WHOLE),
                "trainingQuestions is 8 there and 10 here");
        List<String> lines = new ArrayList<>(Files.readAllLines(questions));
        Collections.swap(lines, 2, 5);
        Path swapped = Files.write(directory.resolve("swapped.jsonl"), lines);
        refused(
                settings("once", 0, swapped, ValidationSource.NONE, Optional.of(10), Shard.WHOLE),
                "questionsDigest is sha256:");
        assertThat(counts()).as("nothing was published").isEqualTo(before);

        Trainer.run(first, connection, e -> {}); // and the same again resumes
        assertThat(counts()).isNotEqualTo(before);
    }

    private void refused(TrainerSettings settings, String difference) {
        assertThatThrownBy(() -> Trainer.run(settings, connection, e -> {}))
                .hasMessageContaining("--run must be a new name, or have the settings it has on topic "
                        + connection.topics().runs() + ", got '" + settings.run() + "' with other ones: "
                        + difference);
    }

    private List<Integer> counts() {
        return List.of(
                read(connection.topics().runs(), Run.class).size(),
                read(connection.topics().adapters(), AdapterBlock.class).size(),
                read(connection.topics().statistics(), Statistics.class).size(),
                read(connection.topics().progress(), Progress.class).size());
    }

    @Test
    void shouldMeasureWithTheConventionFisherAndSeedThatItIsTold() throws IOException {
        TrainerSettings plain = settings("told", 0, first(8), ValidationSource.NONE, Optional.empty(), Shard.WHOLE);
        TrainerSettings told =
                plain.withSeed(5).withCurvature(plain.curvature().withFisher(KfacApproximation.REDUCE, FisherType.MC));

        Trainer.run(told, connection, e -> {});

        Run run = read(connection.topics().runs(), Run.class).get(0).value();
        assertThat(run.getKfac().name()).isEqualTo("REDUCE");
        assertThat(run.getFisher().name()).isEqualTo("MC");
        assertThat(run.getSeed()).isEqualTo(5);
        Map<String, Statistics> published = byBlockAndBatch(connection);
        List<io.calibrant.trainer.prompts.Question> questions =
                QuestionFile.read(told.questions().file());
        SpecialTokens special = SpecialTokens.read(told.model());
        KfacEstimator curvature = new KfacEstimator(KfacApproximation.REDUCE, FisherType.MC, null, "told", 5);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(told.model());
                LanguageModel llama = LanguageModel.load(told.model(), Device.cpu())) {
            PromptEncoder encoder = PromptEncoder.paper(tokenizer, special.eos());
            ClassTokens classes = ClassTokens.of(encoder.encode(questions));
            List<EncodedPrompt> prompts = classes.place(encoder.encode(questions));
            try (AdaptedModel model = new AdaptedModel(
                    llama, Peft.read(told.adapter().from().orElseThrow(), llama.config(), classes.ids()))) {
                for (int batch = 0; batch < 2; batch++) {
                    BatchCurvature expected =
                            curvature.measure(model, prompts.subList(4 * batch, 4 * batch + 4), special.pad(), batch);
                    for (BlockStatistics block : expected.blocks()) {
                        Statistics found = published.get(block.block() + "/" + batch);
                        assertThat(found.getN()).isEqualTo(4);
                        assertThat(Tensors.doubles(found.getSmall())).isEqualTo(block.small());
                        assertThat(Tensors.floats(found.getRows()))
                                .isEqualTo(block.rows().values());
                    }
                }
            }
        }
    }

    @Test
    void shouldFineTuneHoldOutAndSendValidationQuestions() throws IOException {
        List<Double> losses = new ArrayList<>();
        Path output = directory.resolve("adapter");
        TrainerSettings settings = TrainerSettings.of("tuned", GOLDEN.resolve("model"), first(20))
                .withQuestions(QuestionSettings.of(first(20)).withValidation(ValidationSource.heldOut(0.2)))
                .withAdapter(AdapterSettings.DEFAULT
                        .withRank(4, 8)
                        .withTargets(LoraTargets.parse("q_proj,v_proj"))
                        .withOutput(output))
                .withOptimisation(new OptimisationSettings(12, 4, 5e-3))
                .withCurvature(CurvatureSettings.DEFAULT.withRank(Optional.of(4)))
                .withExecution(ExecutionSettings.DEFAULT.creatingTopics())
                .withSeed(3);

        Trainer.run(settings, connection, e -> e.loss().ifPresent(losses::add));

        assertThat(losses).hasSize(12).allSatisfy(loss -> assertThat(loss).isFinite());
        assertThat(output.resolve("adapter_model.safetensors")).exists();
        assertThat(output.resolve("adapter_config.json")).exists();
        List<ConsumerRecord<String, AdapterBlock>> adapters =
                read(connection.topics().adapters(), AdapterBlock.class);
        assertThat(adapters).hasSize(12).allSatisfy(record -> {
            assertThat(record.value().getCheckpoint()).isEqualTo("step-12");
            assertThat(record.value().getInitialWeight()).isNotNull();
        });
        assertThat(read(connection.topics().statistics(), Statistics.class))
                .filteredOn(record -> record.value().getCheckpoint().equals("step-12"))
                .hasSize(4 * (9 + 3))
                .filteredOn(record -> !record.key().endsWith(".last_input"))
                .allSatisfy(record -> {
                    assertThat(record.value().getSquaredDistance()).isPositive();
                    assertThat(record.value().getRows().getShape().get(0)).isLessThanOrEqualTo(8);
                });
        List<ConsumerRecord<String, Question>> asked = read(connection.topics().questions(), Question.class);
        assertThat(asked)
                .allSatisfy(record -> assertThat(record.value().getRun()).isEqualTo("tuned"));
        // four validate, too few for the noise of a logit: all training questions tell it, without their labels
        assertThat(asked)
                .filteredOn(record -> record.value().getPurpose() == Purpose.NOISE)
                .hasSize(16)
                .allSatisfy(record -> assertThat(record.value().getQuestionId()).startsWith("noise-"));
        List<ConsumerRecord<String, Question>> validation = asked.stream()
                .filter(record -> record.value().getPurpose() == Purpose.VALIDATION)
                .toList();
        assertThat(validation).hasSize(4);
        assertThat(read(connection.topics().labels(), Label.class))
                .extracting(ConsumerRecord::key)
                .containsExactlyInAnyOrderElementsOf(validation.stream()
                        .map(record -> record.value().getQuestionId())
                        .toList());
        assertThat(read(connection.topics().progress(), Progress.class))
                .extracting(record -> record.value().getPhase())
                .contains(Phase.FINE_TUNING, Phase.DONE);
    }

    /**
     * What is trained beside LoRA has to be on the topics and in the directory, and a classifier's block in every step.
     */
    @ParameterizedTest
    @CsvSource({
        "adapters/base, adapters/dora, questions.jsonl, false",
        "seqcls/model, seqcls/adapter, train.jsonl, true"
    })
    void shouldTrainADoraAndAClassifierFurther(String base, String from, String file, boolean classifier)
            throws IOException {
        Path zoo = Path.of("..", "..", "shared", "zoo");
        assumeTrue(Files.isDirectory(zoo), zoo + " is not here: its adapters are not trained further");
        Path output = directory.resolve("further-" + classifier);
        Path model = zoo.resolve(base);
        AdapterSettings adapter =
                AdapterSettings.DEFAULT.withFrom(zoo.resolve(from)).withOutput(output);
        Path questions = (classifier ? zoo.resolve("seqcls") : zoo).resolve(file);

        Trainer.run(
                TrainerSettings.of("further", model, questions)
                        .withQuestions(QuestionSettings.of(questions).withValidation(ValidationSource.NONE))
                        .withAdapter(classifier ? adapter.withHeadBlock() : adapter)
                        .withOptimisation(new OptimisationSettings(2, 4, 5e-3))
                        .withExecution(ExecutionSettings.DEFAULT.creatingTopics()),
                connection,
                e -> {});

        String block = classifier ? "score" : "model.layers.2.self_attn.v_proj.lora_B";
        String tensor =
                "base_model.model." + (classifier ? "score.weight" : block.replace("lora_B", "lora_magnitude_vector"));
        AdapterBlock sent = read(connection.topics().adapters(), AdapterBlock.class).stream()
                .map(ConsumerRecord::value)
                .filter(each ->
                        each.getBlock().equals(block) && each.getCheckpoint().equals("step-2"))
                .findFirst()
                .orElseThrow();
        float[] weights = Tensors.floats(classifier ? sent.getWeight() : sent.getMagnitude());
        assertThat(weights).isEqualTo(tensor(output, tensor)).isNotEqualTo(tensor(zoo.resolve(from), tensor));
        assertThat(read(connection.topics().statistics(), Statistics.class))
                .filteredOn(record -> record.value().getCheckpoint().equals(Checkpoint.LIVE))
                .filteredOn(record -> record.value().getBlock().equals("score"))
                .hasSize(classifier ? 2 : 0);
    }

    private static float[] tensor(Path adapter, String name) {
        try (SafetensorsReader reader = SafetensorsReader.open(adapter.resolve("adapter_model.safetensors"))) {
            return reader.floats(name);
        }
    }

    /** A scorer of the older checkpoint would answer them with that. */
    @Test
    void shouldSendValidationQuestionsOnlyOnceTheirOwnCheckpointIsComplete() throws Exception {
        TopicAdmin.createMissing(connection);
        complete("again", "step-1");
        TrainerSettings settings =
                settings("again", 0, first(8), ValidationSource.heldOut(0.25), Optional.of(10), Shard.WHOLE);
        CountDownLatch waiting = new CountDownLatch(1);
        CompletableFuture<Void> training = CompletableFuture.runAsync(() -> Trainer.run(settings, connection, event -> {
            if (event.phase() == ProgressListener.Phase.FITTING) {
                waiting.countDown();
            }
        }));
        assertThat(waiting.await(2, TimeUnit.MINUTES)).isTrue();
        assertThat(read(connection.topics().questions(), Question.class)).isEmpty();
        assertThat(training).isNotDone();

        complete("another", "step-0"); // not of this run
        complete("again", "step-0");
        training.orTimeout(1, TimeUnit.MINUTES).join();

        assertThat(read(connection.topics().questions(), Question.class)).hasSize(2);
        assertThat(read(connection.topics().labels(), Label.class)).hasSize(2);
    }

    private void complete(String run, String checkpoint) throws Exception {
        Posterior posterior = Posterior.newBuilder()
                .setRunId(run)
                .setCheckpoint(checkpoint)
                .setFit("default")
                .setVersion(1)
                .setState(PosteriorState.COMPLETE)
                .setBatches(2)
                .setLogEvidence(0)
                .setLogLikelihood(0)
                .setEffectiveParameters(0)
                .setCapturedEnergy(1)
                .build();
        try (KafkaProducer<String, Posterior> producer = new KafkaProducer<>(
                connection.producer(), new StringSerializer(), connection.serializer(Posterior.class))) {
            producer.send(new ProducerRecord<>(
                            connection.topics().posteriors(), Keys.fit(run, checkpoint, "default"), posterior))
                    .get();
        }
    }

    @Test
    void shouldPublishNothingWhereAFileIsBad() throws IOException {
        Path model = copy(GOLDEN.resolve("model"), directory.resolve("truncated"));
        Path weights = model.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        Files.write(weights, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        refused(model, GOLDEN.resolve("adapter_mcq"), weights.toString());

        Path noWeights = copy(GOLDEN.resolve("model"), directory.resolve("no-weights"));
        Files.delete(noWeights.resolve("model.safetensors"));
        refused(noWeights, GOLDEN.resolve("adapter_mcq"), noWeights.toString());

        Path unknown = copy(GOLDEN.resolve("model"), directory.resolve("unknown"));
        Path config = unknown.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"llama\"", "\"gpt_neox\""));
        refused(unknown, GOLDEN.resolve("adapter_mcq"), config + ": model_type must be one of llama (");

        Path adapter = copy(GOLDEN.resolve("adapter_mcq"), directory.resolve("narrow"));
        Path adapterConfig = adapter.resolve("adapter_config.json");
        Files.writeString(adapterConfig, Files.readString(adapterConfig).replace("\"r\": 8", "\"r\": 4"));
        refused(
                GOLDEN.resolve("model"),
                adapter,
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                "4",
                "8");
    }

    private void refused(Path model, Path adapter, String... parts) throws IOException {
        TrainerSettings good = settings("bad", 0, first(8), ValidationSource.NONE, Optional.of(10), Shard.WHOLE);
        TrainerSettings bad = good.withModel(model).withAdapter(AdapterSettings.DEFAULT.withFrom(adapter));

        assertThatThrownBy(() -> Trainer.run(bad, connection, e -> {}))
                .satisfies(failure ->
                        assertThat(failure.getMessage()).contains(parts).doesNotContain("\n"));

        try (KafkaConsumer<String, Run> consumer = new KafkaConsumer<>(
                connection.consumer(null), new StringDeserializer(), connection.deserializer(Run.class))) {
            List<TopicPartition> partitions =
                    consumer.listTopics().getOrDefault(connection.topics().runs(), List.of()).stream()
                            .map(info -> new TopicPartition(info.topic(), info.partition()))
                            .toList();
            assertThat(consumer.endOffsets(partitions).values()).allMatch(end -> end == 0);
        }
    }

    private static TrainerSettings settings(
            String run, int steps, Path questions, ValidationSource validation, Optional<Integer> rank, Shard shard) {
        return TrainerSettings.of(run, GOLDEN.resolve("model"), questions)
                .withQuestions(QuestionSettings.of(questions).withMaxLength(256).withValidation(validation))
                .withAdapter(AdapterSettings.DEFAULT.withFrom(GOLDEN.resolve("adapter_mcq")))
                .withOptimisation(OptimisationSettings.DEFAULT.withSteps(steps))
                .withCurvature(CurvatureSettings.DEFAULT.withRank(rank).withShard(shard))
                .withExecution(ExecutionSettings.DEFAULT.creatingTopics());
    }

    private static Path first(int count) throws IOException {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("data_mcq").resolve("train.jsonl"));
        return Files.write(directory.resolve("first" + count + ".jsonl"), lines.subList(0, count));
    }

    private static Path copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (var files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.write(to.resolve(file.getFileName().toString()), Files.readAllBytes(file));
            }
        }
        return to;
    }

    private static Map<String, Statistics> byBlockAndBatch(Connection connection) {
        Map<String, Statistics> map = new HashMap<>();
        for (ConsumerRecord<String, Statistics> record :
                CommittedRecords.of(connection, connection.topics().statistics(), Statistics.class)) {
            perBlock(record.value()).forEach(value -> map.put(value.getBlock() + "/" + value.getBatch(), value));
        }
        return map;
    }

    /** A record that several blocks share as one record each. */
    private static List<Statistics> perBlock(Statistics record) {
        List<Statistics> each = new ArrayList<>();
        each.add(Statistics.newBuilder(record).setShared(List.of()).build());
        for (SharedInput shared : record.getShared()) {
            each.add(Statistics.newBuilder(record)
                    .setBlock(shared.getBlock())
                    .setSmall(shared.getSmall())
                    .setSquaredNorm(shared.getSquaredNorm())
                    .setSquaredDistance(shared.getSquaredDistance())
                    .setShared(List.of())
                    .build());
        }
        return each;
    }

    private <T extends SpecificRecord> List<ConsumerRecord<String, T>> read(String topic, Class<T> type) {
        return CommittedRecords.of(connection, topic, type);
    }
}
