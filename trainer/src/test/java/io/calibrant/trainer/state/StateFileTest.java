package io.calibrant.trainer.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.Parameter;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StateFileTest {
    private static final Map<String, String> SETTINGS = Map.of("run", "r", "batchSize", "4");
    private static final String START_OVER = "; remove this file to start the run over";

    @TempDir
    Path directory;

    private Adapter initial;
    private Path path;
    private StateFile file;

    @BeforeEach
    void adapter() throws IOException {
        initial = adapter(TinyRun.Kind.LORA);
        path = directory.resolve("states").resolve("r-0-of-1.safetensors");
        file = new StateFile(path, SETTINGS);
    }

    private Adapter adapter(TinyRun.Kind kind) throws IOException {
        try (TinyRun run = new TinyRun(Files.createTempDirectory(directory, "model"), 0, 2, kind)) {
            return run.model().weights().snapshot();
        }
    }

    @Test
    void shouldFindNothingWhereNothingWasKept() {
        assertThat(file.read(initial)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void shouldReadToTheBitWhatItWrote(TinyRun.Kind kind) throws IOException {
        initial = adapter(kind);
        TrainerState state = state(41, true, new PassProgress(3, 11, -Math.PI));
        file.prepare();

        file.write(state(40, true, PassProgress.NONE));
        file.write(state);

        assertSame(file.read(initial).orElseThrow(), state);
        assertThat(path.getParent().toFile().list()).containsExactly("r-0-of-1.safetensors");
    }

    /** Before steps trained magnitudes and heads a file held A and B alone, and its digest was over these. */
    @ParameterizedTest
    @EnumSource(names = {"DORA", "CLASSIFIER"})
    void shouldReadWhatWasKeptBeforeStepsTrainedMoreThanTheMatrices(TinyRun.Kind kind) throws IOException {
        Adapter alone;
        try (TinyRun run = new TinyRun(Files.createTempDirectory(directory, "model"), 0, 2, kind)) {
            initial = run.model().weights().snapshot();
            List<LoraMatrices> matrices = initial.matrices().values().stream()
                    .map(m -> new LoraMatrices(m.linear(), m.rank(), m.a(), m.b()))
                    .toList();
            alone = Adapter.of(run.model().model().config(), initial.settings(), initial.classTokens(), matrices);
        }
        assertThat(alone.parameters()).hasSizeLessThan(initial.parameters().size());
        PassProgress pass = new PassProgress(3, 11, -1);
        file.prepare();

        file.write(new TrainerState(FineTuningState.last(0, alone), pass, true));

        TrainerState expected = new TrainerState(FineTuningState.last(0, initial), pass, true);
        assertSame(file.read(initial).orElseThrow(), expected);
        file.write(expected);
        assertSame(file.read(initial).orElseThrow(), expected);
        file.write(new TrainerState(FineTuningState.last(1, alone), pass, true));
        refused(file, path + ": no tensor ", START_OVER);
    }

    @Test
    void shouldReadAStateThatNoStepFollows() {
        TrainerState state = state(50, false, PassProgress.NONE);
        file.prepare();

        file.write(state);

        assertSame(file.read(initial).orElseThrow(), state);
    }

    @Test
    void shouldNameTheFirstSettingThatDiffers() {
        file.prepare();
        file.write(state(1, true, PassProgress.NONE));

        for (Map<String, String> other : List.of(
                Map.of("run", "r", "batchSize", "8"),
                Map.of("run", "r"),
                Map.of("run", "r", "batchSize", "4", "seed", "1"))) {
            String what = !other.containsKey("batchSize")
                    ? "batchSize is 4 there and nothing here"
                    : other.containsKey("seed")
                            ? "seed is nothing there and 1 here"
                            : "batchSize is 4 there and 8 here";
            refused(new StateFile(path, other), path + ": is of other settings: " + what + START_OVER);
        }
    }

    @Test
    void shouldNameAFileThatIsDamagedAndSayHowToStartOver() throws IOException {
        file.prepare();
        file.write(state(1, true, PassProgress.NONE));
        byte[] good = Files.readAllBytes(path);

        for (int length : new int[] {0, 7, 100, good.length / 2, good.length - 1}) {
            Files.write(path, Arrays.copyOf(good, length));
            refused(file, path.toString(), START_OVER);
        }
        int header = new String(good, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("\"step\":\"1\"");
        for (int place : new int[] {header + 8, good.length - 1, good.length / 2}) {
            byte[] bad = good.clone();
            bad[place] ^= 1; // a step, a weight, a moment
            Files.write(path, bad);
            refused(file, path + ": damaged: its digest is not that of its content" + START_OVER);
        }
        Files.writeString(path, "a text, nothing else, but a long one");
        refused(file, path + ": header length", START_OVER);
        new SafetensorsWriter().add("x", new float[1], 1).write(path);
        refused(file, path + ": calibrant.trainerState must be 1, got nothing" + START_OVER);
    }

    @Test
    void shouldKeepTheOldStateWhereTheNewOneIsNotWrittenToItsEnd() throws IOException {
        TrainerState old = state(1, true, PassProgress.NONE);
        file.prepare();
        file.write(old);
        Path left = Files.write(path.resolveSibling(path.getFileName() + ".123.partial"), new byte[10]);
        Path other = Files.write(path.resolveSibling("r2-0-of-1.safetensors.123.partial"), new byte[10]);

        file.prepare();

        assertThat(left).doesNotExist();
        assertThat(other).exists();
        assertSame(file.read(initial).orElseThrow(), old);
    }

    @Test
    void shouldNameADirectoryThatCannotBeWritten() throws IOException {
        Path taken = Files.writeString(directory.resolve("taken"), "a file");
        StateFile there = new StateFile(taken.resolve("r.safetensors"), SETTINGS);

        assertThatThrownBy(there::prepare)
                .isInstanceOf(ModelFileException.class)
                .hasMessageStartingWith("--state-dir: " + taken + ": cannot be written: ");
        assertThatThrownBy(() -> there.write(state(1, true, PassProgress.NONE)))
                .isInstanceOf(ModelFileException.class)
                .hasMessageStartingWith("--state-dir: " + taken.resolve("r.safetensors") + ": cannot be written: ");
    }

    @Test
    void shouldSayWhereItIs() {
        PassProgress pass = new PassProgress(3, 11, -1);
        assertThat(state(40, true, PassProgress.NONE).describe(50)).isEqualTo("step 40 of 50");
        assertThat(state(50, false, pass).describe(50)).isEqualTo("step 50 of 50, batch 3 of its curvature pass");
        assertThat(state(0, false, pass).describe(0)).isEqualTo("batch 3 of its curvature pass");
    }

    private void refused(StateFile state, String... parts) {
        assertThatThrownBy(() -> state.read(initial))
                .isInstanceOf(ModelFileException.class)
                .satisfies(failure -> assertThat(failure.getMessage())
                        .startsWith("--state-dir: ")
                        .contains(parts)
                        .doesNotContain("\n"));
    }

    private TrainerState state(int step, boolean moments, PassProgress pass) {
        Random random = new Random(step);
        List<float[]> weights = new ArrayList<>();
        List<float[]> first = new ArrayList<>();
        List<float[]> second = new ArrayList<>();
        for (Parameter parameter : initial.parameters()) {
            int length = parameter.values().length;
            weights.add(random(random, length));
            if (moments) {
                first.add(random(random, length));
                second.add(random(random, length));
            }
        }
        return new TrainerState(new FineTuningState(step, initial.with(weights), first, second), pass, !moments);
    }

    private static float[] random(Random random, int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static void assertSame(TrainerState found, TrainerState expected) {
        assertThat(found.pass()).isEqualTo(expected.pass());
        assertThat(found.complete()).isEqualTo(expected.complete());
        assertThat(found.tuning().step()).isEqualTo(expected.tuning().step());
        assertThat(found.tuning().first())
                .usingRecursiveComparison()
                .isEqualTo(expected.tuning().first());
        assertThat(found.tuning().second())
                .usingRecursiveComparison()
                .isEqualTo(expected.tuning().second());
        assertThat(found.tuning().adapter().parameters())
                .usingRecursiveComparison()
                .isEqualTo(expected.tuning().adapter().parameters());
    }
}
