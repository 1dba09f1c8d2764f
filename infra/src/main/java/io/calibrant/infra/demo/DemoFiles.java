package io.calibrant.infra.demo;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * The files of the demo.
 *
 * @param model model directory
 * @param questions training questions
 * @param test held-out questions
 */
public record DemoFiles(Path model, Path questions, Path test) {
    private static final List<String> MODEL = List.of("config.json", "tokenizer.json", "model.safetensors");
    private static final String NAME = "tiny-llama";

    /**
     * Unpacks the demo's own model and questions (see {@link DemoModel}).
     *
     * @param directory is made where it does not exist; files in it are overwritten
     * @throws DemoFailure if it cannot be written
     */
    public static DemoFiles unpack(Path directory) {
        DemoFiles files = new DemoFiles(
                directory.resolve(NAME), directory.resolve("train.jsonl"), directory.resolve("test.jsonl"));
        try {
            Files.createDirectories(files.model());
            for (String name : MODEL) {
                copy("model/" + name, files.model().resolve(name));
            }
            copy("questions.jsonl", files.questions());
            copy("test.jsonl", files.test());
        } catch (IOException e) {
            throw new DemoFailure("the demo's files cannot be written to " + directory + ": " + e, e);
        }
        return files;
    }

    private static void copy(String resource, Path file) throws IOException {
        try (InputStream bytes = DemoFiles.class.getResourceAsStream("/demo/" + resource)) {
            Files.copy(bytes, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
