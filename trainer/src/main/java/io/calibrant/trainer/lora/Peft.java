package io.calibrant.trainer.lora;

import io.calibrant.trainer.files.MissingFile;
import io.calibrant.trainer.model.ConfigFile;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Adapters as directories of Python's PEFT: {@code adapter_config.json} and {@code adapter_model.safetensors}. Tensors
 * that are not LoRA's (PEFT also stores lm_head's base weight) are not read; {@link BaseWeights} checks that they are
 * those of the base model, unless the adapter says that it was trained with them ({@link SavedModules}).
 */
public final class Peft {

    /** The file of the weights. */
    static final String WEIGHTS = "adapter_model.safetensors";

    private static final String PICKLED = "adapter_model.bin";
    private static final String RUN = "calibrant.run";

    private Peft() {}

    /**
     * Reads an adapter.
     *
     * @param config the model it must fit
     * @param classTokens the tokens whose rows of lm_head.lora_B are kept, in their order; of a sequence classifier the
     *     rows of its head, which {@link SequenceClassifier} reads
     * @throws ModelFileException if a file is missing or damaged, the adapter is of a kind that is not supported, or
     *     does not fit the model; names file, tensor or key, expected and found
     */
    public static Adapter read(Path directory, ModelConfig config, int[] classTokens) {
        PeftConfig peft = PeftConfig.read(directory);
        Path file = weights(directory);
        List<LinearShape> own = linears(config, peft);
        LoraSettings settings = peft.settings();
        settings = settings.withTargets(settings.targets().present(own));
        List<LinearShape> named;
        try {
            named = settings.targets().select(config);
        } catch (IllegalArgumentException e) {
            throw peft.refusedTargets(e);
        }
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            AdapterTensors tensors = AdapterTensors.of(reader);
            SavedModules saved = SavedModules.find(peft, tensors, file);
            List<LinearShape> selected = named.stream().filter(own::contains).toList();
            refuseUnselected(file, tensors, selected, peft);
            List<LinearShape> linears = peft.mayLeaveOut()
                    ? selected.stream()
                            .filter(each -> tensors.modules().contains(each.path()))
                            .toList()
                    : selected;
            if (linears.isEmpty()) {
                throw new ModelFileException(file + ": no tensor of any map that target_modules of " + PeftConfig.NAME
                        + " selects in this model");
            }
            if (linears.size() < named.size()) {
                settings = settings.withTargets(
                        new LoraTargets(linears.stream().map(LinearShape::path).toList(), ""));
            }
            List<LoraMatrices> matrices = new ArrayList<>();
            LoraMatrices fullHead = null;
            for (LinearShape linear : linears) {
                LoraMatrices read = load(reader, tensors, linear, settings, peft.isDora());
                if (linear.path().equals(ModelConfig.HEAD)) {
                    fullHead = read;
                    read = rows(read, classTokens);
                }
                matrices.add(read);
            }
            return Adapter.of(config, settings, classTokens, matrices, fullHead, saved);
        }
    }

    /** The maps of the model that PEFT sees: a sequence classifier has no head over the vocabulary. */
    private static List<LinearShape> linears(ModelConfig config, PeftConfig peft) {
        return config.linears().stream()
                .filter(linear -> !(peft.isClassifier() && linear.path().equals(ModelConfig.HEAD)))
                .toList();
    }

    private static Path weights(Path directory) {
        Path file = directory.resolve(WEIGHTS);
        if (!Files.isRegularFile(file)) {
            throw new ModelFileException(file
                    + (Files.exists(file) ? ": not a file" : ": no such file")
                    + " (adapters are read from safetensors only)" + MissingFile.explain(file));
        }
        return file;
    }

    /**
     * What an adapter was trained with beside LoRA, and brings along.
     *
     * @throws ModelFileException if a file is missing or damaged, or the adapter is of a kind that is not supported
     */
    public static SavedModules saved(Path directory) {
        PeftConfig peft = PeftConfig.read(directory);
        Path file = weights(directory);
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            return SavedModules.find(peft, AdapterTensors.of(reader), file);
        }
    }

    private static LoraMatrices load(
            SafetensorsReader reader, AdapterTensors tensors, LinearShape linear, LoraSettings settings, boolean dora) {
        String path = linear.path();
        int rank = settings.rank(path);
        String name = tensors.name(path, AdapterTensors.A);
        if (rank != settings.rank() && tensors.has(path, AdapterTensors.A)) {
            TensorEntry a = reader.entry(name);
            if (!a.shape().equals(List.of((long) rank, (long) linear.inputs()))) {
                throw new ModelFileException(a.file() + ": tensor " + name + ": expected rank " + rank
                        + ", as rank_pattern of " + PeftConfig.NAME + " says of " + path + ", found shape "
                        + TensorEntry.describe(a.shape()));
            }
        }
        float[] a = load(reader, name, rank, linear.inputs());
        float[] b = load(reader, tensors.name(path, AdapterTensors.B), linear.outputs(), rank);
        if (!dora) {
            return new LoraMatrices(linear, rank, a, b);
        }
        if (!tensors.has(path, AdapterTensors.MAGNITUDE)) {
            throw new ModelFileException(reader.source() + ": no tensor "
                    + tensors.name(path, AdapterTensors.MAGNITUDE) + ", which " + PeftConfig.DORA + " of "
                    + PeftConfig.NAME + " asks for");
        }
        float[] magnitude = load(reader, tensors.name(path, AdapterTensors.MAGNITUDE), linear.outputs());
        return new LoraMatrices(linear, rank, a, b, magnitude);
    }

    private static float[] load(SafetensorsReader reader, String name, long... shape) {
        reader.entry(name, shape);
        return reader.finiteFloats(name);
    }

    /** A LoRA tensor that the targets do not select means that half of the adapter would silently be dropped. */
    private static void refuseUnselected(
            Path file, AdapterTensors tensors, List<LinearShape> linears, PeftConfig peft) {
        tensors.ofLora().stream()
                .filter(name -> name.contains(AdapterTensors.EMBEDDING))
                .findFirst()
                .ifPresent(name -> {
                    throw new ModelFileException(
                            file + ": tensor " + name + ": expected LoRA of a linear map, found that"
                                    + " of an embedding, which is not supported (modules_to_save embed_tokens is)");
                });
        for (String name : tensors.ofLora()) {
            boolean magnitude = name.contains("." + AdapterTensors.MAGNITUDE);
            if (linears.stream()
                    .noneMatch(linear -> Stream.of(AdapterTensors.A, AdapterTensors.B, AdapterTensors.MAGNITUDE)
                            .anyMatch(part -> name.equals(tensors.name(linear.path(), part))))) {
                throw new ModelFileException(file + ": tensor " + name
                        + ": belongs to no linear map that target_modules of " + PeftConfig.NAME
                        + " selects in this model");
            }
            if (magnitude && !peft.isDora()) {
                throw new ModelFileException(file + ": tensor " + name + ": " + PeftConfig.DORA + " of "
                        + PeftConfig.NAME + " must be true for it");
            }
        }
    }

    /** The rows of an adapted head that belong to class tokens. */
    private static LoraMatrices rows(LoraMatrices full, int[] tokens) {
        return new LoraMatrices(
                Adapter.trimmed(full.linear(), tokens.length),
                full.rank(),
                full.a(),
                rows(full.b(), tokens, full.rank()),
                full.magnitude().map(m -> rows(m, tokens, 1)).orElse(null));
    }

    private static float[] rows(float[] full, int[] tokens, int width) {
        float[] picked = new float[tokens.length * width];
        for (int k = 0; k < tokens.length; k++) {
            if (tokens[k] < 0 || (tokens[k] + 1L) * width > full.length) {
                throw new IllegalArgumentException("class token " + tokens[k] + " is not in the vocabulary");
            }
            System.arraycopy(full, tokens[k] * width, picked, k * width, width);
        }
        return picked;
    }

    /**
     * Writes an adapter, creating the directory. Rows of lm_head.lora_B that belong to no class token are those that
     * were read, or zero. What it was trained with beside LoRA is copied from where it was read.
     *
     * @param config the model it belongs to
     * @param baseModel what PEFT shall take for the base model, a path or a name; may be empty
     * @throws ModelFileException if it cannot be written
     */
    public static void write(Path directory, Adapter adapter, ModelConfig config, String baseModel) {
        write(directory, adapter, config, baseModel, new SafetensorsWriter());
    }

    /** The same, and says of which run the adapter is; see {@link #runOf}. */
    public static void write(Path directory, Adapter adapter, ModelConfig config, String baseModel, String run) {
        write(directory, adapter, config, baseModel, new SafetensorsWriter().describe(RUN, run));
    }

    private static void write(
            Path directory, Adapter adapter, ModelConfig config, String baseModel, SafetensorsWriter writer) {
        SavedModules saved = adapter.saved();
        try (SafetensorsReader beside = saved.weights().isEmpty()
                ? null
                : SafetensorsReader.open(saved.weights().file())) {
            add(writer, adapter, config);
            saved.weights().tensors().forEach((base, stored) -> writer.add(saved.saved(base), beside, stored));
            Files.createDirectories(directory);
            writer.write(directory.resolve(WEIGHTS));
            Files.writeString(directory.resolve(PeftConfig.NAME), PeftConfig.describe(adapter, baseModel));
        } catch (IOException e) {
            throw new ModelFileException(directory + ": cannot be written: " + e.getMessage(), e);
        }
    }

    private static void add(SafetensorsWriter writer, Adapter adapter, ModelConfig config) {
        for (LoraMatrices m : adapter.matrices().values()) {
            String path = m.linear().path();
            LoraMatrices all = path.equals(ModelConfig.HEAD) ? fullHead(adapter, m, config) : m;
            int outputs = all.linear().outputs();
            writer.add(
                    AdapterTensors.saved(path, AdapterTensors.A),
                    all.a(),
                    m.rank(),
                    m.linear().inputs());
            writer.add(AdapterTensors.saved(path, AdapterTensors.B), all.b(), outputs, m.rank());
            all.magnitude()
                    .ifPresent(magnitude ->
                            writer.add(AdapterTensors.saved(path, AdapterTensors.MAGNITUDE), magnitude, outputs));
        }
        adapter.classifier()
                .ifPresent(head -> writer.add(
                        AdapterTensors.PREFIX + ModelConfig.SCORE + ".weight",
                        head.weight(),
                        head.classes(),
                        head.width()));
    }

    /**
     * Whether an adapter is that of a sequence classifier ({@code task_type} SEQ_CLS).
     *
     * @throws ModelFileException if the configuration of the adapter is no JSON object
     */
    public static boolean isClassifier(Path directory) {
        Path file = directory.resolve(PeftConfig.NAME);
        return Files.exists(file) && PeftConfig.isClassifier(ConfigFile.read(file));
    }

    /** The name of the file with the weights of an adapter that a directory holds; empty where it holds none. */
    public static Optional<String> adapterIn(Path directory) {
        return Stream.of(WEIGHTS, PICKLED)
                .filter(name -> Files.exists(directory.resolve(name)))
                .findFirst();
    }

    /** The run whose trainer wrote the adapter in a directory; empty where another program did, or there is none. */
    public static Optional<String> runOf(Path directory) {
        Path file = directory.resolve(WEIGHTS);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            return Optional.ofNullable(reader.metadata().get(RUN));
        } catch (ModelFileException e) {
            return Optional.empty();
        }
    }

    /** All rows of the head: those of the class tokens as they are now, the others as they were read. */
    private static LoraMatrices fullHead(Adapter adapter, LoraMatrices head, ModelConfig config) {
        int rank = head.rank();
        int vocabulary = config.vocabularySize();
        Optional<LoraMatrices> read = adapter.fullHead();
        float[] b = read.map(LoraMatrices::b).orElseGet(() -> new float[vocabulary * rank]);
        put(b, head.b(), adapter.classTokens(), rank);
        float[] magnitude = read.flatMap(LoraMatrices::magnitude).orElse(null);
        if (magnitude != null) {
            put(magnitude, head.magnitude().orElseThrow(), adapter.classTokens(), 1);
        }
        LinearShape full = new LinearShape(head.linear().path(), head.linear().inputs(), vocabulary);
        return new LoraMatrices(full, rank, head.a(), b, magnitude);
    }

    private static void put(float[] full, float[] rows, int[] tokens, int width) {
        for (int k = 0; k < tokens.length; k++) {
            System.arraycopy(rows, k * width, full, tokens[k] * width, width);
        }
    }
}
