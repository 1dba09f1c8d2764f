package io.calibrant.trainer.lora;

import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ReplacedWeights;
import io.calibrant.trainer.safetensors.ModelFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What an adapter's training changed of its base model beside LoRA: modules that were trained whole (PEFT's
 * {@code modules_to_save}) and the biases of adapted maps ({@code bias: lora_only}). It stands in the adapter's file
 * and takes the place of the base model's weights.
 *
 * @param modules names or paths of the modules that were trained whole
 * @param absent names of others, of which the file has nothing: the model must lack such modules
 * @param biases whether the biases of the adapted maps were trained
 * @param head name in the adapter's file of the head of a sequence classifier, which {@link SequenceClassifier} reads
 * @param weights where the other weights are, by the base model's names
 */
public record SavedModules(
        List<String> modules, List<String> absent, boolean biases, Optional<String> head, ReplacedWeights weights) {
    /** Nothing but LoRA. */
    static final SavedModules NONE =
            new SavedModules(List.of(), List.of(), false, Optional.empty(), ReplacedWeights.NONE);

    private static final String BIAS = ".bias";

    /** Embedding and head. */
    private static final List<String> PAIR = List.of("model.embed_tokens", ModelConfig.HEAD);

    /** Copies the names. */
    public SavedModules {
        modules = List.copyOf(modules);
        absent = List.copyOf(absent);
    }

    /** Finds the weights in an adapter's file. */
    static SavedModules find(PeftConfig config, AdapterTensors tensors, Path file) {
        List<String> modules = modules(config, tensors);
        boolean biases = config.trainsBiases();
        Map<String, String> found = new TreeMap<>();
        for (String name : tensors.others()) {
            String base = AdapterTensors.nameInBase(name);
            String module = base.substring(0, Math.max(0, base.lastIndexOf('.')));
            boolean trained = modules.stream().anyMatch(each -> covers(each, module))
                    || (biases && base.endsWith(BIAS) && tensors.modules().contains(module));
            if (trained && !AdapterTensors.isOriginal(name)) {
                String before = found.put(base, name);
                if (before != null) {
                    throw new ModelFileException(
                            file + ": tensors " + before + " and " + name + ": expected one of them, found both");
                }
            }
        }
        Map<Boolean, List<String>> here =
                modules.stream().collect(Collectors.partitioningBy(each -> coversAny(each, found.keySet())));
        return new SavedModules(
                here.get(true),
                here.get(false).stream()
                        .filter(each -> !(config.isClassifier() && covers(each, ModelConfig.HEAD)))
                        .toList(),
                biases,
                head(config, tensors),
                found.isEmpty() ? ReplacedWeights.NONE : new ReplacedWeights(file, found));
    }

    /** Where PEFT keeps a tied pair tied, its file has both, whichever of them is named. */
    private static List<String> modules(PeftConfig config, AdapterTensors tensors) {
        List<String> named = config.modulesToSave();
        if (!config.keepsTied() || PAIR.stream().noneMatch(one -> named.stream().anyMatch(each -> covers(each, one)))) {
            return named;
        }
        Set<String> stored =
                tensors.others().stream().map(AdapterTensors::nameInBase).collect(Collectors.toSet());
        List<String> all = new ArrayList<>(named);
        PAIR.stream()
                .filter(one -> stored.contains(one + ".weight"))
                .filter(one -> named.stream().noneMatch(each -> covers(each, one)))
                .forEach(all::add);
        return all;
    }

    private static Optional<String> head(PeftConfig config, AdapterTensors tensors) {
        return tensors.others().stream()
                .filter(name -> config.isClassifier() && SequenceClassifier.isHead(name))
                .findFirst();
    }

    /**
     * Whether a name means a module, or one that it is in. PEFT takes every path that ends in the name, also in the
     * middle of a word: {@code norm} means the final norm and each layer's {@code input_layernorm}.
     */
    private static boolean covers(String name, String module) {
        int end = module.length();
        while (end > 0) {
            if (module.startsWith(name, end - name.length())) {
                return true;
            }
            end = module.lastIndexOf('.', end - 1);
        }
        return false;
    }

    private static boolean coversAny(String name, Collection<String> tensors) {
        return tensors.stream()
                .anyMatch(tensor -> covers(name, tensor.substring(0, Math.max(0, tensor.lastIndexOf('.')))));
    }

    /**
     * A name of which the adapter's file has nothing, although the base model has such a module. PEFT passes over names
     * that mean no module.
     *
     * @param tensors names of the base model's
     */
    Optional<String> missing(Collection<String> tensors) {
        return absent.stream()
                .filter(each -> covers(each, ModelConfig.HEAD) || coversAny(each, tensors))
                .findFirst();
    }

    /** The name under which PEFT stores a tensor that it takes the place of. */
    String saved(String base) {
        String module = base.substring(0, base.lastIndexOf('.'));
        boolean whole = modules.stream().anyMatch(each -> covers(each, module));
        return AdapterTensors.PREFIX + (whole ? base : module + ".base_layer" + base.substring(module.length()));
    }
}
