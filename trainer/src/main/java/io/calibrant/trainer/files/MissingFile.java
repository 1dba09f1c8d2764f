package io.calibrant.trainer.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Why a file of a model or an adapter directory is perhaps not where it was looked for, and what to do. */
public final class MissingFile {
    private static final Pattern HUB_ID = Pattern.compile("\\w[\\w.-]*/\\w[\\w.-]*");
    private static final int DEEPEST = 3;
    private static final int MOST_FOLDERS = 3;
    private static final String SAVE_TOKENIZER = "; Python's AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
            + " (transformers) writes tokenizer.json";

    /** What is found in the place of a file. The first that applies is told. */
    private record Instead(String missing, String found, String advice) {}

    private static final List<Instead> INSTEAD = List.of(
            new Instead(
                    "adapter_model\\.safetensors",
                    "adapter_model\\.bin",
                    "; PEFT's PeftModel.from_pretrained(BASE, DIR).save_pretrained(DIR, safe_serialization=True)"
                            + " writes adapter_model.safetensors"),
            new Instead(
                    "model\\.safetensors",
                    "pytorch_model.*\\.bin|pytorch_model\\.bin\\.index\\.json|consolidated.*\\.pth",
                    "; AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(DIR, safe_serialization=True)"
                            + " (transformers) writes model.safetensors"),
            new Instead(
                    "model\\.safetensors|config\\.json",
                    "adapter_config\\.json|adapter_model\\..*",
                    ": this is an adapter (--adapter); --model takes its base model"),
            new Instead(
                    "model\\.safetensors|config\\.json|tokenizer\\.json",
                    ".*\\.gguf",
                    ": GGUF is not read; take the model's directory as transformers writes it"),
            new Instead(
                    "adapter_config\\.json|adapter_model\\.safetensors",
                    "config\\.json|model\\.safetensors.*",
                    ": this is a whole model, not an adapter; an adapter that was merged into it is gone"),
            new Instead("tokenizer\\.json", "tokenizer\\.model|spiece\\.model|tekken\\.json", SAVE_TOKENIZER),
            new Instead("tokenizer\\.json", "vocab\\.json|merges\\.txt|.*\\.tiktoken", SAVE_TOKENIZER));

    private MissingFile() {}

    /**
     * What to say after "no such file".
     *
     * @param file that is not there; its parent is the directory that the user named
     * @return words that begin with "; " or ", "; empty where nothing is known
     */
    public static String explain(Path file) {
        Path directory = file.getParent();
        if (directory == null) {
            return "";
        }
        if (!Files.exists(directory)) {
            String name = directory.toString();
            return "; there is no directory " + name
                    + (HUB_ID.matcher(name).matches()
                            ? ", which looks like an id of the Hugging Face Hub: 'hf download " + name
                                    + " --local-dir DIR' makes a directory of it, and nothing is downloaded here"
                            : "");
        }
        if (!Files.isDirectory(directory)) {
            return "; " + directory + " is a file, a directory is expected";
        }
        try {
            return instead(directory, file.getFileName().toString()).orElseGet(() -> below(directory, file));
        } catch (IOException | UncheckedIOException e) {
            return "; " + directory + " cannot be listed";
        }
    }

    private static Optional<String> instead(Path directory, String missing) throws IOException {
        List<String> names;
        try (Stream<Path> entries = Files.list(directory)) {
            names = entries.map(entry -> entry.getFileName().toString())
                    .sorted()
                    .toList();
        }
        return INSTEAD.stream()
                .filter(each -> missing.matches(each.missing))
                .flatMap(each -> names.stream()
                        .filter(name -> name.matches(each.found))
                        .limit(1)
                        .map(name -> ", but " + name + " is there" + each.advice))
                .findFirst();
    }

    /** A directory that holds others, as an output directory of a training or the Hub's cache does. */
    private static String below(Path directory, Path file) {
        try (Stream<Path> found =
                Files.find(directory, DEEPEST, (path, is) -> is.isRegularFile() && path.endsWith(file.getFileName()))) {
            String folders = found.map(path -> directory.relativize(path.getParent()))
                    .map(Path::toString)
                    .filter(folder -> !folder.isEmpty())
                    .sorted()
                    .limit(MOST_FOLDERS)
                    .collect(Collectors.joining(", "));
            return folders.isEmpty() ? "" : "; give a directory within: " + folders;
        } catch (IOException e) {
            return "";
        }
    }
}
