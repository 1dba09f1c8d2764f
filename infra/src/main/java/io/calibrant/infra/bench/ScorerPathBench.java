package io.calibrant.infra.bench;

import io.calibrant.fitter.topology.Fitter;
import io.calibrant.fitter.topology.FitterSettings;
import io.calibrant.infra.cluster.Cluster;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.infra.topics.TopicReader;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.scorer.service.Tier;
import io.calibrant.trainer.Shard;
import io.calibrant.trainer.Trainer;
import io.calibrant.trainer.TrainerSettings;
import io.calibrant.trainer.Validation;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.llama.ComputeDevice;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.prompts.QuestionFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What the way through Kafka adds to an answer, on a broker, a registry, a fitter and a scorer of its own: the demo's tiny
 * model, whose passes take milliseconds, is asked at a steady pace, and the time from produced to readable is taken. All of
 * it is an upper bound of the path: tokenizer, pass and link are in it.
 */
final class ScorerPathBench {
    private static final int WARM = 50;
    private static final int ASKED = 400;
    private static final long EVERY_NANOS = 20_000_000;
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    void run(Consumer<Figure> figures) {
        try {
            Path directory = Files.createTempDirectory("calibrant-bench");
            try {
                run(directory, figures);
            } finally {
                try (Stream<Path> files = Files.walk(directory)) {
                    for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                        Files.deleteIfExists(file);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to the temporary directory: " + e.getMessage(), e);
        }
    }

    private static void run(Path directory, Consumer<Figure> figures) {
        DemoFiles files = DemoFiles.unpack(directory.resolve("demo"));
        try (Cluster cluster = Cluster.start(directory.resolve("cluster"), 0, 0)) {
            Connection connection = cluster.connection();
            TopicAdmin.createMissing(connection);
            CountDownLatch complete = new CountDownLatch(1);
            try (Fitter fitter = new Fitter(
                    connection, FitterSettings.defaults().withStateDir(directory.resolve("state")), posterior -> {
                        if (isComplete(posterior)) {
                            complete.countDown();
                        }
                    })) {
                fitter.start();
                Trainer.run(training(files), connection, event -> {});
                await(complete);
                for (Tier tier : List.of(Tier.MAP, Tier.ALL)) {
                    double[] millis = latencies(connection, files, tier);
                    String name = tier == Tier.MAP ? "scorer.kafka_path" : "scorer.tiny_model";
                    figures.accept(Figure.absolute(name + ".p50_ms", millis[millis.length / 2], "ms"));
                    figures.accept(Figure.absolute(name + ".p99_ms", millis[millis.length * 99 / 100], "ms"));
                }
            }
        }
    }

    private static boolean isComplete(Posterior posterior) {
        return posterior.getState() == PosteriorState.COMPLETE;
    }

    private static void await(CountDownLatch complete) {
        try {
            if (!complete.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new IllegalStateException("no complete posterior within " + PATIENCE.toSeconds() + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static TrainerSettings training(DemoFiles files) {
        return new TrainerSettings(
                "bench",
                files.model(),
                files.questions(),
                Optional.empty(),
                20,
                4,
                1e-3,
                8,
                16,
                0,
                LoraTargets.of("q_proj", "v_proj"),
                300,
                0,
                KfacApproximation.EXPAND,
                FisherType.EXACT,
                Optional.of(10),
                Validation.NONE,
                Optional.empty(),
                ComputeDevice.CPU,
                new Shard(0, 1),
                false);
    }

    /** Milliseconds from produced to readable, ascending. */
    @SuppressWarnings("try") // the scorer is closed early: its end is waited for while the rest is still open
    private static double[] latencies(Connection connection, DemoFiles files, Tier tier) {
        ScorerSettings standard = ScorerSettings.of("bench", files.model());
        ScorerSettings settings = new ScorerSettings(
                standard.runs(),
                standard.model(),
                standard.fit(),
                standard.link(),
                standard.points(),
                standard.batchSize(),
                tier,
                standard.device(),
                standard.linger(),
                1);
        try (Scorer scorer = new Scorer(connection, settings, ScorerListener.SILENT);
                TopicReader<Answer> reader =
                        TopicReader.fromNow(connection, connection.topics().answers(), Answer.class, line -> {});
                KafkaProducer<String, Question> producer = new KafkaProducer<>(
                        connection.producer(), new StringSerializer(), connection.serializer(Question.class))) {
            CompletableFuture<Void> serving =
                    CompletableFuture.runAsync(scorer::run, task -> new Thread(task, "scorer").start());
            List<io.calibrant.trainer.prompts.Question> questions = QuestionFile.read(files.test());
            Map<String, Long> produced = new HashMap<>();
            Map<String, Double> took = new HashMap<>();
            long next = System.nanoTime();
            int sent = 0;
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (took.size() < WARM + ASKED) {
                if (serving.isDone() || System.nanoTime() > end) {
                    throw new IllegalStateException("the scorer does not answer");
                }
                // The pace starts when the first answer shows that the scorer serves.
                boolean due = sent == 0 || (!took.isEmpty() && sent < WARM + ASKED && System.nanoTime() >= next);
                if (due) {
                    String id = tier.label() + sent;
                    produced.put(id, System.nanoTime());
                    send(producer, connection, id, questions.get(sent % questions.size()));
                    next = Math.max(next + EVERY_NANOS, System.nanoTime() - EVERY_NANOS);
                    sent++;
                }
                List<TopicReader.Keyed<Answer>> answers = reader.poll(Duration.ofMillis(1));
                long now = System.nanoTime();
                answers.forEach(answer -> took.put(answer.key(), (now - produced.get(answer.key())) / 1e6));
                if (answers.isEmpty()) {
                    LockSupport.parkNanos(200_000);
                }
            }
            scorer.close();
            serving.join();
            double[] millis = new double[ASKED];
            for (int i = 0; i < ASKED; i++) {
                millis[i] = took.get(tier.label() + (WARM + i));
            }
            Arrays.sort(millis);
            return millis;
        }
    }

    private static void send(
            KafkaProducer<String, Question> producer,
            Connection connection,
            String id,
            io.calibrant.trainer.prompts.Question question) {
        Question record = QuestionSender.record(question, Purpose.ANSWER, "bench", null, null);
        var unused = producer.send(new ProducerRecord<>(connection.topics().questions(), id, record));
        producer.flush();
    }
}
