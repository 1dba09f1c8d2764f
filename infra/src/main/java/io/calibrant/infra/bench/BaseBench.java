package io.calibrant.infra.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.trainer.capture.AdaptedModel;
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
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/** What weights of two bytes save of a large model's memory, what they cost, and what they change of logits. */
public final class BaseBench {
    /** The shape of Llama-3.2-1B. */
    private static final ModelConfig LLAMA_1B =
            ModelConfig.llama(new ModelSizes(128_256, 2048, 16, 32, 8, 64, 8192, 2048), true);

    private final BenchSettings settings;

    /** A benchmark to run; nothing is loaded before {@link #run}. */
    public BaseBench(BenchSettings settings) {
        this.settings = settings;
    }

    /** What one type takes: MB after loading, and the most during each pass; seconds. */
    private record Taken(double loaded, double forward, double stacked, double seconds) {}

    /** Runs the benchmark and gives each figure to the consumer. */
    public void run(Consumer<Figure> figures) {
        try (Scratch scratch = Scratch.open()) {
            memory(HalfModelFile.write(LLAMA_1B, scratch.resolve("1b")), figures);
            logits(
                    settings.model() == null
                            ? DemoFiles.unpack(scratch.resolve("demo")).model()
                            : settings.model(),
                    figures);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to the temporary directory: " + e.getMessage(), e);
        }
    }

    private void memory(Path directory, Consumer<Figure> figures) {
        Map<BaseType, Taken> taken = new EnumMap<>(BaseType.class);
        double before = Memory.resident();
        for (BaseType type : List.of(BaseType.BF16, BaseType.F16, BaseType.F32)) {
            taken.put(type, taken(directory, type, before));
        }
        Taken whole = taken.get(BaseType.F32);
        for (BaseType type : List.of(BaseType.BF16, BaseType.F16)) {
            Taken half = taken.get(type);
            String name = "base." + type.name().toLowerCase(Locale.ROOT);
            if (!settings.device().isGpu()) { // whose memory is not the process's
                figures.accept(Figure.ratio(
                        name + ".resident", half.loaded, "resident memory of a 1B model in F32", whole.loaded, "MB"));
                figures.accept(Figure.ratio(
                        name + ".forward.peak", half.forward, "the most during the same pass", whole.forward, "MB"));
                figures.accept(Figure.ratio(
                        name + ".stacked.peak", half.stacked, "the most during the same passes", whole.stacked, "MB"));
            }
            figures.accept(
                    Figure.ratio(name + ".forward.seconds", half.seconds, "plain forward in F32", whole.seconds, "s"));
        }
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
                double seconds = Timing.seconds(settings.repetitions(), () -> forward(adapted, batch));
                return new Taken(loaded, forward, stacked, seconds);
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

    /** Logits of the whole vocabulary after prompts of random tokens, in each type against F32. */
    private void logits(Path directory, Consumer<Figure> figures) {
        float[] exact = logits(directory, BaseType.F32);
        double largest = 0;
        for (float logit : exact) {
            largest = Math.max(largest, Math.abs(logit));
        }
        for (BaseType type : List.of(BaseType.BF16, BaseType.F16)) {
            float[] rounded = logits(directory, type);
            double worst = 0;
            double squares = 0;
            for (int i = 0; i < exact.length; i++) {
                double difference = Math.abs((double) rounded[i] - exact[i]);
                worst = Math.max(worst, difference);
                squares += difference * difference;
            }
            String name = "base." + type.name().toLowerCase(Locale.ROOT) + ".logits";
            String of = "the largest logit in F32, of " + exact.length;
            figures.accept(Figure.ratio(name + ".largest_difference", worst, of, largest, "logit"));
            figures.accept(
                    Figure.ratio(name + ".mean_difference", Math.sqrt(squares / exact.length), of, largest, "logit"));
        }
    }

    private float[] logits(Path directory, BaseType type) {
        try (LanguageModel model = LanguageModel.load(
                        directory, settings.device(), settings.base().withType(type));
                NDManager pass = model.newManager()) {
            return model.fullLogits(batch(model.config()), LinearHook.FROZEN, pass)
                    .toFloatArray();
        }
    }
}
