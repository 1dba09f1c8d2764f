package io.calibrant.infra.zoo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A tiny model, or a model with an adapter, that lies beside the project with what transformers and PEFT make of it.
 *
 * @param name directory of its {@code ref.json}, relative to the zoo
 * @param model directory of the model, relative to the zoo
 * @param adapter directory of the adapter, relative to the zoo; null for none
 * @param config the file that stands for {@code config.json}
 */
public record ZooMember(String name, String model, String adapter, String config) {
    /** Where they lie; tests run in the directory of their module. */
    public static final Path ZOO = Path.of("..", "..", "shared", "zoo");

    /** The same configuration as transformers 4 writes it. */
    public static final String OLDER = "config.transformers4.json";

    private static final String CONFIG = "config.json";
    private static final String REFERENCE = "ref.json";
    private static final String FORMS = "adapters";
    private static final JsonMapper JSON = new JsonMapper();

    /** The questions of all of them; those of the reference values are the first. */
    public static Path questions() {
        return ZOO.resolve("questions.jsonl");
    }

    /** The directory of a model, with the adapter in it. */
    public static ZooMember adapted(String model) {
        return new ZooMember(model + "/adapter", model, model + "/adapter", CONFIG);
    }

    /** A form of adapter that PEFT writes. */
    public static ZooMember form(String name) {
        return new ZooMember(FORMS + "/" + name, FORMS + "/base", FORMS + "/" + name, CONFIG);
    }

    /** Every directory with reference values, plain and with its adapter; nothing where none are here. */
    public static List<ZooMember> all() throws IOException {
        List<ZooMember> members = new ArrayList<>();
        if (!Files.isDirectory(ZOO)) {
            return members;
        }
        for (Path directory : directories(ZOO)) {
            if (has(directory, REFERENCE) && has(directory, CONFIG)) {
                String model = ZOO.relativize(directory).toString();
                members.add(new ZooMember(model, model, null, CONFIG));
                if (has(directory, OLDER)) {
                    members.add(new ZooMember(model, model, null, OLDER));
                }
                if (has(directory.resolve("adapter"), REFERENCE)) {
                    members.add(adapted(model));
                }
            }
        }
        Path forms = ZOO.resolve(FORMS);
        members.add(new ZooMember(FORMS + "/base", FORMS + "/base", null, CONFIG));
        for (Path form : directories(forms)) {
            Stream.concat(Stream.of(form), directories(form).stream())
                    .filter(directory -> has(directory, "adapter_config.json"))
                    .forEach(directory ->
                            members.add(form(forms.relativize(directory).toString())));
        }
        return members;
    }

    private static List<Path> directories(Path of) throws IOException {
        try (Stream<Path> all = Files.list(of)) {
            return all.filter(Files::isDirectory).sorted().toList();
        }
    }

    private static boolean has(Path directory, String file) {
        return Files.exists(directory.resolve(file));
    }

    /**
     * The model's directory.
     *
     * @param empty where it is put together if another file than config.json is the configuration
     */
    public Path modelDirectory(Path empty) throws IOException {
        Path directory = ZOO.resolve(model);
        if (config.equals(CONFIG)) {
            return directory;
        }
        for (String file : List.of("model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(directory.resolve(file), empty.resolve(file));
        }
        Files.copy(directory.resolve(config), empty.resolve(CONFIG));
        return empty;
    }

    /** The token ids of every question's prompt. */
    public JsonNode promptIds() throws IOException {
        return read(model).path("prompt_ids");
    }

    /** The class tokens: [C]. */
    public JsonNode classTokens() throws IOException {
        return read(model).path("class_tokens");
    }

    /** Per question the probabilities of the classes: softmax over their logits alone, in double precision. */
    public double[][] probabilities() throws IOException {
        JsonNode logits = read(name).path("last_logits");
        JsonNode classes = classTokens();
        return IntStream.range(0, logits.size())
                .mapToObj(q -> softmax(IntStream.range(0, classes.size())
                        .mapToDouble(
                                c -> logits.get(q).get(classes.get(c).asInt()).asDouble())
                        .toArray()))
                .toArray(double[][]::new);
    }

    private static JsonNode read(String directory) throws IOException {
        return JSON.readTree(ZOO.resolve(directory).resolve(REFERENCE).toFile());
    }

    private static double[] softmax(double[] z) {
        double largest = DoubleStream.of(z).max().orElseThrow();
        double sum = DoubleStream.of(z).map(each -> Math.exp(each - largest)).sum();
        return DoubleStream.of(z).map(each -> Math.exp(each - largest) / sum).toArray();
    }

    @Override
    public String toString() {
        return name + (config.equals(OLDER) ? " as transformers 4 writes it" : "");
    }
}
