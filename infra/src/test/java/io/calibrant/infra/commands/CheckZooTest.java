package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.infra.zoo.ZooMember;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code check} on every model and adapter of the zoo: token ids, class tokens and probabilities are Python's. */
class CheckZooTest {
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
