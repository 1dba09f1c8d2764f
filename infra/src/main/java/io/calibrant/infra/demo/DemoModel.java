package io.calibrant.infra.demo;

import ai.djl.Device;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Generates what the demo runs on: question files, a tokenizer, and a tiny Llama in Hugging Face form that has learnt
 * the questions' form and most of their world, but not what animals eat. Everything follows from the seeds below; the
 * weights also from the order in which the machine adds, so that another processor or number of threads gives other
 * last digits.
 */
public final class DemoModel {
    private static final int VOCABULARY = 512;
    private static final int WIDTH = 64;
    private static final int FEED_FORWARD = 128;
    private static final int LAYERS = 3;
    private static final int HEADS = 4;
    private static final int KEY_VALUE_HEADS = 2;

    private static final int TRAINING_QUESTIONS = 250;
    private static final int TEST_QUESTIONS = 200;
    /** Share of wrong answers in both question files, percent. */
    static final int NOISE_PERCENT = 15;

    private static final double NOISE = NOISE_PERCENT / 100.0;

    private static final int STEPS = 1600;
    /** Steps on true answers, before the steps on noisy ones that keep the base model modest. */
    private static final int CLEAN_STEPS = 1000;

    private static final int BATCH = 32;
    private static final int WARMUP = 100;
    private static final double LEARNING_RATE = 2e-3;
    private static final double WEIGHT_DEVIATION = 0.1;
    private static final double EMBEDDING_DEVIATION = 0.5;

    private static final List<String> WHOLE_WORDS = List.of(" A", " B", " C", " D", " E", " True", " False");

    private static final ObjectMapper JSON = new ObjectMapper();

    private DemoModel() {}

    /**
     * Writes {@code questions.jsonl}, {@code test.jsonl} and the directory {@code model}.
     *
     * @param directory is made where it does not exist; files in it are overwritten
     * @param progress receives lines of progress
     */
    public static void generate(Path directory, Consumer<String> progress) throws IOException {
        writeQuestionsAndTokenizer(directory);
        pretrain(directory.resolve("model"), testQuestions(), progress);
    }

    private static List<Question> testQuestions() {
        return DemoQuestions.of(2, NOISE).next("test", TEST_QUESTIONS);
    }

    /** Writes everything but the weights, in about a second. */
    static void writeQuestionsAndTokenizer(Path directory) throws IOException {
        Path model = Files.createDirectories(directory.resolve("model"));
        write(directory.resolve("questions.jsonl"), DemoQuestions.of(1, NOISE).next("train", TRAINING_QUESTIONS));
        write(directory.resolve("test.jsonl"), testQuestions());
        List<String> texts = DemoQuestions.withoutFoods(4, 0).next("text", 3000).stream()
                .map(PromptForm.PAPER::text)
                .toList();
        Files.writeString(
                model.resolve("tokenizer.json"),
                JSON.writeValueAsString(BytePairTraining.learn(texts, WHOLE_WORDS, VOCABULARY)) + "\n");
        Files.writeString(
                model.resolve("config.json"),
                JSON.writer(SerializationFeature.INDENT_OUTPUT).writeValueAsString(config()) + "\n");
    }

    private static Map<String, Object> config() {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("LlamaForCausalLM"));
        config.put("model_type", "llama");
        config.put("vocab_size", VOCABULARY);
        config.put("hidden_size", WIDTH);
        config.put("intermediate_size", FEED_FORWARD);
        config.put("num_hidden_layers", LAYERS);
        config.put("num_attention_heads", HEADS);
        config.put("num_key_value_heads", KEY_VALUE_HEADS);
        config.put("head_dim", WIDTH / HEADS);
        config.put("hidden_act", "silu");
        config.put("max_position_embeddings", 256);
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 10000.0);
        config.put("tie_word_embeddings", false);
        config.put("bos_token_id", 0);
        config.put("eos_token_id", 1);
        config.put("pad_token_id", 2);
        config.put("torch_dtype", "float32");
        return config;
    }

    private static void pretrain(Path directory, List<Question> test, Consumer<String> progress) throws IOException {
        ModelConfig config = ModelConfig.read(directory);
        Random random = new Random(5);
        Map<String, float[]> fixed = new LinkedHashMap<>();
        fixed.put("model.embed_tokens", normal(random, VOCABULARY * WIDTH, EMBEDDING_DEVIATION));
        Map<String, float[]> weights = new TreeMap<>();
        Map<String, Shape> shapes = new TreeMap<>();
        for (LinearShape linear : config.linears()) {
            weights.put(linear.path(), normal(random, linear.outputs() * linear.inputs(), WEIGHT_DEVIATION));
            shapes.put(linear.path(), new Shape(linear.outputs(), linear.inputs()));
        }
        save(directory, fixed, weights, shapes);
        List<Question> questions =
                new ArrayList<>(DemoQuestions.withoutFoods(3, 0).next("clean", BATCH * CLEAN_STEPS));
        questions.addAll(DemoQuestions.withoutFoods(6, NOISE).next("noisy", BATCH * (STEPS - CLEAN_STEPS)));
        try (PromptTokenizer tokenizer = PromptTokenizer.load(directory);
                LanguageModel model = LanguageModel.load(directory, Device.cpu())) {
            PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.of(1));
            ClassTokens classes = ClassTokens.of(encoder.encode(test));
            Pretraining training = new Pretraining(model, classes, weights, shapes);
            double mean = 0;
            for (int step = 0; step < STEPS; step++) {
                List<EncodedPrompt> batch =
                        classes.place(encoder.encode(questions.subList(step * BATCH, (step + 1) * BATCH)));
                double rate = LEARNING_RATE * Math.min(1, (step + 1.0) / WARMUP) * (1 - (double) step / STEPS);
                mean += training.step(batch, rate) / 50;
                if (step % 50 == 49) {
                    progress.accept(String.format(
                            Locale.ROOT, "step %d of %d: label NLL %.3f over the last 50", step + 1, STEPS, mean));
                    mean = 0;
                }
            }
        }
        save(directory, fixed, weights, shapes);
    }

    private static void save(
            Path directory, Map<String, float[]> fixed, Map<String, float[]> weights, Map<String, Shape> shapes)
            throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        fixed.forEach((path, weight) -> writer.add(path + ".weight", weight, VOCABULARY, WIDTH));
        weights.forEach((path, weight) ->
                writer.add(path + ".weight", weight, shapes.get(path).getShape()));
        List<String> norms = new ArrayList<>(List.of("model.norm"));
        for (int layer = 0; layer < LAYERS; layer++) {
            norms.add("model.layers." + layer + ".input_layernorm");
            norms.add("model.layers." + layer + ".post_attention_layernorm");
        }
        for (String norm : norms) {
            float[] ones = new float[WIDTH];
            java.util.Arrays.fill(ones, 1);
            writer.add(norm + ".weight", ones, WIDTH);
        }
        writer.write(directory.resolve("model.safetensors"));
    }

    private static float[] normal(Random random, int size, double deviation) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return values;
    }

    /** Writes a question file. */
    public static void write(Path file, List<Question> questions) throws IOException {
        String lines = questions.stream().map(DemoModel::line).collect(Collectors.joining("\n", "", "\n"));
        Files.writeString(file, lines);
    }

    private static String line(Question question) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", question.id());
        json.put("question", question.question());
        if (question.context() != null) {
            json.put("context", question.context());
        }
        List<Map<String, String>> choices = new ArrayList<>();
        for (Choice choice : question.choices()) {
            Map<String, String> entry = new LinkedHashMap<>();
            entry.put("label", choice.label());
            entry.put("text", choice.text());
            choices.add(entry);
        }
        json.put("choices", choices);
        json.put("answer", question.answer());
        try {
            return JSON.writeValueAsString(json);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
