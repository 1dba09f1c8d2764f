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
 * @param name what it is
 * @param model directory of the model, relative to the zoo
 * @param adapter directory of the adapter, relative to the zoo; null for none
 * @param config the file that stands for {@code config.json}
 * @param inputs directory whose {@code ref.json} has the token ids, relative to the zoo
 * @param reference directory whose {@code ref.json} has the logits, relative to the zoo
 * @param logits where they stand in it
 * @param flags of commands that load the model
 */
public record ZooMember(
        String name,
        String model,
        String adapter,
        String config,
        String inputs,
        String reference,
        String logits,
        List<String> flags) {
    /** Where they lie; tests run in the directory of their module. */
    public static final Path ZOO = Path.of("..", "..", "shared", "zoo");

    /** The same configuration as transformers 4 writes it. */
    public static final String OLDER = "config.transformers4.json";

    private static final String CONFIG = "config.json";
    private static final String REFERENCE = "ref.json";
    private static final String LOGITS = "/last_logits";
    private static final String FORMS = "adapters";
    private static final String NF4 = "nf4";
    private static final JsonMapper JSON = new JsonMapper();

    /** A model by itself, or with an adapter where that is no null. */
    private static ZooMember of(String model, String adapter) {
        String name = adapter == null ? model : adapter;
        return new ZooMember(name, model, adapter, CONFIG, model, name, LOGITS, List.of());
    }

    private ZooMember older() {
        return new ZooMember(
                name + " as transformers 4 writes it", model, adapter, OLDER, inputs, reference, logits, flags);
    }

    /** Weights that bitsandbytes has rounded, or that are to be rounded as it does, plain and with their adapter. */
    private static List<ZooMember> rounded(String model, String variant, String... flags) {
        String directory = NF4 + "/" + model;
        String name = directory + (flags.length == 0 ? "" : " " + String.join(" ", flags));
        String pointer = "/variants/" + variant + "/";
        return List.of(
                new ZooMember(name, directory, null, CONFIG, NF4, NF4, pointer + "last_logits", List.of(flags)),
                new ZooMember(
                        name + " adapter",
                        directory,
                        NF4 + "/adapter",
                        CONFIG,
                        NF4,
                        NF4,
                        pointer + "adapter_last_logits",
                        List.of(flags)));
    }

    /** The questions of all of them; those of the reference values are the first. */
    public static Path questions() {
        return ZOO.resolve("questions.jsonl");
    }

    /** The directory of a model, with the adapter in it. */
    public static ZooMember adapted(String model) {
        return of(model, model + "/adapter");
    }

    /** A form of adapter that PEFT writes. */
    public static ZooMember form(String name) {
        return of(FORMS + "/base", FORMS + "/" + name);
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
                members.add(of(model, null));
                if (has(directory, OLDER)) {
                    members.add(of(model, null).older());
                }
                if (has(directory.resolve("adapter"), REFERENCE)) {
                    members.add(adapted(model));
                }
            }
        }
        Path forms = ZOO.resolve(FORMS);
        members.add(of(FORMS + "/base", null));
        for (Path form : directories(forms)) {
            Stream.concat(Stream.of(form), directories(form).stream())
                    .filter(directory -> has(directory, "adapter_config.json"))
                    .forEach(directory ->
                            members.add(form(forms.relativize(directory).toString())));
        }
        members.addAll(rounded("base", "unquantised"));
        members.addAll(rounded("base", "double", "--base-quantization", "nf4"));
        members.addAll(rounded("base", "plain", "--base-quantization", "nf4-single"));
        members.addAll(rounded("base", "double_bf16", "--base-dtype", "BF16", "--base-quantization", "nf4"));
        members.addAll(rounded("bnb4_double", "double"));
        members.addAll(rounded("bnb4_plain", "plain"));
        members.addAll(rounded("bnb4_double_bf16", "double_bf16"));
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
        return read(inputs).path("prompt_ids");
    }

    /** The class tokens: [C]. */
    public JsonNode classTokens() throws IOException {
        return read(inputs).path("class_tokens");
    }

    /** Per question the probabilities of the classes: softmax over their logits alone, in double precision. */
    public double[][] probabilities() throws IOException {
        JsonNode all = read(reference).at(logits);
        JsonNode classes = classTokens();
        return IntStream.range(0, all.size())
                .mapToObj(q -> softmax(IntStream.range(0, classes.size())
                        .mapToDouble(c -> all.get(q).get(classes.get(c).asInt()).asDouble())
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
        return name;
    }
}
