package io.calibrant.infra.kubernetes;

import io.calibrant.infra.documents.Page;
import io.fabric8.openshift.api.model.monitoring.v1.RelabelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What Prometheus' operator loads: the rules of {@code infra/prometheus/alerts.yml}, and the labels of a target. */
final class OperatorRules {
    /** Writes what is made of other files. */
    static final String COMMAND = "mvn -pl infra -am test -Dtest=ManifestsTest -Dsurefire.failIfNoSpecifiedTests=false"
            + " -D" + Page.WRITE + "=true";

    private OperatorRules() {}

    /** {@code prometheus-rule.yaml}: the groups as they stand, below the heading of a resource. */
    static String rule() throws IOException {
        List<String> lines = Files.readAllLines(Page.ROOT.resolve("infra/prometheus/alerts.yml"));
        return """
                # The rules of infra/prometheus/alerts.yml; written by ManifestsTest, which fails when it drifts:
                # %s
                apiVersion: monitoring.coreos.com/v1
                kind: PrometheusRule
                metadata:
                  name: calibrant
                  labels:
                    app.kubernetes.io/part-of: calibrant
                spec:
                """.formatted(COMMAND)
                + lines.subList(lines.indexOf("groups:"), lines.size()).stream()
                        .map(line -> line.isEmpty() ? "\n" : "  " + line + "\n")
                        .collect(Collectors.joining());
    }

    /** The labels of a pod's target, as Prometheus makes them by rules of action replace. */
    static Map<String, String> relabelled(Map<String, String> podLabels, List<RelabelConfig> rules) {
        Map<String, String> labels = new HashMap<>();
        podLabels.forEach((name, value) ->
                labels.put("__meta_kubernetes_pod_label_" + name.replaceAll("[^A-Za-z0-9_]", "_"), value));
        for (RelabelConfig rule : rules) {
            String source = rule.getSourceLabels().stream()
                    .map(each -> labels.getOrDefault(each, ""))
                    .collect(Collectors.joining(";"));
            Matcher matcher = Pattern.compile(rule.getRegex() == null ? "(.*)" : rule.getRegex())
                    .matcher(source);
            if (matcher.matches()) {
                labels.put(
                        rule.getTargetLabel(),
                        matcher.replaceFirst(rule.getReplacement() == null ? "$1" : rule.getReplacement()));
            }
        }
        return labels;
    }
}
