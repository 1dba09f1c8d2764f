package io.calibrant.trainer.digest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A digest of what makes a model what it is, so that a scorer can tell whether it has the model of a run. */
public final class ModelDigest {
    private static final int BUFFER = 1 << 20;

    private ModelDigest() {}

    /**
     * SHA-256 over the names and bytes of config.json, tokenizer.json and all *.safetensors of a directory.
     *
     * @return {@code sha256:} and 64 hexadecimal digits
     * @throws IllegalArgumentException naming the file if one cannot be read
     */
    public static String of(Path modelDirectory) {
        return of(modelDirectory, "");
    }

    /**
     * The same, with what other files of the directory change of what these say.
     *
     * @param changes in words that are always the same; empty for nothing, and then the digest is that of the files
     * @throws IllegalArgumentException naming the file if one cannot be read
     */
    public static String of(Path modelDirectory, String changes) {
        try (Stream<Path> entries = Files.list(modelDirectory)) {
            List<Path> files = entries.filter(file ->
                            file.getFileName().toString().matches("config\\.json|tokenizer\\.json|.*\\.safetensors"))
                    .filter(Files::isRegularFile) // a pipe would be waited for
                    .sorted()
                    .toList();
            Digest digest = new Digest();
            byte[] buffer = new byte[BUFFER];
            for (Path file : files) {
                // The bytes of digests that are on topics already: name, a zero, content.
                byte[] name = (file.getFileName() + "\0").getBytes(StandardCharsets.UTF_8);
                digest.addBytes(name, name.length);
                try (InputStream in = Files.newInputStream(file)) {
                    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                        digest.addBytes(buffer, read);
                    }
                }
            }
            if (!changes.isEmpty()) {
                digest.add(changes);
            }
            return digest.hex();
        } catch (IOException e) {
            throw new IllegalArgumentException("model directory " + modelDirectory + " cannot be read: " + e, e);
        }
    }
}
