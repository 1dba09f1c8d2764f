package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * {@code quantization_config} of a {@code config.json}: the files hold the layers' linear maps in bitsandbytes' NF4.
 *
 * @param skipped modules that are not quantised, as {@code llm_int8_skip_modules} has them: ends of paths, or regular
 *     expressions of their beginnings
 */
record StoredQuantization(List<String> skipped) {
    private static final String KEY = "quantization_config";
    private static final String SKIP = "llm_int8_skip_modules";

    /**
     * Reads the key, if it is there.
     *
     * @throws ModelFileException if it describes something else than bitsandbytes' NF4
     */
    static Optional<StoredQuantization> read(ConfigFile file) {
        if (!file.has(KEY)) {
            return Optional.empty();
        }
        JsonNode node = file.root().path(KEY);
        String method = node.path("quant_method").asText("a configuration without quant_method");
        if (!method.equals("bitsandbytes")) {
            throw file.refused(KEY, "absent (weights in F32, F16 or BF16), or that of bitsandbytes in 4 bits", method);
        }
        require(file, node, "load_in_4bit", "true");
        require(file, node, "bnb_4bit_quant_type", "nf4");
        if (node.has("bnb_4bit_quant_storage")) {
            require(file, node, "bnb_4bit_quant_storage", "uint8");
        }
        List<String> skipped = new ArrayList<>();
        for (JsonNode module : node.path(SKIP)) {
            try {
                beginning(module.asText());
            } catch (PatternSyntaxException e) {
                throw file.refused(
                        KEY + "." + SKIP, "a list of regular expressions", ConfigFile.quoted(module.asText()));
            }
            skipped.add(module.asText());
        }
        return Optional.of(new StoredQuantization(List.copyOf(skipped)));
    }

    private static void require(ConfigFile file, JsonNode node, String key, String accepted) {
        if (!node.path(key).asText().equals(accepted)) {
            throw file.refused(KEY + "." + key, accepted, node.path(key));
        }
    }

    /**
     * Checks a weight that is not quantised.
     *
     * @throws ModelFileException naming file and tensor if it should be
     */
    void requireSkipped(TensorEntry weight) {
        String module = weight.name().replaceFirst("\\.weight$", "");
        if (skipped.stream().noneMatch(key -> skips(key, module))) {
            throw new ModelFileException(weight.file() + ": tensor " + weight.name() + ": expected NF4, as " + KEY
                    + " of config.json says, found " + weight.type());
        }
    }

    /** As transformers 5 takes a key, or transformers 4: that one means the modules within, too. */
    private static boolean skips(String key, String module) {
        return module.endsWith(key)
                || beginning(key).matcher(module).lookingAt()
                || ("." + module + ".").contains("." + key + ".");
    }

    private static Pattern beginning(String key) {
        return Pattern.compile("(?:" + key + ")(?:(?<=\\.)|(?=\\.|$))");
    }
}
