package io.calibrant.trainer.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a {@code config.json} says about rotary positions: {@code rope_parameters} as transformers 5 writes them, or
 * {@code rope_theta} and {@code rope_scaling} as older ones do. Every layer has the same, except where layers with a
 * sliding window have their own.
 */
final class RopeReader {
    private static final String PARTIAL = "partial_rotary_factor";
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final String THETA = "rope_theta";
    private static final String BETA = "llama_4_scaling_beta";
    private static final String SCALING = "rope_scaling";
    private static final String PARAMETERS = "rope_parameters";
    private static final String TYPE = "rope_type";
    private static final String TRUNCATE = "truncate";
    private static final String DEFAULT = "default";
    private static final String LINEAR = "linear";
    private static final String DYNAMIC = "dynamic";
    private static final String YARN = "yarn";
    private static final String LONGROPE = "longrope";
    private static final String LLAMA3 = "llama3";

    /** Types with which transformers takes the original length from the file before that from the settings. */
    private static final Set<String> REPLACED = Set.of(LLAMA3, YARN, LONGROPE);

    private final ConfigFile file;
    private final Family family;
    private final ModelSizes sizes;
    private final String key;
    private final RotarySettings full;
    private final RotarySettings sliding;

    RopeReader(ConfigFile file, Family family, ModelSizes sizes) {
        this.file = file;
        this.family = family;
        this.sizes = sizes;
        JsonNode older = object(SCALING, file.root().path(SCALING));
        JsonNode newer = object(PARAMETERS, file.root().path(PARAMETERS));
        key = older.isEmpty() ? PARAMETERS : SCALING;
        Optional<String> slidingBase = family.slidingRotaryBase();
        if (slidingBase.isPresent()) {
            full = settings(
                    ofKind(newer, "full_attention", older),
                    THETA,
                    family.defaults().rotaryBase());
            sliding =
                    settings(ofKind(newer, "sliding_attention", MissingNode.getInstance()), slidingBase.get(), 10_000);
            return;
        }
        JsonNode node = older.isEmpty() ? newer : older;
        for (JsonNode child : node) {
            if (child.isObject()) {
                throw file.refused(key, "the same for all layers", node);
            }
        }
        if (node.isMissingNode() || node.isNull()) {
            node = family.rotaryDefault();
        }
        full = settings(new Scope(key, node), THETA, family.defaults().rotaryBase());
        sliding = full;
    }

    private JsonNode object(String path, JsonNode node) {
        if (!node.isMissingNode() && !node.isNull() && !node.isObject()) {
            throw file.refused(path, "an object", node);
        }
        return node;
    }

    /**
     * What a family whose layers that slide have settings of their own says of one kind: plain where it says nothing.
     *
     * @param older settings as transformers 4 writes them, which count before the others; perhaps nothing
     */
    private Scope ofKind(JsonNode newer, String kind, JsonNode older) {
        String path = PARAMETERS + "." + kind;
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        if (object(path, newer.path(kind)) instanceof ObjectNode own) {
            all.setAll(own);
        } else {
            all.put(TYPE, DEFAULT);
        }
        if (older instanceof ObjectNode own) {
            all.setAll(own);
        }
        return new Scope(older.isEmpty() ? path : SCALING, all);
    }

    /** How positions turn queries and keys in layers that slide, or in those that do not. */
    RotarySettings settings(boolean slides) {
        return slides ? sliding : full;
    }

    /** Up to where the forward pass is that of the model: its positions, or those that scaling stretches them to. */
    ContextLimit context() {
        int positions = sizes.maxPositions();
        int reach = Math.min(full.scaling().reach(positions), sliding.scaling().reach(positions));
        return reach <= positions
                ? ContextLimit.ofPositions(positions)
                : new ContextLimit(reach, "max_position_embeddings, stretched by " + key + ",");
    }

    /**
     * Settings of layers.
     *
     * @param base key with the base of the frequencies where the scope has none
     * @param otherwise the base where there is no such key
     */
    private RotarySettings settings(Scope scope, String base, double otherwise) {
        double theta = scope.has(THETA) ? number(scope, THETA) : file.number(base, otherwise);
        return new RotarySettings(theta, partial(scope), scaling(scope), queries(scope));
    }

    /** A JSON object and how messages name it. */
    private record Scope(String path, JsonNode node) {
        String key(String name) {
            return path + "." + name;
        }

        boolean has(String name) {
            return node.hasNonNull(name);
        }
    }

    private double partial(Scope scope) {
        boolean nested = scope.has(PARTIAL);
        String path = nested ? scope.key(PARTIAL) : PARTIAL;
        // Where no part of a head is left, transformers passes over a null.
        boolean given = nested || file.has(PARTIAL) || family.turnsPartsOfHeads();
        double partial = nested ? number(scope, PARTIAL) : given ? file.number(PARTIAL, 1) : 1;
        if (partial == 1) {
            return 1;
        }
        if (!family.turnsPartsOfHeads()) {
            throw file.refused(path, "1", partial);
        }
        int turned = (int) (sizes.headWidth() * partial);
        if (partial < 0 || partial > 1 || turned < 2 || turned % 2 != 0) {
            throw file.refused(path, "a part of head_dim " + sizes.headWidth() + " that is even", partial);
        }
        return partial;
    }

    private Optional<PositionScale> queries(Scope scope) {
        if (!family.hasPositionScale()) {
            if (scope.has(BETA)) {
                throw file.refused(
                        scope.key(BETA), "absent with model_type " + family.modelType(), scope.node.path(BETA));
            }
            return Optional.empty();
        }
        return scope.has(BETA)
                ? Optional.of(new PositionScale(number(scope, BETA), originalOfQueries(scope)))
                : Optional.empty();
    }

    /** As transformers has it: the key of the whole file replaces the one of the settings only with some scalings. */
    private int originalOfQueries(Scope scope) {
        return scope.has(ORIGINAL) && !REPLACED.contains(type(scope)) ? whole(scope, ORIGINAL) : original(scope);
    }

    private String type(Scope scope) {
        return family.ropeType(scope.node.path(scope.has(TYPE) ? TYPE : "type").asText(DEFAULT));
    }

    private RopeScaling scaling(Scope scope) {
        String type = type(scope);
        return switch (type) {
            case DEFAULT -> RopeScaling.none();
            case LINEAR -> new RopeScaling.Linear(positive(scope, "factor", type));
            case DYNAMIC -> new RopeScaling.Dynamic(positive(scope, "factor", type), sizes.maxPositions());
            case LLAMA3 ->
                new RopeScaling.Llama3(
                        positive(scope, "factor", type),
                        positive(scope, "low_freq_factor", type),
                        positive(scope, "high_freq_factor", type),
                        original(scope));
            case YARN -> yarn(scope);
            case LONGROPE -> longRope(scope);
            default ->
                throw file.refused(
                        scope.key(TYPE),
                        "one of default, linear, dynamic, yarn, longrope, llama3",
                        ConfigFile.quoted(type));
        };
    }

    private RopeScaling yarn(Scope scope) {
        int original = original(scope);
        double factor =
                scope.has("factor") ? positive(scope, "factor", YARN) : (double) sizes.maxPositions() / original;
        double amplitude;
        if (scope.has("attention_factor")) {
            amplitude = positive(scope, "attention_factor", YARN);
        } else if (isNotZero(scope, "mscale") && isNotZero(scope, "mscale_all_dim")) {
            amplitude = magnitude(factor, number(scope, "mscale")) / magnitude(factor, number(scope, "mscale_all_dim"));
        } else {
            amplitude = magnitude(factor, 1);
        }
        return new RopeScaling.Yarn(
                factor,
                original,
                isNotZero(scope, "beta_fast") ? positive(scope, "beta_fast", YARN) : 32,
                isNotZero(scope, "beta_slow") ? positive(scope, "beta_slow", YARN) : 1,
                wholePairs(scope),
                amplitude);
    }

    /** As transformers has it: null is false, and of layers with settings of their own none has its own truncate. */
    private boolean wholePairs(Scope scope) {
        JsonNode node = family.slidingRotaryBase().isPresent() ? file.root().path(PARAMETERS) : scope.node;
        return !node.has(TRUNCATE) || node.path(TRUNCATE).asBoolean();
    }

    private static double magnitude(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private RopeScaling longRope(Scope scope) {
        int original = original(scope);
        double factor =
                scope.has("factor") ? positive(scope, "factor", LONGROPE) : (double) sizes.maxPositions() / original;
        double amplitude = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        if (scope.has("attention_factor")) {
            amplitude = positive(scope, "attention_factor", LONGROPE);
        }
        return new RopeScaling.LongRope(
                factors(scope, "short_factor"), factors(scope, "long_factor"), original, amplitude);
    }

    private List<Double> factors(Scope scope, String name) {
        JsonNode node = scope.node.path(name);
        int pairs = (int) (sizes.headWidth() * partial(scope)) / 2;
        if (!node.isArray() || node.size() != pairs) {
            throw file.refused(
                    scope.key(name),
                    "a list of " + pairs + " numbers with rope_type " + LONGROPE,
                    node.isArray() ? node.size() + " of them" : node);
        }
        List<Double> factors = new ArrayList<>();
        for (JsonNode element : node) {
            double factor = file.number(scope.key(name), element);
            if (factor <= 0) {
                throw file.refused(scope.key(name), "numbers above 0", element);
            }
            factors.add(factor);
        }
        return List.copyOf(factors);
    }

    /** How long the sequences of pretraining were, by the key that transformers looks at first. */
    private int original(Scope scope) {
        boolean ofKind = family.slidingRotaryBase().isPresent();
        if (file.has(ORIGINAL) && !ofKind) {
            return wholeNumber(ORIGINAL, file.root().path(ORIGINAL));
        }
        if (family.defaults().originalPositions() > 0) {
            return family.defaults().originalPositions();
        }
        return scope.has(ORIGINAL) ? whole(scope, ORIGINAL) : sizes.maxPositions();
    }

    private boolean isNotZero(Scope scope, String name) {
        return scope.has(name) && number(scope, name) != 0;
    }

    private double number(Scope scope, String name) {
        return file.number(scope.key(name), scope.node.path(name));
    }

    private double positive(Scope scope, String name, String type) {
        JsonNode node = scope.node.path(name);
        if (!node.isNumber()) {
            throw file.refused(scope.key(name), "a number with rope_type " + type, node);
        }
        double number = number(scope, name);
        if (number <= 0) {
            throw file.refused(scope.key(name), "above 0", node);
        }
        return number;
    }

    private int whole(Scope scope, String name) {
        return wholeNumber(scope.key(name), scope.node.path(name));
    }

    private int wholeNumber(String path, JsonNode node) {
        double number = file.number(path, node);
        if (number != Math.rint(number) || number < 1 || number > Integer.MAX_VALUE) {
            throw file.refused(path, "a whole number from 1 on", node);
        }
        return (int) number;
    }
}
