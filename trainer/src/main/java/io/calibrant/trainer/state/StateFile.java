package io.calibrant.trainer.state;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.digest.Digest;
import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.Parameter;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.PublishedRun;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A {@link TrainerState} as a safetensors file: the weights and the optimizer's moments as float32 tensors, all else as
 * strings of the header, with the settings that it belongs to and a digest over everything.
 */
public final class StateFile {
    private static final String VERSION = "calibrant.trainerState";
    private static final String CURRENT = "1";
    private static final String DIGEST = "digest";
    private static final String STEP = "step";
    private static final String PASS_BATCHES = "passBatches";
    private static final String PASS_EXAMPLES = "passExamples";
    private static final String PASS_LOG_LIKELIHOOD = "passLogLikelihood";
    private static final String COMPLETE = "complete";
    private static final String SETTING = "setting.";
    private static final String FIRST = ".first";
    private static final String SECOND = ".second";
    private static final String PARTIAL = ".partial";

    private final Path file;
    private final Map<String, String> settings;

    /**
     * A file that may or may not be there.
     *
     * @param settings by name, all that decides what the run trains and sends
     */
    public StateFile(Path file, Map<String, String> settings) {
        this.file = file;
        this.settings = settings;
    }

    /** What a trainer does with what it has found, in one line. */
    public static String describe(TrainerSettings settings, Path file, Optional<TrainerState> found) {
        String run = "run '" + settings.run() + "'";
        if (found.isEmpty()) {
            return "no state of " + run + " in " + file + " yet: starting at step 0";
        }
        return found.get().complete()
                ? run + " is complete, nothing is left to do: remove " + file + " to start it over"
                : "resuming " + run + " at "
                        + found.get().describe(settings.optimisation().steps()) + " (state " + file + ")";
    }

    /** Where it is. */
    public Path path() {
        return file;
    }

    /**
     * The state that was kept last; empty where there is none.
     *
     * @param initial the adapter that the run starts from
     * @throws ModelFileException one line: the file is damaged, or belongs to other settings, of which it names the
     *     first
     */
    public Optional<TrainerState> read(Adapter initial) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            Map<String, String> header = new TreeMap<>(reader.metadata());
            if (!CURRENT.equals(header.get(VERSION))) {
                throw new ModelFileException(file + ": " + Require.message(VERSION, header.get(VERSION), CURRENT));
            }
            requireSame(header);
            boolean alone = hasMatricesAlone(reader, header, initial);
            TrainerState state = state(reader, header, initial, alone);
            if (!digest(header, state, alone).equals(header.get(DIGEST))) {
                throw new ModelFileException(file + ": damaged: its digest is not that of its content");
            }
            return Optional.of(state);
        } catch (ModelFileException e) {
            throw refused(e.getMessage(), e);
        } catch (IllegalArgumentException e) {
            throw refused(file + ": damaged: " + e.getMessage(), e);
        }
    }

    private static ModelFileException refused(String why, RuntimeException cause) {
        return new ModelFileException("--state-dir: " + why + "; remove this file to start the run over", cause);
    }

    private void requireSame(Map<String, String> header) {
        Map<String, String> there = new LinkedHashMap<>();
        settings.keySet().forEach(name -> there.put(name, header.get(SETTING + name))); // in their order
        header.forEach((name, value) -> {
            if (name.startsWith(SETTING)) {
                there.put(name.substring(SETTING.length()), value);
            }
        });
        PublishedRun.difference(there, settings).ifPresent(difference -> {
            throw new ModelFileException(file + ": is of other settings: " + difference);
        });
    }

    /**
     * Whether a file holds A and B but no magnitudes and no head, and has its digest over these alone: from before
     * steps trained the others, of an adapter that no step followed. They are then those that the run starts from.
     */
    private static boolean hasMatricesAlone(SafetensorsReader reader, Map<String, String> header, Adapter initial) {
        return "0".equals(header.get(STEP))
                && initial.parameters().stream()
                        .filter(parameter -> !isMatrix(parameter))
                        .noneMatch(parameter -> reader.contains(parameter.name()));
    }

    private static boolean isMatrix(Parameter parameter) {
        return parameter.name().endsWith(".lora_A") || parameter.name().endsWith(".lora_B");
    }

    /** @param matricesAlone what else the adapter has is not in the file */
    private static TrainerState state(
            SafetensorsReader reader, Map<String, String> header, Adapter initial, boolean matricesAlone) {
        List<float[]> weights = new ArrayList<>();
        List<float[]> first = new ArrayList<>();
        List<float[]> second = new ArrayList<>();
        boolean moments = reader.names().stream().anyMatch(name -> name.endsWith(FIRST));
        for (Parameter parameter : initial.parameters()) {
            if (matricesAlone && !isMatrix(parameter)) {
                weights.add(parameter.values());
                continue;
            }
            weights.add(floats(reader, parameter.name(), parameter.shape()));
            if (moments) {
                first.add(floats(reader, parameter.name() + FIRST, parameter.shape()));
                second.add(floats(reader, parameter.name() + SECOND, parameter.shape()));
            }
        }
        return new TrainerState(
                new FineTuningState(Integer.parseInt(header.get(STEP)), initial.with(weights), first, second),
                new PassProgress(
                        Long.parseLong(header.get(PASS_BATCHES)),
                        Long.parseLong(header.get(PASS_EXAMPLES)),
                        Double.parseDouble(header.getOrDefault(PASS_LOG_LIKELIHOOD, ""))),
                Boolean.parseBoolean(header.get(COMPLETE)));
    }

    private static float[] floats(SafetensorsReader reader, String name, long... shape) {
        reader.entry(name, shape);
        return reader.floats(name);
    }

    /**
     * Keeps a state in place of the one before it, which is there until the new one is complete and on the disk.
     *
     * @throws ModelFileException naming the file if it cannot be written
     */
    public void write(TrainerState state) {
        SafetensorsWriter writer = new SafetensorsWriter();
        Map<String, String> header = header(state);
        header.forEach(writer::describe);
        writer.describe(DIGEST, digest(header, state, false));
        FineTuningState tuning = state.tuning();
        List<Parameter> parameters = tuning.adapter().parameters();
        for (int i = 0; i < parameters.size(); i++) {
            Parameter parameter = parameters.get(i);
            writer.add(parameter.name(), parameter.values(), parameter.shape());
            if (!tuning.first().isEmpty()) {
                writer.add(parameter.name() + FIRST, tuning.first().get(i), parameter.shape());
                writer.add(parameter.name() + SECOND, tuning.second().get(i), parameter.shape());
            }
        }
        try {
            // of its own, so that a process that was thought dead cannot write into another one's
            writer.write(
                    file,
                    file.resolveSibling(
                            file.getFileName() + "." + ProcessHandle.current().pid() + PARTIAL));
        } catch (IOException e) {
            throw new ModelFileException("--state-dir: " + file + ": cannot be written: " + e, e);
        }
    }

    /** Makes the directory, and removes what processes that were killed have left half written. */
    public void prepare() {
        Path directory = file.toAbsolutePath().getParent();
        try {
            Files.createDirectories(directory);
            try (DirectoryStream<Path> left =
                    Files.newDirectoryStream(directory, file.getFileName() + ".*" + PARTIAL)) {
                for (Path partial : left) {
                    Files.deleteIfExists(partial);
                }
            }
        } catch (IOException e) {
            throw new ModelFileException("--state-dir: " + directory + ": cannot be written: " + e, e);
        }
    }

    private Map<String, String> header(TrainerState state) {
        Map<String, String> header = new TreeMap<>();
        header.put(VERSION, CURRENT);
        header.put(STEP, Integer.toString(state.tuning().step()));
        header.put(PASS_BATCHES, Long.toString(state.pass().batches()));
        header.put(PASS_EXAMPLES, Long.toString(state.pass().examples()));
        header.put(PASS_LOG_LIKELIHOOD, Double.toString(state.pass().logLikelihood()));
        header.put(COMPLETE, Boolean.toString(state.complete()));
        settings.forEach((name, value) -> header.put(SETTING + name, value));
        return header;
    }

    private static String digest(Map<String, String> header, TrainerState state, boolean matricesAlone) {
        Digest digest = new Digest();
        header.forEach((name, value) -> {
            if (name.startsWith(SETTING) || !List.of(DIGEST, "format").contains(name)) {
                digest.add(name).add(value);
            }
        });
        Adapter adapter = state.tuning().adapter();
        if (matricesAlone) {
            adapter.matrices().forEach((path, m) -> digest.add(path).add(m.a()).add(m.b()));
        } else {
            adapter.addTo(digest);
        }
        state.tuning().first().forEach(digest::add);
        state.tuning().second().forEach(digest::add);
        return digest.hex();
    }
}
