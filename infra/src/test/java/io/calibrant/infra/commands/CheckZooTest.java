package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.infra.zoo.ZooMember;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code check} on every model and adapter of the zoo: token ids, class tokens and probabilities are Python's. */
class CheckZooTest {
    private static final Path CLASSIFIER = ZooMember.ZOO.resolve("seqcls");

    @TempDir
    private Path directory;

    /** Those that are read; one that stands for none where none is here. */
    static List<ZooMember> members() throws IOException {
        List<ZooMember> members = new ArrayList<>(ZooMember.all());
        return members.isEmpty() ? List.of(ZooMember.form("none")) : members;
    }

    @ParameterizedTest
    @MethodSource("members")
    void shouldShowWhatPythonComputes(ZooMember member) throws IOException {
        assumeTrue(Files.isDirectory(ZooMember.ZOO), ZooMember.ZOO + " is not here: nothing checked against Python");
        double[][] probabilities = member.probabilities();

        List<JsonNode> shown = check(member, probabilities.length);

        for (int q = 0; q < probabilities.length; q++) {
            JsonNode one = shown.get(q);
            assertThat(one.path("tokens")).isEqualTo(member.promptIds().get(q));
            assertThat(one.path("labelTokens")).isEqualTo(member.classTokens());
            assertThat(doubles(one.path("mapProbabilities"))).containsExactly(probabilities[q], within(1e-4));
        }
        assertThat(shown.get(probabilities.length).path("summary").asBoolean()).isTrue();
    }

    /** The head of the adapter on either base; labels are given where the base names none. */
    @ParameterizedTest
    @CsvSource({"zoo/seqcls/model, ", "golden/model, 'colour,food,number'"})
    void shouldShowWhatPythonComputesOfASequenceClassifier(String base, String labels) throws IOException {
        assumeTrue(Files.isDirectory(CLASSIFIER), CLASSIFIER + " is not here: nothing checked against Python");
        JsonNode ids = new JsonMapper()
                .readTree(CLASSIFIER.resolve("ref.json").toFile())
                .path("prompt_ids");
        double[] logits;
        try (SafetensorsReader stored = SafetensorsReader.open(CLASSIFIER.resolve("ref.safetensors"))) {
            logits = stored.doubles("test.logits");
        }

        List<JsonNode> shown = classify(ZooMember.ZOO.resolveSibling(base), CLASSIFIER.resolve("adapter"), labels);

        assertThat(shown).hasSize(ids.size() + 1);
        for (int q = 0; q < ids.size(); q++) {
            JsonNode one = shown.get(q);
            assertThat(one.path("tokens")).isEqualTo(ids.get(q));
            assertThat(doubles(one.path("labelTokens"))).containsExactly(0, 1, 2);
            assertThat(doubles(one.path("logits")))
                    .containsExactly(Arrays.copyOfRange(logits, 3 * q, 3 * q + 3), within(1e-4));
        }
        assertThat(shown.get(ids.size()).path("summary").asBoolean()).isTrue();
    }

    /** The head of the base: that of an adapter which changes nothing and brings none. */
    @Test
    void shouldCheckASequenceClassifierWithoutAnAdapter() throws IOException {
        assumeTrue(Files.isDirectory(CLASSIFIER), CLASSIFIER + " is not here");
        Path nothing = directory.resolve("nothing");
        Files.createDirectories(nothing);
        Files.copy(CLASSIFIER.resolve("adapter/adapter_config.json"), nothing.resolve("adapter_config.json"));
        SafetensorsWriter writer = new SafetensorsWriter();
        try (SafetensorsReader reader =
                SafetensorsReader.open(CLASSIFIER.resolve("adapter/adapter_model.safetensors"))) {
            for (String name : reader.names()) {
                List<Long> shape = reader.entry(name).shape();
                if (name.contains(".lora_")) {
                    float[] zeros = new float[(int) (shape.get(0) * shape.get(1))];
                    writer.add(name, zeros, shape.get(0), shape.get(1));
                }
            }
        }
        writer.write(nothing.resolve("adapter_model.safetensors"));

        List<JsonNode> alone = classify(CLASSIFIER.resolve("model"), null, null);

        List<JsonNode> expected = classify(CLASSIFIER.resolve("model"), nothing, null);
        assertThat(alone).hasSameSizeAs(expected);
        for (int q = 0; q < alone.size() - 1; q++) {
            assertThat(doubles(alone.get(q).path("logits")))
                    .hasSize(3)
                    .containsExactly(doubles(expected.get(q).path("logits")), within(1e-6));
            assertThat(alone.get(q).path("labels").toString()).isEqualTo("[\"colour\",\"food\",\"number\"]");
        }
    }

    private static List<JsonNode> classify(Path model, Path adapter, String labels) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("check", "--json", "--model", model.toString()));
        arguments.addAll(List.of("--questions", CLASSIFIER.resolve("test.jsonl").toString()));
        if (adapter != null) {
            arguments.addAll(List.of("--adapter", adapter.toString()));
        }
        if (labels != null) {
            arguments.addAll(List.of("--labels", labels));
        }
        Ran ran = Ran.calibrant(Map.of(), arguments.toArray(String[]::new));
        assertThat(ran.code()).as(ran.err()).isZero();
        return ran.json();
    }

    private List<JsonNode> check(ZooMember member, int questions) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                "check",
                "--json",
                "--model",
                member.modelDirectory(directory).toString(),
                "--questions",
                ZooMember.questions().toString(),
                "--limit",
                Integer.toString(questions)));
        arguments.addAll(member.flags());
        if (member.adapter() != null) {
            arguments.addAll(
                    List.of("--adapter", ZooMember.ZOO.resolve(member.adapter()).toString()));
        }
        Ran ran = Ran.calibrant(Map.of(), arguments.toArray(String[]::new));
        assertThat(ran.code()).as(ran.err()).isZero();
        List<JsonNode> shown = ran.json();
        assertThat(shown).hasSize(questions + 1);
        return shown;
    }

    private static double[] doubles(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
    }
}
