package io.calibrant.trainer.lora;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.trainer.model.ConfigFile;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * What an adapter of PEFT with {@code task_type} SEQ_CLS and its base model's directory say of the classifier: its
 * head, which PEFT saves with the adapter ({@code modules_to_save}), and the labels of its rows. Or what the directory
 * of a model that is a classifier says by itself.
 *
 * @param head of the adapter, else of the base model
 * @param labels K, in the order of the logits
 */
public record SequenceClassifier(ClassifierHead head, List<String> labels) {
    private static final String CONFIG = "config.json";
    private static final String LABELS = "id2label";
    private static final String COUNT = "num_labels";
    private static final String PROBLEM = "problem_type";
    private static final String ONE_OF_MANY = "single_label_classification";
    private static final String WEIGHT = ModelConfig.SCORE + ".weight";

    /** @throws IllegalArgumentException unless there is one label a row, distinct, without white space at their ends */
    public SequenceClassifier {
        labels = List.copyOf(labels);
        if (labels.size() != head.classes()
                || new HashSet<>(labels).size() != labels.size()
                || labels.stream()
                        .anyMatch(label -> label.isEmpty() || !label.strip().equals(label))) {
            throw new IllegalArgumentException("labels must be " + head.classes()
                    + ", one a row of the head, distinct and without white space at their ends, got " + labels);
        }
    }

    /**
     * Reads the classifier of an adapter.
     *
     * @param config of the base model
     * @param labels in the order of the logits; empty: {@code id2label} of the config.json beside the adapter, else of
     *     the model's; where that has none, LABEL_0 and so on for as many as {@code num_labels}, 2 by default
     * @return empty if the adapter is none of a sequence classifier
     * @throws ModelFileException if head or labels are missing, or do not fit; names file and key or tensor
     */
    public static Optional<SequenceClassifier> read(Path adapter, Path model, ModelConfig config, List<String> labels) {
        if (!Peft.isClassifier(adapter)) {
            return Optional.empty();
        }
        ConfigFile file = labelled(adapter).orElseGet(() -> ConfigFile.read(model.resolve(CONFIG)));
        return Optional.of(of(file, labels, () -> head(adapter, model, config.width())));
    }

    /**
     * Reads the classifier that a model is without an adapter.
     *
     * @param config of the model
     * @param labels in the order of the logits; empty: as config.json has them
     * @return empty unless its class is one of sequence classifiers and its files have the head of one
     * @throws ModelFileException if head or labels do not fit; names file and key or tensor
     */
    public static Optional<SequenceClassifier> ofModel(Path model, ModelConfig config, List<String> labels) {
        ConfigFile file = ConfigFile.read(model.resolve(CONFIG));
        if (!file.root().path("architectures").path(0).asText("").endsWith("ForSequenceClassification")) {
            return Optional.empty();
        }
        try (SafetensorsReader reader = SafetensorsReader.open(model)) {
            return reader.contains(WEIGHT)
                    ? Optional.of(of(file, labels, () -> head(reader, WEIGHT, config.width())))
                    : Optional.empty();
        }
    }

    private static SequenceClassifier of(ConfigFile file, List<String> labels, Supplier<ClassifierHead> heads) {
        String problem = file.text(PROBLEM).orElse(ONE_OF_MANY);
        if (!problem.equals(ONE_OF_MANY)) {
            throw file.refused(PROBLEM, ONE_OF_MANY + " or null", ConfigFile.quoted(problem));
        }
        ClassifierHead head = heads.get();
        if (!labels.isEmpty()) {
            try {
                return new SequenceClassifier(head, labels);
            } catch (IllegalArgumentException e) {
                throw new ModelFileException("--" + e.getMessage(), e);
            }
        }
        try {
            return new SequenceClassifier(head, named(file, head.classes()));
        } catch (IllegalArgumentException e) {
            throw file.refused(e);
        }
    }

    /** Numbers of the head's rows, [K]: what stands for class tokens. */
    public int[] rows() {
        return IntStream.range(0, labels.size()).toArray();
    }

    /**
     * The id that fills batches in Python: transformers takes the logits at the last token that is another one. Empty
     * where the model has none: the last token of all counts.
     */
    public static OptionalInt pad(Path model) {
        return ModelConfig.pad(model);
    }

    private static Optional<ConfigFile> labelled(Path adapter) {
        return Optional.of(adapter.resolve(CONFIG))
                .filter(Files::isRegularFile)
                .map(ConfigFile::read)
                .filter(file -> file.has(LABELS));
    }

    private static List<String> named(ConfigFile file, int classes) {
        JsonNode names = file.root().path(LABELS);
        if (!file.has(LABELS) && classes == (file.has(COUNT) ? file.integer(COUNT) : 2)) {
            return IntStream.range(0, classes)
                    .mapToObj(c -> "LABEL_" + c)
                    .toList(); // transformers writes no such names
        }
        List<String> labels = new ArrayList<>();
        for (int c = 0; c < classes; c++) {
            JsonNode name = names.path(Integer.toString(c));
            if (names.size() != classes || !name.isTextual()) {
                throw file.refused(
                        LABELS,
                        "an object with a label for each of 0 to " + (classes - 1)
                                + ", the rows of the head (--labels gives them in their order)",
                        names);
            }
            labels.add(name.asText());
        }
        return labels;
    }

    private static ClassifierHead head(Path adapter, Path model, int width) {
        Path file = adapter.resolve(Peft.WEIGHTS);
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            Optional<String> name =
                    reader.names().stream().filter(SequenceClassifier::isHead).findFirst();
            if (name.isPresent()) {
                return head(reader, name.get(), width);
            }
        }
        try (SafetensorsReader reader = SafetensorsReader.open(model)) {
            if (reader.contains(WEIGHT)) {
                return head(reader, WEIGHT, width);
            }
        }
        throw new ModelFileException(file + ": tensor " + AdapterTensors.PREFIX + WEIGHT
                + " must be there (modules_to_save score), or " + WEIGHT + " in the base model " + model
                + ", got neither: a sequence classifier has such a head");
    }

    private static ClassifierHead head(SafetensorsReader reader, String name, int width) {
        TensorEntry entry = reader.entry(name);
        List<Long> shape = entry.shape();
        if (shape.size() != 2 || shape.get(0) < 2 || shape.get(1) != width) {
            throw new ModelFileException(entry.file() + ": tensor " + name + " must have shape [classes, " + width
                    + "], 2 classes or more, got " + TensorEntry.describe(shape));
        }
        return new ClassifierHead(reader.finiteFloats(name), Math.toIntExact(shape.get(0)), false);
    }

    /** Whether a tensor of an adapter's file is its head. */
    static boolean isHead(String name) {
        return AdapterTensors.nameInBase(name).equals(WEIGHT) && !AdapterTensors.isOriginal(name);
    }

    /** Whether a tensor of an adapter's file is the head before training, which counts for nothing. */
    static boolean isOriginalHead(String name) {
        return AdapterTensors.nameInBase(name).equals(WEIGHT) && AdapterTensors.isOriginal(name);
    }
}
