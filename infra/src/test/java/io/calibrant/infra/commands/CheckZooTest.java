package io.calibrant.infra.commands;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@code check} on every tiny model and adapter that lies beside the project, against what transformers and PEFT make
 * of them: token ids, class tokens, probabilities.
 */
class CheckZooTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo");
    private static final JsonMapper JSON = new JsonMapper();

    /** Which are not read yet, with the reason. */
    private static final Map<String, String> EXCLUDED = Map.ofEntries(
            entry("gemma", "architecture"),
            entry("gemma2", "architecture"),
            entry("gemma3_text", "architecture"),
            entry("granite", "architecture"),
            entry("ministral3", "architecture"),
            entry("olmo2", "architecture"),
            entry("phi3", "architecture"),
            entry("seed_oss", "architecture"),
            entry("smollm3", "architecture"),
            entry("llama_dynamic", "rotary scaling"),
            entry("llama_linear", "rotary scaling"),
            entry("llama_longrope", "rotary scaling"),
            entry("llama_yarn", "rotary scaling"),
            entry("llama_gelu", "activation"),
            entry("mistral_window_bites", "sliding window"),
            entry("qwen2_swa", "sliding window"),
            entry("w_tied_otherhead", "another head in a tied model"),
            entry("adapters/bias_lora_only", "biases of the base"),
            entry("adapters/dora", "DoRA"),
            entry("adapters/exclude", "targets that are left out"),
            entry("adapters/keys_default", "keys with .default."),
            entry("adapters/layers", "layers_to_transform"),
            entry("adapters/patterns", "a rank for each map"),
            entry("adapters/rslora", "scaling by the root of the rank"),
            entry("adapters/save_embed_and_lm_head", "modules_to_save"),
            entry("adapters/save_lm_head", "modules_to_save"));

    /** The same configuration as older programs write it. */
    private static final String OLDER = "config.transformers4.json";

    @TempDir
    private Path directory;

    /**
     * A model of the zoo.
     *
     * @param reference directory of {@code ref.json}, relative to the zoo
     * @param model relative to the zoo
     * @param adapter relative to the zoo; null for none
     * @param config the file that stands for {@code config.json}
     */
    record Member(String reference, String model, String adapter, String config) {
        Member(String reference, String model, String adapter) {
            this(reference, model, adapter, "config.json");
        }

        @Override
        public String toString() {
            return reference + (config.equals(OLDER) ? " as transformers 4 writes it" : "");
        }
    }

    /** Every directory with reference values, plain and with its adapter; one that stands for none where none is. */
    static List<Member> members() throws IOException {
        if (!Files.isDirectory(ZOO)) {
            return List.of(new Member("", "", null));
        }
        List<Member> members = new ArrayList<>();
        for (Path directory : directories(ZOO)) {
            String name = ZOO.relativize(directory).toString();
            if (Files.exists(directory.resolve("model.safetensors"))
                    && Files.exists(directory.resolve("ref.json"))) {
                members.add(new Member(name, name, null));
                if (Files.exists(directory.resolve(OLDER))) {
                    members.add(new Member(name, name, null, OLDER));
                }
                if (Files.exists(directory.resolve("adapter").resolve("ref.json"))) {
                    members.add(new Member(name + "/adapter", name, name + "/adapter"));
                }
            }
        }
        members.add(new Member("adapters/base", "adapters/base", null));
        for (Path directory : directories(ZOO.resolve("adapters"))) {
            for (Path adapter : Stream.concat(
                            Stream.of(directory), directories(directory).stream())
                    .toList()) {
                if (Files.exists(adapter.resolve("adapter_config.json"))) {
                    String name = ZOO.relativize(adapter).toString();
                    members.add(new Member(name, "adapters/base", name));
                }
            }
        }
        members.removeIf(member ->
                EXCLUDED.containsKey(member.model()) || EXCLUDED.containsKey(member.toString()));
        return members;
    }

    private static List<Path> directories(Path of) throws IOException {
        try (Stream<Path> all = Files.list(of)) {
            return all.filter(Files::isDirectory).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("members")
    void shouldShowWhatPythonComputes(Member member) throws IOException {
        assumeTrue(!member.model().isEmpty(), ZOO + " is not here: nothing checked against Python");
        JsonNode reference =
                JSON.readTree(ZOO.resolve(member.reference()).resolve("ref.json").toFile());
        JsonNode inputs = JSON.readTree(ZOO.resolve(member.model()).resolve("ref.json").toFile());

        List<JsonNode> shown = check(member, reference.path("last_logits").size());

        for (int q = 0; q < shown.size() - 1; q++) {
            JsonNode one = shown.get(q);
            assertThat(one.path("tokens")).isEqualTo(inputs.path("prompt_ids").get(q));
            assertThat(one.path("labelTokens")).isEqualTo(inputs.path("class_tokens"));
            double[] wanted = softmax(reference.path("last_logits").get(q), inputs.path("class_tokens"));
            assertThat(doubles(one.path("mapProbabilities"))).containsExactly(wanted, within(1e-4));
        }
        assertThat(shown.get(shown.size() - 1).path("summary").asBoolean()).isTrue();
    }

    private List<JsonNode> check(Member member, int questions) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                "check",
                "--json",
                "--model",
                model(member).toString(),
                "--questions",
                ZOO.resolve("questions.jsonl").toString(),
                "--limit",
                Integer.toString(questions)));
        if (member.adapter() != null) {
            arguments.addAll(List.of("--adapter", ZOO.resolve(member.adapter()).toString()));
        }
        Ran ran = Ran.calibrant(Map.of(), arguments.toArray(String[]::new));
        assertThat(ran.code()).as(ran.err()).isZero();
        List<JsonNode> shown = ran.json();
        assertThat(shown).hasSize(questions + 1);
        return shown;
    }

    private Path model(Member member) throws IOException {
        Path model = ZOO.resolve(member.model());
        if (!member.config().equals(OLDER)) {
            return model;
        }
        for (String file : List.of("model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(model.resolve(file), directory.resolve(file));
        }
        Files.copy(model.resolve(OLDER), directory.resolve("config.json"));
        return directory;
    }

    private static double[] doubles(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
    }

    private static double[] softmax(JsonNode logits, JsonNode classTokens) {
        double[] z = IntStream.range(0, classTokens.size())
                .mapToDouble(c -> logits.get(classTokens.get(c).asInt()).asDouble())
                .toArray();
        double largest = DoubleStream.of(z).max().orElseThrow();
        double sum = DoubleStream.of(z).map(each -> Math.exp(each - largest)).sum();
        return DoubleStream.of(z).map(each -> Math.exp(each - largest) / sum).toArray();
    }
}
