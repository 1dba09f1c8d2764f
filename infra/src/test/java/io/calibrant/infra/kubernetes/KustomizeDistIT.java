package io.calibrant.infra.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.calibrant.infra.documents.Page;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What kustomize makes of the directories, and what Prometheus' own tool says of the rules in them. */
class KustomizeDistIT {
    @TempDir
    private Path dir;

    /** Tests look at what {@link Kustomization} merges; here is what a cluster gets. */
    @ParameterizedTest
    @ValueSource(strings = {"base", "train", "tools", "example", "example/train", "example/tools"})
    void shouldMergeAsTheTestsDo(String folder) throws Exception {
        assertThat(contents(built(folder)))
                .isEqualTo(contents(Kustomization.build(folder)))
                .isNotEmpty();
        built(folder).forEach(Manifests::parse);
    }

    @Test
    void shouldGiveTheExampleItsNamesAndLabels() throws Exception {
        List<JsonNode> built = new ArrayList<>(built("example"));
        built.addAll(built("example/train"));
        built.addAll(built("example/tools"));
        assertThat(built)
                .allSatisfy(each ->
                        assertThat(each.at("/metadata/namespace").asText()).isEqualTo("kafka"));
        assertThat(built)
                .filteredOn(each -> each.path("kind").asText().matches("PodMonitor|PrometheusRule"))
                .hasSize(3)
                .allSatisfy(each ->
                        assertThat(each.at("/metadata/labels/release").asText()).isNotEmpty());
        assertThat(built)
                .filteredOn(each -> each.at("/spec/template/spec").has("containers"))
                .hasSize(4)
                .allSatisfy(each -> assertThat(each.at("/spec/template/spec/containers/0/image")
                                .asText())
                        .startsWith("registry.example.com/calibrant/")
                        .endsWith(":" + Page.projectVersion()));
    }

    @Test
    void shouldHaveRulesThatPrometheusReads() throws Exception {
        require("promtool", "apt-get install prometheus");
        for (JsonNode tree : Kustomization.build("monitoring")) {
            if (tree.path("kind").asText().equals("PrometheusRule")) {
                run("promtool", "check", "rules", file("rules.yml", tree.get("spec")));
            }
        }
        run("promtool", "check", "config", composed());
    }

    @Test
    void shouldTellOfPodsThatNeverRan() throws Exception {
        require("promtool", "apt-get install prometheus");
        JsonNode rule = Manifests.trees(Kustomization.HOME.resolve("monitoring/kubernetes-rule.yaml"))
                .get(0);
        file("rules.yml", rule.get("spec"));
        Path test = Files.writeString(dir.resolve("test.yml"), """
                rule_files: [rules.yml]
                tests:
                  - interval: 1m
                    input_series:
                      - series: 'kube_job_failed{condition="true", namespace="kafka", job_name="calibrant-train-a"}'
                        values: "0x5 1x30"
                      - series: 'kube_job_failed{condition="true", namespace="kafka", job_name="another"}'
                        values: "1x40"
                      - series: 'kube_job_failed{condition="false", namespace="kafka", job_name="calibrant-train-b"}'
                        values: "1x40"
                      - series: 'kube_pod_status_phase{phase="Pending", namespace="kafka", pod="calibrant-scorer-x"}'
                        values: "1x40"
                      - series: 'kube_pod_status_phase{phase="Pending", namespace="kafka", pod="calibrant-fitter-0"}'
                        values: "1x3 0x36"
                      - series: 'kube_pod_status_phase{phase="Pending", namespace="kafka", pod="calibrant-train-a-x"}'
                        values: "1x40"
                    alert_rule_test:
                      - {eval_time: 5m, alertname: TrainerJobFailed}
                      - eval_time: 6m
                        alertname: TrainerJobFailed
                        exp_alerts:
                          - exp_labels: {severity: ticket, namespace: kafka, job_name: calibrant-train-a}
                            exp_annotations:
                              summary: job calibrant-train-a in kafka has failed, and is not tried again
                              runbook_url: infra/kubernetes/README.md#trainerjobfailed
                      - {eval_time: 14m, alertname: PodPending}
                      - eval_time: 15m
                        alertname: PodPending
                        exp_alerts:
                          - exp_labels: {severity: page, namespace: kafka, pod: calibrant-scorer-x}
                            exp_annotations:
                              summary: pod calibrant-scorer-x in kafka does not start
                              runbook_url: infra/kubernetes/README.md#podpending
                """);
        run("promtool", "test", "rules", test.toString());
    }

    /** Configuration and rules as {@code infra/compose.yaml} mounts them: in one directory. */
    private String composed() throws IOException {
        Path infra = Page.ROOT.resolve("infra");
        Files.copy(infra.resolve("prometheus/alerts.yml"), dir.resolve("alerts.yml"));
        return Files.copy(infra.resolve("compose/prometheus.yaml"), dir.resolve("prometheus.yaml"))
                .toString();
    }

    private String file(String name, JsonNode content) throws IOException {
        return Files.writeString(dir.resolve(name), content.toString()).toString();
    }

    private List<JsonNode> built(String folder) throws Exception {
        assumeTrue(
                said("kubectl", "version", "--client").contains("Kustomize Version: v5"),
                "kubectl with kustomize 5 is not here: what it makes of the overlays is not checked");
        return Manifests.trees(
                run("kubectl", "kustomize", Kustomization.HOME.resolve(folder).toString()));
    }

    /** What is in each document but the names of images, which an overlay changes besides. */
    private static Map<String, JsonNode> contents(List<JsonNode> trees) {
        Map<String, JsonNode> contents = new TreeMap<>();
        trees.forEach(tree -> {
            ObjectNode content = new ObjectMapper().createObjectNode();
            content.set("spec", sorted(tree.path("spec")));
            content.set("data", tree.path("data"));
            contents.put(
                    tree.path("kind").asText() + "/" + tree.at("/metadata/name").asText(), content);
        });
        return contents;
    }

    /** Lists of named objects in the order of their names, which alone counts where they are merged. */
    private static JsonNode sorted(JsonNode tree) {
        if (tree instanceof ObjectNode object) {
            ObjectNode sorted = object.objectNode();
            object.properties().stream()
                    .filter(each -> !each.getKey().equals("image"))
                    .forEach(each -> sorted.set(each.getKey(), sorted(each.getValue())));
            return sorted;
        }
        if (tree instanceof ArrayNode list) {
            List<JsonNode> all = new ArrayList<>();
            list.forEach(each -> all.add(sorted(each)));
            all.sort(Comparator.comparing(each -> each.path("name").asText()));
            return list.arrayNode().addAll(all);
        }
        // Kustomize breaks the lines of a folded text anew.
        return tree.isTextual() ? TextNode.valueOf(tree.asText().replaceAll("\\s+", " ")) : tree;
    }

    private void require(String program, String from) throws Exception {
        assumeTrue(!said(program, "--version").isEmpty(), program + " is not here (" + from + "): nothing is checked");
    }

    /** What a program says where it is; nothing where it is not. */
    private String said(String... command) throws Exception {
        try {
            return run(command);
        } catch (IOException e) {
            return "";
        }
    }

    private String run(String... command) throws Exception {
        Path said = dir.resolve("said");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue())
                .as(String.join(" ", command) + ": " + Files.readString(said))
                .isZero();
        return Files.readString(said);
    }
}
