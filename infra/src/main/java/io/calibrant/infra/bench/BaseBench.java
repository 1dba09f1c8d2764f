package io.calibrant.infra.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptForm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What weights of two bytes save of a large model's memory, what they cost, and what they change: of logits, and with
 * an adapter and questions of the prior precision and of answers. All against F32 in the same process.
 */
public final class BaseBench {
    /** The shape of Llama-3.2-1B. */
    private static final ModelConfig LLAMA_1B =
            ModelConfig.llama(new ModelSizes(128_256, 2048, 16, 32, 8, 64, 8192, 2048), true);

    private static final String RANDOM_1B = "Llama-3.2-1B's shape, random weights";
    private static final List<BaseType> HALVES = List.of(BaseType.BF16, BaseType.F16);

    private final BenchSettings settings;
    private final Optional<BaseQuestions> asked;

    private BaseBench(BenchSettings settings, Optional<BaseQuestions> asked) {
        this.settings = settings;
        this.asked = asked;
    }

    /**
     * A benchmark of memory, time and logits; no weights are loaded before {@link #run}.
     *
     * @param settings its type of weights is not looked at
     */
    public static BaseBench of(BenchSettings settings) {
        return new BaseBench(settings, Optional.empty());
    }

    /**
     * The same, and of answers.
     *
     * @param adapter of the settings' model, a PEFT directory
     * @param form how it is asked
     * @param questions labelled, for the curvature
     * @param test labelled, to be answered
     * @throws IllegalArgumentException one line, naming a file or question that cannot be used
     */
    public static BaseBench of(BenchSettings settings, Path adapter, PromptForm form, Path questions, Path test) {
        return new BaseBench(
                settings, Optional.of(BaseQuestions.read(settings.model(), adapter, form, questions, test)));
    }

    /** What one type takes: MB after loading, and the most during each pass; seconds of the same passes. */
    private record Taken(double loaded, double forward, double stacked, double forwardSeconds, double stackedSeconds) {}

    /** Runs the benchmark and gives each figure to the consumer. */
    public void run(Consumer<Figure> figures) {
        try (Scratch scratch = Scratch.open()) {
            taken(HalfModelFile.write(LLAMA_1B, scratch.resolve("1b")), figures);
            Path model = settings.model();
            String on = model == null ? "the demo's model" : model.toString();
            logits(model == null ? DemoFiles.unpack(scratch.resolve("demo")).model() : model, on, figures);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to the temporary directory: " + e.getMessage(), e);
        }
        asked.ifPresent(questions -> answers(questions, figures));
    }

    private static String name(BaseType type, String figure) {
        return "base." + type.name().toLowerCase(Locale.ROOT) + "." + figure;
    }

    private void taken(Path directory, Consumer<Figure> figures) {
        Map<BaseType, Taken> taken = new EnumMap<>(BaseType.class);
        double before = Memory.resident();
        for (BaseType type : List.of(BaseType.BF16, BaseType.F16, BaseType.F32)) {
            taken.put(type, taken(directory, type, before));
        }
        Taken whole = taken.get(BaseType.F32);
        for (BaseType type : HALVES) {
            Taken half = taken.get(type);
            if (!settings.device().isGpu()) { // whose memory is not the process's
                ratio(type, "resident", half, whole, Taken::loaded, "MB", figures);
                ratio(type, "forward.peak", half, whole, Taken::forward, "MB", figures);
                ratio(type, "stacked.peak", half, whole, Taken::stacked, "MB", figures);
            }
            ratio(type, "forward.seconds", half, whole, Taken::forwardSeconds, "s", figures);
            ratio(type, "stacked.seconds", half, whole, Taken::stackedSeconds, "s", figures);
        }
    }

    private static void ratio(
            BaseType type,
            String figure,
            Taken half,
            Taken whole,
            Function<Taken, Double> of,
            String unit,
            Consumer<Figure> figures) {
        figures.accept(Figure.ratio(name(type, figure), of.apply(half), "F32", of.apply(whole), unit)
                .on(RANDOM_1B));
    }

    private Taken taken(Path directory, BaseType type, double before) {
        try (LanguageModel model =
                LanguageModel.load(directory, settings.device(), settings.base().withType(type))) {
            double loaded = Memory.resident() - before;
            Adapter adapter = Workload.adapter(model.config(), settings.classes());
            TokenBatch batch = batch(model.config());
            try (AdaptedModel adapted = new AdaptedModel(model, adapter)) {
                double forward = Memory.peak(() -> forward(adapted, batch)) - before;
                double stacked = Memory.peak(() -> stacked(adapted, batch)) - before;
                return new Taken(
                        loaded,
                        forward,
                        stacked,
                        Timing.seconds(settings.repetitions(), () -> forward(adapted, batch)),
                        Timing.seconds(settings.repetitions(), () -> stacked(adapted, batch)));
            }
        }
    }

    private TokenBatch batch(ModelConfig config) {
        return TokenBatch.leftPadded(
                Workload.prompts(config, settings.batch(), settings.length(), settings.classes()).stream()
                        .map(EncodedPrompt::ids)
                        .toList(),
                0);
    }

    private static void forward(AdaptedModel adapted, TokenBatch batch) {
        try (Pass pass = adapted.forward(batch, Mode.PLAIN)) {
            pass.logits().toFloatArray();
        }
    }

    /** Forward and one backward pass of all contrasts, as curvature and scoring need them. */
    private static void stacked(AdaptedModel adapted, TokenBatch batch) {
        try (StackedPass pass = adapted.stacked(batch)) {
            long classes = pass.logits().getShape().get(1);
            NDArray cotangents = pass.manager().ones(new Shape(classes - 1, batch.size(), classes));
            pass.backward(cotangents, gradient -> {});
        }
    }

    /** Logits of the whole vocabulary after prompts of random tokens. */
    private void logits(Path directory, String on, Consumer<Figure> figures) {
        float[] exact = logits(directory, BaseType.F32);
        double largest = 0;
        for (float logit : exact) {
            largest = Math.max(largest, Math.abs(logit));
        }
        for (BaseType type : HALVES) {
            float[] rounded = logits(directory, type);
            double worst = 0;
            double squares = 0;
            for (int i = 0; i < exact.length; i++) {
                double difference = Math.abs((double) rounded[i] - exact[i]);
                worst = Math.max(worst, difference);
                squares += difference * difference;
            }
            String of = "F32's largest of " + exact.length;
            figures.accept(Figure.ratio(name(type, "logits.largest_difference"), worst, of, largest, "logit")
                    .on(on));
            figures.accept(Figure.ratio(
                            name(type, "logits.mean_difference"),
                            Math.sqrt(squares / exact.length),
                            of,
                            largest,
                            "logit")
                    .on(on));
        }
    }

    private float[] logits(Path directory, BaseType type) {
        try (LanguageModel model = LanguageModel.load(
                        directory, settings.device(), settings.base().withType(type));
                NDManager pass = model.newManager()) {
            return Autograd.unrecorded(() -> model.fullLogits(batch(model.config()), LinearHook.FROZEN, pass)
                    .toFloatArray());
        }
    }

    private void answers(BaseQuestions questions, Consumer<Figure> figures) {
        BaseAnswers exact = answers(questions, BaseType.F32);
        for (BaseType type : HALVES) {
            BaseAnswers rounded = answers(questions, type);
            List.of(
                            Figure.ratio(name(type, "lambda"), rounded.lambda(), "F32", exact.lambda(), "lambda"),
                            Figure.beside(name(type, "nll.map"), rounded.map(), "F32", exact.map(), "nats"),
                            Figure.beside(name(type, "nll.served"), rounded.served(), "F32", exact.served(), "nats"),
                            Figure.absolute(
                                    name(type, "probabilities.largest_difference"),
                                    rounded.largestDifference(exact),
                                    "probability"))
                    .forEach(figure -> figures.accept(figure.on(questions.on())));
        }
    }

    private BaseAnswers answers(BaseQuestions questions, BaseType type) {
        try (LanguageModel model = LanguageModel.load(
                        settings.model(),
                        settings.device(),
                        settings.base().withType(type),
                        questions.adapter().saved().weights());
                AdaptedModel adapted = new AdaptedModel(model, questions.adapter())) {
            return BaseAnswers.of(adapted, questions);
        }
    }
}
