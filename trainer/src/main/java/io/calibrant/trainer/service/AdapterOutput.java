package io.calibrant.trainer.service;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Where a trainer writes its adapter: not over another one without being told, and never over what it starts from. */
public final class AdapterOutput {
    private static final String KEY = "--output";

    private AdapterOutput() {}

    /**
     * Checks the directory before anything is trained.
     *
     * @throws io.calibrant.schemas.ConfigurationException if it is no directory, or cannot be written; if it is that of
     *     {@code --adapter} or {@code --model}; or if it holds an adapter of another run, unless that may be
     *     overwritten
     */
    public static void check(TrainerSettings settings) {
        AdapterSettings adapter = settings.adapter();
        if (adapter.output().isEmpty()) {
            return;
        }
        Path output = adapter.output().get();
        Require.that(!Files.exists(output) || Files.isDirectory(output), KEY, output, "a directory");
        Require.that(Files.isWritable(existing(output)), KEY, output, "a directory that can be written");
        Require.that(!isSame(output, settings.model()), KEY, output, "another directory than --model");
        Require.that(
                adapter.from().isEmpty() || !isSame(output, adapter.from().get()),
                KEY,
                output,
                "another directory than --adapter, which is not overwritten");
        Optional<String> found = Peft.adapterIn(output);
        Require.that(
                adapter.overwrite() || found.isEmpty() || Peft.runOf(output).equals(Optional.of(settings.run())),
                KEY,
                output,
                "a directory without another run's adapter (" + found.orElse("")
                        + " is there; --overwrite replaces it)");
    }

    /** The directory itself, or the nearest above it that exists. */
    private static Path existing(Path directory) {
        Path at = directory.toAbsolutePath().normalize();
        while (!Files.exists(at) && at.getParent() != null) {
            at = at.getParent();
        }
        return at;
    }

    private static boolean isSame(Path one, Path other) {
        try {
            return Files.exists(one) && Files.exists(other) && Files.isSameFile(one, other);
        } catch (java.io.IOException e) {
            return false;
        }
    }
}
