package io.calibrant.infra.kubernetes;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.openshift.api.model.monitoring.v1.PodMonitor;
import io.fabric8.openshift.api.model.monitoring.v1.PrometheusRule;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import io.strimzi.api.kafka.model.user.KafkaUser;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;

/** Reads manifests as their kinds' own classes; what those do not know is an error. */
public final class Manifests {
    private static final Map<String, Class<? extends HasMetadata>> KINDS = Map.ofEntries(
            Map.entry("v1/ConfigMap", ConfigMap.class),
            Map.entry("v1/Service", Service.class),
            Map.entry("v1/PersistentVolumeClaim", PersistentVolumeClaim.class),
            Map.entry("apps/v1/StatefulSet", StatefulSet.class),
            Map.entry("apps/v1/Deployment", Deployment.class),
            Map.entry("batch/v1/Job", Job.class),
            Map.entry("policy/v1/PodDisruptionBudget", PodDisruptionBudget.class),
            Map.entry("networking.k8s.io/v1/NetworkPolicy", NetworkPolicy.class),
            Map.entry("kafka.strimzi.io/v1/KafkaTopic", KafkaTopic.class),
            Map.entry("kafka.strimzi.io/v1/KafkaUser", KafkaUser.class),
            Map.entry("monitoring.coreos.com/v1/PodMonitor", PodMonitor.class),
            Map.entry("monitoring.coreos.com/v1/PrometheusRule", PrometheusRule.class));

    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private Manifests() {}

    /** The documents of a text, as trees. */
    static List<JsonNode> trees(String text) {
        LoaderOptions options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        options.setMaxAliasesForCollections(100);
        List<JsonNode> trees = new ArrayList<>();
        new Yaml(options).loadAll(text).forEach(document -> trees.add(JSON.valueToTree(document)));
        return trees;
    }

    /** The documents of a file, as trees. */
    public static List<JsonNode> trees(Path file) throws IOException {
        return trees(Files.readString(file));
    }

    /**
     * A manifest, or a patch of one.
     *
     * @throws IllegalArgumentException naming a field that its kind does not have
     */
    static HasMetadata parse(JsonNode tree) {
        String kind = tree.path("apiVersion").asText() + "/" + tree.path("kind").asText();
        if (!KINDS.containsKey(kind)) {
            throw new IllegalArgumentException("no kind of ours: " + kind);
        }
        HasMetadata parsed;
        try {
            parsed = JSON.treeToValue(tree, KINDS.get(kind));
        } catch (IOException e) {
            throw new IllegalArgumentException(kind + ": " + e.getMessage(), e);
        }
        List<String> unknown = new ArrayList<>();
        find(parsed, kind, unknown);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("fields that do not exist: " + unknown);
        }
        return parsed;
    }

    /** The classes keep what they do not know, in {@code getAdditionalProperties}. */
    private static void find(Object value, String path, List<String> unknown) {
        if (value instanceof Collection<?> many) {
            many.forEach(each -> find(each, path + "[]", unknown));
        } else if (value instanceof Map<?, ?> map) {
            map.forEach((key, each) -> find(each, path + "." + key, unknown));
        } else if (value != null && isModel(value.getClass())) {
            for (Method method : value.getClass().getMethods()) {
                if (method.getName().startsWith("get")
                        && method.getParameterCount() == 0
                        && !Modifier.isStatic(method.getModifiers())) {
                    Object got = call(method, value);
                    if (method.getName().equals("getAdditionalProperties")) {
                        if (got instanceof Map<?, ?> more) {
                            more.keySet().forEach(key -> unknown.add(path + "." + key));
                        }
                    } else {
                        find(got, path + "." + method.getName().substring(3), unknown);
                    }
                }
            }
        }
    }

    private static boolean isModel(Class<?> type) {
        return !type.isEnum()
                && (type.getName().startsWith("io.fabric8.kubernetes.api.model.")
                        || type.getName().startsWith("io.fabric8.openshift.api.model.")
                        || type.getName().startsWith("io.strimzi."));
    }

    private static Object call(Method method, Object value) {
        try {
            return method.invoke(value);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(method.toString(), e);
        }
    }
}
