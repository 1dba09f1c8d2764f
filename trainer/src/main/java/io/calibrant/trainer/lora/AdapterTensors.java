package io.calibrant.trainer.lora;

import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tensors of an adapter's file by what they are. PEFT leaves the adapter's own name out of their names when it
 * saves an adapter; a saved state dict of the whole model has it ({@code lora_A.default.weight}).
 */
final class AdapterTensors {
    /** What PEFT puts before the name of every module. */
    static final String PREFIX = "base_model.model.";

    static final String A = "lora_A";
    static final String B = "lora_B";
    /** In the names of the two matrices of an embedding. */
    static final String EMBEDDING = ".lora_embedding_";

    /** m of DoRA; its tensor's name has no {@code .weight}. */
    static final String MAGNITUDE = "lora_magnitude_vector";

    private static final Pattern LORA = Pattern.compile(Pattern.quote(PREFIX)
            + "(?<module>.+)\\.(?:(?<matrix>lora_[AB])(?:\\.[^.]+)?\\.weight"
            + "|(?<magnitude>lora_magnitude_vector)(?:\\.[^.]+){0,2})");

    /** What a module that was trained whole is wrapped in: the copy that was trained, and the one that was not. */
    private static final Pattern TRAINED = Pattern.compile("\\.modules_to_save(?:\\.[^.]+)?\\.(weight|bias)$");

    private static final Pattern WRAPPED = Pattern.compile("\\.(?:base_layer|original_module)\\.");

    private final Map<String, String> lora = new HashMap<>();
    private final Set<String> modules = new HashSet<>();
    private final List<String> unknown = new ArrayList<>();
    private final List<String> others = new ArrayList<>();

    private AdapterTensors() {}

    /** @throws ModelFileException naming two tensors of which only one can be meant */
    static AdapterTensors of(SafetensorsReader reader) {
        AdapterTensors tensors = new AdapterTensors();
        for (String name : reader.names()) {
            Matcher match = LORA.matcher(name);
            if (match.matches()) {
                String part = match.group("matrix") == null ? match.group("magnitude") : match.group("matrix");
                String before = tensors.lora.put(key(match.group("module"), part), name);
                if (before != null) {
                    throw new ModelFileException(reader.source() + ": tensors " + before + " and " + name
                            + ": expected one adapter, found several");
                }
                tensors.modules.add(match.group("module"));
            } else {
                (name.contains(".lora_") ? tensors.unknown : tensors.others).add(name);
            }
        }
        return tensors;
    }

    private static String key(String module, String part) {
        return module + "." + part;
    }

    /** The name that PEFT gives a tensor of a map. */
    static String saved(String module, String part) {
        return PREFIX + key(module, part) + (part.equals(MAGNITUDE) ? "" : ".weight");
    }

    /** The name of a tensor of a map in this file; if there is none, the name that PEFT would give it. */
    String name(String module, String part) {
        return Optional.ofNullable(lora.get(key(module, part))).orElseGet(() -> saved(module, part));
    }

    boolean has(String module, String part) {
        return lora.containsKey(key(module, part));
    }

    /** Paths of the maps of which there is any tensor of LoRA. */
    Set<String> modules() {
        return modules;
    }

    /** Names of all tensors of LoRA, of whatever module. */
    List<String> ofLora() {
        List<String> all = new ArrayList<>(lora.values());
        all.addAll(unknown);
        all.sort(null);
        return all;
    }

    /** Names of the tensors that are not LoRA's. */
    List<String> others() {
        return others;
    }

    /** The base model's name of a tensor that is not LoRA's. */
    static String nameInBase(String name) {
        String plain = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
        return WRAPPED.matcher(TRAINED.matcher(plain).replaceFirst(".$1")).replaceFirst(".");
    }

    /** Whether a tensor is the copy that was not trained of a module that was. */
    static boolean isOriginal(String name) {
        return name.contains(".original_module.");
    }
}
