package io.calibrant.infra.demo;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * What the demo runs on.
 *
 * @param model model directory
 * @param questions training questions
 * @param test held-out questions
 */
public record DemoFiles(Path model, Path questions, Path test) {
    private static final List<String> FILES = List.of(
            "model/config.json", "model/tokenizer.json", "model/model.safetensors", "questions.jsonl", "test.jsonl");

    /**
     * Unpacks the demo's own model and questions (see {@link DemoModel}).
     *
     * @param directory is made where it does not exist; files in it are overwritten
     * @throws DemoFailure if it cannot be written
     */
    public static DemoFiles unpack(Path directory) {
        try {
            for (String name : FILES) {
                Path file = directory.resolve(name);
                Files.createDirectories(file.getParent());
                try (InputStream resource = DemoFiles.class.getResourceAsStream("/demo/" + name)) {
                    Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        } catch (IOException e) {
            throw new DemoFailure("the demo's files cannot be written to " + directory + ": " + e, e);
        }
        return new DemoFiles(
                directory.resolve("model"), directory.resolve("questions.jsonl"), directory.resolve("test.jsonl"));
    }
}
