package io.calibrant.infra.bench;

import io.calibrant.cluster.Cluster;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.demo.DemoModel;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.service.PollSettings;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.scorer.serving.ServingSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What the way through Kafka adds to an answer, on a broker, a registry, a fitter and a scorer of its own. First the
 * demo's tiny model, whose passes take milliseconds, is asked at a steady pace, and the time from produced to readable
 * is taken: an upper bound of the path, with tokenizer, pass and link in it. Then a model of the benchmark's shape, at
 * half of what it can do, and with as much as it can do against the same computation without Kafka.
 */
final class ScorerPathBench {
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final Duration LOOK = Duration.ofMillis(100);
    private static final String TINY = "tiny";
    private static final String SHAPE = "shape";
    private static final Load TINY_LOAD = new Load(500, 1500, 20_000_000);
    private static final int BACKLOG = 48;

    private final BenchSettings settings;
    private final double secondsPerQuestion;
    private final ToDoubleFunction<List<EncodedPrompt>> alone;

    /**
     * Questions at a steady pace.
     *
     * @param warm the first ones, which do not count
     */
    private record Load(int warm, int counted, long everyNanos) {
        int all() {
            return warm + counted;
        }
    }

    /** What is asked, of which run. */
    private record Asked(
            String run,
            Path model,
            Tier tier,
            List<io.calibrant.trainer.prompts.Question> questions,
            ComputeDevice device) {}

    /**
     * Starts nothing yet.
     *
     * @param secondsPerQuestion of all blocks at batch 4: half of its inverse is the load
     * @param alone seconds that prediction and link of a batch take without Kafka and tokenizer
     */
    ScorerPathBench(BenchSettings settings, double secondsPerQuestion, ToDoubleFunction<List<EncodedPrompt>> alone) {
        this.settings = settings;
        this.secondsPerQuestion = secondsPerQuestion;
        this.alone = alone;
    }

    void run(Consumer<Figure> figures) {
        try (Scratch scratch = Scratch.open()) {
            run(scratch, figures);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to the temporary directory: " + e.getMessage(), e);
        }
    }

    private void run(Scratch directory, Consumer<Figure> figures) throws IOException {
        DemoFiles files = DemoFiles.unpack(directory.resolve("demo"));
        List<io.calibrant.trainer.prompts.Question> questions = QuestionFile.read(files.test());
        Path model = settings.model() == null ? ShapedFiles.model(files, directory.resolve(SHAPE)) : settings.model();
        try (Cluster cluster = Cluster.start(directory.resolve("cluster"), 0, 0);
                PromptTokenizer tokenizer = PromptTokenizer.load(model)) {
            Connection connection = cluster.connection();
            TopicAdmin.createMissing(connection);
            Map<String, CountDownLatch> complete = Map.of(TINY, new CountDownLatch(1), SHAPE, new CountDownLatch(1));
            try (Fitter fitter = new Fitter(
                    connection, FitterSettings.defaults().withStateDir(directory.resolve("state")), posterior -> {
                        if (posterior.getState() == PosteriorState.COMPLETE) {
                            complete.get(posterior.getRunId()).countDown();
                        }
                    })) {
                fitter.start();
                Trainer.run(training(TINY, files.model(), files.questions(), 20), connection, event -> {});
                await(complete.get(TINY));
                for (Tier tier : List.of(Tier.MAP, Tier.ALL)) {
                    double[] millis = paced(connection, asked(TINY, files.model(), tier, questions), TINY_LOAD);
                    percentiles(tier == Tier.MAP ? "scorer.kafka_path" : "scorer.tiny_model", millis, figures);
                }
                List<io.calibrant.trainer.prompts.Question> longer =
                        ShapedFiles.questions(questions, tokenizer, settings.classes(), settings.length());
                Path training = directory.resolve("longer.jsonl");
                DemoModel.write(training, longer.subList(0, 8));
                Trainer.run(training(SHAPE, model, training, 1), connection, event -> {});
                await(complete.get(SHAPE));
                ofShape(connection, asked(SHAPE, model, Tier.ALL, longer), tokenizer, figures);
            }
        }
    }

    private Asked asked(String run, Path model, Tier tier, List<io.calibrant.trainer.prompts.Question> questions) {
        return new Asked(run, model, tier, questions, settings.computeDevice());
    }

    private void ofShape(Connection connection, Asked asked, PromptTokenizer tokenizer, Consumer<Figure> figures) {
        Load half = new Load(4, 40, (long) (2e9 * secondsPerQuestion));
        percentiles("scorer.half_load", paced(connection, asked, half), figures);

        int size = PollSettings.DEFAULTS.batchSize();
        List<io.calibrant.trainer.prompts.Question> batch = asked.questions().subList(0, size);
        PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.of(2 * settings.length()));
        ClassTokens classes = ClassTokens.of(encoder.encode(asked.questions()));
        List<EncodedPrompt> prompts = classes.place(encoder.encode(batch));
        double tokenizing = Timing.seconds(settings.repetitions(), () -> classes.place(encoder.encode(batch)));
        double computing = alone.applyAsDouble(prompts);
        double whole = size / backlog(connection, asked);
        String of = "a batch of " + size + " of a backlog, through Kafka";
        figures.accept(Figure.absolute("scorer.backlog.questions_per_second", size / whole, "1/s"));
        figures.accept(Figure.ratio("scorer.tokenizer.share", tokenizing, of, whole, "s"));
        figures.accept(Figure.ratio("scorer.kafka.share", whole - computing - tokenizing, of, whole, "s"));
    }

    private static void percentiles(String name, double[] millis, Consumer<Figure> figures) {
        figures.accept(Figure.absolute(name + ".p50_ms", millis[millis.length / 2], "ms"));
        figures.accept(Figure.absolute(name + ".p99_ms", millis[millis.length * 99 / 100], "ms"));
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

    private TrainerSettings training(String run, Path model, Path questions, int steps) {
        return TrainerSettings.of(run, model, questions)
                .withAdapter(AdapterSettings.DEFAULT.withDropout(0).withTargets(LoraTargets.of("q_proj", "v_proj")))
                .withOptimisation(new OptimisationSettings(steps, 4, 1e-3))
                .withStreaming(StreamingSettings.NONE)
                .withExecution(ExecutionSettings.DEFAULT.withDevice(settings.computeDevice()));
    }

    /** A scorer, a producer of its questions and a reader of its answers. */
    private static final class Service implements AutoCloseable {
        private final Connection connection;
        private final Asked asked;
        private final Scorer scorer;
        private final CompletableFuture<Void> serving;
        private final TopicReader reader;
        private final KafkaProducer<String, Question> producer;
        private final Map<String, Long> produced = new HashMap<>();
        private final Map<String, Long> readable = new HashMap<>();
        private final List<String> arrived = new ArrayList<>(); // of one poll

        Service(Connection connection, Asked asked) {
            this.connection = connection;
            this.asked = asked;
            scorer = new Scorer(
                    connection,
                    new ScorerSettings(
                            ServingSettings.of(asked.run(), asked.model()).withDevice(asked.device()),
                            AnsweringSettings.DEFAULTS.withTier(asked.tier()),
                            PollSettings.DEFAULTS),
                    ScorerListener.SILENT);
            reader = TopicReading.of(connection)
                    .records(connection.topics().answers(), Answer.class, answer -> arrived.add(answer.key()))
                    .fromNow()
                    .follow();
            producer = new KafkaProducer<>(
                    connection.producer(), new StringSerializer(), connection.serializer(Question.class));
            serving = CompletableFuture.runAsync(scorer::run, task -> new Thread(task, "scorer").start());
        }

        void ask() {
            int number = produced.size();
            String id = asked.run() + asked.tier().label() + number;
            produced.put(id, System.nanoTime());
            Question record = QuestionSender.record(
                    asked.questions().get(number % asked.questions().size()), Purpose.ANSWER, asked.run(), null, null);
            record.setQuestionId(null); // the key is the id here: each question is asked many times
            var unused = producer.send(new ProducerRecord<>(connection.topics().questions(), id, record));
            producer.flush();
        }

        /**
         * Takes in the answers that have come, waiting so long if there are none: asleep, the cores are the scorer's.
         */
        void read(Duration patience) {
            if (serving.isDone()) {
                throw new IllegalStateException("the scorer has ended");
            }
            arrived.clear();
            reader.poll(patience);
            long now = System.nanoTime();
            arrived.stream().filter(produced::containsKey).forEach(id -> readable.putIfAbsent(id, now));
        }

        /** Waits until so many answers have come. */
        void await(int answers) {
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (readable.size() < answers) {
                if (System.nanoTime() > end) {
                    throw new IllegalStateException("the scorer does not answer");
                }
                read(LOOK);
            }
        }

        @Override
        public void close() {
            producer.close();
            reader.close();
            scorer.close();
            serving.join();
        }
    }

    /** Milliseconds from produced to readable, ascending. */
    private static double[] paced(Connection connection, Asked asked, Load load) {
        try (Service service = new Service(connection, asked)) {
            service.ask();
            service.await(1); // the pace starts when the first answer shows that the scorer serves
            long next = System.nanoTime();
            while (service.produced.size() < load.all()) {
                if (System.nanoTime() >= next) {
                    service.ask();
                    next = Math.max(next + load.everyNanos(), System.nanoTime() - load.everyNanos());
                }
                service.read(Duration.ofNanos(Math.max(0, next - System.nanoTime())));
            }
            service.await(load.all());
            return service.produced.keySet().stream()
                    .filter(id -> Integer.parseInt(
                                    id.substring((asked.run() + asked.tier().label()).length()))
                            >= load.warm())
                    .mapToDouble(id -> (service.readable.get(id) - service.produced.get(id)) / 1e6)
                    .sorted()
                    .toArray();
        }
    }

    /** Questions a second while there is always another one waiting. */
    private static double backlog(Connection connection, Asked asked) {
        try (Service service = new Service(connection, asked)) {
            service.ask();
            service.await(1);
            for (int i = 0; i < BACKLOG; i++) {
                service.ask();
            }
            service.await(1 + BACKLOG / 3);
            int first = service.readable.size();
            long start = System.nanoTime();
            service.await(1 + BACKLOG);
            return (service.readable.size() - first) / ((System.nanoTime() - start) / 1e9);
        }
    }
}
