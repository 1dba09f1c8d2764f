package io.calibrant.trainer.lora;

import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;

/**
 * Which linear maps an adapter touches, as PEFT's {@code target_modules} says it: a list of names, each matching a
 * module whose path equals it or ends in {@code .name}; or one regular expression that must match the whole path; or
 * {@code all-linear}, every map but the head.
 *
 * @param names the list; empty if there is a pattern
 * @param pattern the regular expression, {@code all-linear}, or the empty string if there is a list
 */
public record LoraTargets(List<String> names, String pattern) {

    /** PEFT's word for every linear map except the head. */
    public static final String ALL_LINEAR = "all-linear";

    private static final String ACCEPTED =
            "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head, or full module paths";

    /** Refuses to match nothing. */
    public LoraTargets {
        names = names.stream().map(String::strip).distinct().toList();
        if (names.isEmpty() == pattern.isEmpty() || names.contains("")) {
            throw new IllegalArgumentException("LoRA targets must be " + ACCEPTED + ", got " + names);
        }
    }

    /** A list of names or paths. */
    public static LoraTargets of(String... names) {
        return new LoraTargets(Arrays.asList(names), "");
    }

    /** As PEFT takes a text: {@code all-linear} in any case, else a regular expression in Python's spelling. */
    static LoraTargets ofText(String text) {
        return text.toLowerCase(Locale.ROOT).equals(ALL_LINEAR)
                ? new LoraTargets(List.of(), ALL_LINEAR)
                : new LoraTargets(List.of(), text);
    }

    /** As a user types it: {@code q_proj,v_proj,lm_head}, or {@code all-linear}. */
    public static LoraTargets parse(String text) {
        return text.strip().equals(ALL_LINEAR)
                ? new LoraTargets(List.of(), ALL_LINEAR)
                : new LoraTargets(Arrays.asList(text.split(",", -1)), "");
    }

    /**
     * The maps of a model that are adapted, in the order of the forward pass.
     *
     * @throws IllegalArgumentException if a name, or the pattern, matches none
     */
    public List<LinearShape> select(ModelConfig config) {
        List<LinearShape> linears = config.linears();
        for (String name : names) {
            if (linears.stream().noneMatch(l -> matches(name, l.path()))) {
                throw new IllegalArgumentException("LoRA target must be a linear map of this model (" + names(linears)
                        + ", or full module paths), got '" + name + "'");
            }
        }
        List<LinearShape> selected = new ArrayList<>();
        Pattern regex = pattern.isEmpty() || pattern.equals(ALL_LINEAR) ? null : compiled();
        for (LinearShape linear : linears) {
            boolean wanted;
            if (regex != null) {
                wanted = regex.matcher(linear.path()).matches();
            } else if (pattern.equals(ALL_LINEAR)) {
                wanted = !linear.path().equals(ModelConfig.HEAD);
            } else {
                wanted = names.stream().anyMatch(n -> matches(n, linear.path()));
            }
            if (wanted) {
                selected.add(linear);
            }
        }
        if (selected.isEmpty()) {
            throw new IllegalArgumentException(
                    "LoRA target pattern must match a linear map of this model, got '" + pattern + "'");
        }
        return List.copyOf(selected);
    }

    /**
     * These targets without the names that match no map of a model: of an adapter that was trained, PEFT minds only
     * that some name does. Where none does they are as they were, and {@link #select} refuses them.
     */
    LoraTargets present(List<LinearShape> linears) {
        List<String> found = names.stream()
                .filter(name -> linears.stream().anyMatch(l -> matches(name, l.path())))
                .toList();
        return found.isEmpty() ? this : new LoraTargets(found, "");
    }

    private static String names(List<LinearShape> linears) {
        return linears.stream()
                .map(l -> l.path().substring(l.path().lastIndexOf('.') + 1))
                .distinct()
                .collect(Collectors.joining(", "));
    }

    private static boolean matches(String name, String path) {
        return path.equals(name) || path.endsWith("." + name);
    }

    private Pattern compiled() {
        try {
            return Pattern.compile(PythonRegex.inJava(pattern));
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "LoRA target pattern must be a regular expression, got '" + pattern + "': " + e.getDescription(),
                    e);
        }
    }
}
