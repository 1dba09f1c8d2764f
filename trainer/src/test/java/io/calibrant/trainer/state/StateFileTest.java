package io.calibrant.trainer.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
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
        try (TinyRun run = new TinyRun(directory.resolve("model"), 0, 2)) {
            initial = run.model().weights().snapshot();
        }
        path = directory.resolve("states").resolve("r-0-of-1.safetensors");
        file = new StateFile(path, SETTINGS);
    }

    @Test
    void shouldFindNothingWhereNothingWasKept() {
        assertThat(file.read(initial)).isEmpty();
    }

    @Test
    void shouldReadToTheBitWhatItWrote() {
        TrainerState state = state(41, true, new PassProgress(3, 11, -Math.PI));
        file.prepare();

        file.write(state(40, true, PassProgress.NONE));
        file.write(state);

        assertSame(file.read(initial).orElseThrow(), state);
        assertThat(path.getParent().toFile().list()).containsExactly("r-0-of-1.safetensors");
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
        List<LoraMatrices> matrices = new ArrayList<>();
        List<float[]> first = new ArrayList<>();
        List<float[]> second = new ArrayList<>();
        initial.matrices().values().forEach(m -> {
            float[] a = random(random, m.a().length);
            float[] b = random(random, m.b().length);
            matrices.add(new LoraMatrices(m.linear(), m.rank(), a, b));
            if (moments) {
                first.add(random(random, a.length));
                first.add(random(random, b.length));
                second.add(random(random, a.length));
                second.add(random(random, b.length));
            }
        });
        return new TrainerState(new FineTuningState(step, initial.with(matrices), first, second), pass, !moments);
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
        expected.tuning().adapter().matrices().forEach((name, m) -> {
            LoraMatrices there = found.tuning().adapter().matrices().get(name);
            assertThat(there.a()).isEqualTo(m.a());
            assertThat(there.b()).isEqualTo(m.b());
        });
    }
}
