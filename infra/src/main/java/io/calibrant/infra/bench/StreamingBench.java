package io.calibrant.infra.bench;

import io.calibrant.cluster.Cluster;
import io.calibrant.infra.bench.Turns.Turn;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.demo.DemoModel;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What streaming costs fine-tuning: the trainer as a user runs it, with its defaults, on a broker and a registry of its
 * own, with the statistics of every step and with none, in turns. Broker and registry run on the same machine and take
 * their part of it, as they do beside a user's trainer on one machine: what the broker takes is said.
 */
public final class StreamingBench {
    private final BenchSettings settings;

    /** A benchmark to run; nothing is started before {@link #run}. */
    public StreamingBench(BenchSettings settings) {
        this.settings = settings;
    }

    /** Runs the benchmark and gives each figure to the consumer. */
    public void run(Consumer<Figure> figures) {
        try (Scratch scratch = Scratch.open()) {
            DemoFiles files = DemoFiles.unpack(scratch.resolve("demo"));
            Path model =
                    settings.model() == null ? ShapedFiles.model(files, scratch.resolve("shape")) : settings.model();
            Path questions = scratch.resolve("questions.jsonl");
            try (PromptTokenizer tokenizer = PromptTokenizer.load(model)) {
                List<Question> some = QuestionFile.read(files.test()).subList(0, 4 * settings.batch());
                DemoModel.write(
                        questions, ShapedFiles.questions(some, tokenizer, settings.classes(), settings.length()));
            }
            try (Cluster cluster = Cluster.start(scratch.resolve("cluster"), 0, 0)) {
                Connection connection = cluster.connection();
                TopicAdmin.createMissing(connection);
                Turns turns = new Turns(settings.repetitions());
                TrainerSettings plain = settings("plain", model, questions, turns.steps(), StreamingSettings.NONE);
                TrainerSettings streamed =
                        settings("streamed", model, questions, turns.steps(), StreamingSettings.DEFAULT);
                turns.run(
                        listener -> new Trainer(plain, connection, listener),
                        listener -> new Trainer(streamed, connection, listener));
                report(turns.first(), turns.second(), figures);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to the temporary directory: " + e.getMessage(), e);
        }
    }

    /** Medians over the turns; the ratio's is of adjacent runs, so that what changes slowly does not enter it. */
    private static void report(List<Turn> plain, List<Turn> streamed, Consumer<Figure> figures) {
        double seconds = median(plain, Turn::seconds);
        figures.accept(Figure.absolute("trainer.plain.steps_per_second", 1 / seconds, "1/s"));
        figures.accept(
                Figure.absolute("trainer.streaming.steps_per_second", 1 / median(streamed, Turn::seconds), "1/s"));
        double ratio = Turns.median(IntStream.range(0, plain.size())
                .mapToDouble(i -> streamed.get(i).seconds() / plain.get(i).seconds())
                .toArray());
        figures.accept(
                Figure.ratio("trainer.streaming.step", ratio * seconds, "a step that sends nothing", seconds, "s"));
        cpu("trainer.streaming.cpu", CpuSeconds::all, plain, streamed, figures);
        cpu("trainer.streaming.cpu.training", CpuSeconds::training, plain, streamed, figures);
        cpu("trainer.streaming.cpu.sending", CpuSeconds::sending, plain, streamed, figures);
        cpu("trainer.streaming.cpu.broker", CpuSeconds::broker, plain, streamed, figures);
    }

    /** CPU seconds that a streamed step takes more than a plain one. */
    private static void cpu(
            String name,
            ToDoubleFunction<CpuSeconds> part,
            List<Turn> plain,
            List<Turn> streamed,
            Consumer<Figure> figures) {
        double more = median(streamed, turn -> part.applyAsDouble(turn.cpu()))
                - median(plain, turn -> part.applyAsDouble(turn.cpu()));
        figures.accept(Figure.absolute(name, more, "s"));
    }

    private static double median(List<Turn> turns, ToDoubleFunction<Turn> value) {
        return Turns.median(turns.stream().mapToDouble(value).toArray());
    }

    /** What {@code train} does unless told otherwise. */
    private TrainerSettings settings(String run, Path model, Path questions, int steps, StreamingSettings streaming) {
        return TrainerSettings.of(run, model, questions)
                .withQuestions(QuestionSettings.of(questions).withMaxLength(2 * settings.length()))
                .withOptimisation(OptimisationSettings.DEFAULT.withSteps(steps).withBatchSize(settings.batch()))
                .withStreaming(streaming)
                .withExecution(ExecutionSettings.DEFAULT.withDevice(settings.computeDevice()));
    }
}
