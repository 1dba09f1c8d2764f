package io.calibrant.infra.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.AccessRight;
import io.calibrant.testing.AccessPage;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.SecurityContext;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicyOnPodConditionsPattern;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.openshift.api.model.monitoring.v1.PodMetricsEndpoint;
import io.fabric8.openshift.api.model.monitoring.v1.PodMonitor;
import io.fabric8.openshift.api.model.monitoring.v1.PrometheusRule;
import io.strimzi.api.kafka.model.user.KafkaUser;
import io.strimzi.api.kafka.model.user.KafkaUserAuthorizationSimple;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.ExitCode;

/** What {@code infra/kubernetes} says is what Kubernetes, Strimzi and this project know. */
class ManifestsTest {
    private static final Path HOME = Kustomization.HOME;
    private static final Path ACCESS = Page.ROOT.resolve("infra/docs/access.md");

    /** A variable whose name speaks of a secret. */
    private static final Pattern SECRET = Pattern.compile("JAAS|PASSWORD|USER_INFO|TOKEN|SECRET");

    private static List<Path> kustomizations() throws IOException {
        try (Stream<Path> files = Files.walk(HOME)) {
            return files.filter(file -> file.endsWith("kustomization.yaml")).toList();
        }
    }

    private static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        array.forEach(each -> texts.add(each.isObject() ? each.path("path").asText() : each.asText()));
        return texts;
    }

    private static Map<String, HasMetadata> manifests(String folder) throws IOException {
        Map<String, HasMetadata> manifests = new TreeMap<>();
        for (JsonNode tree : Kustomization.build(folder)) {
            HasMetadata manifest = Manifests.parse(tree);
            manifests.put(manifest.getKind() + "/" + manifest.getMetadata().getName(), manifest);
        }
        return manifests;
    }

    @Test
    void shouldHaveFieldsThatTheirKindsKnow() throws IOException {
        int documents = 0;
        try (Stream<Path> files = Files.walk(HOME)) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".yaml")).toList()) {
                for (JsonNode tree : Manifests.trees(file)) {
                    if (!file.endsWith("kustomization.yaml")) {
                        Manifests.parse(tree);
                        documents++;
                    }
                }
            }
        }
        assertThat(documents).isGreaterThan(25);
    }

    @Test
    void shouldRefuseAFieldThatDoesNotExistWhereverItStands() throws IOException {
        for (String[] change : new String[][] {
            {"base/fitter.yaml", "readOnlyRootFilesystem:", "readOnlyRootFileSystem:"},
            {"base/fitter.yaml", "  serviceName:", "  service:"},
            {"base/fitter.yaml", "maxUnavailable:", "maxUnavailible:"},
            {"base/fitter.yaml", "unhealthyPodEvictionPolicy:", "unhealthyPodEviction:"},
            {"train/job.yaml", "onPodConditions:", "onPodCondition:"},
            {"base/scorer.yaml", "failureThreshold: 6", "failures: 6"},
            {"base/network-policy.yaml", "policyTypes:", "policies:"},
            {"base/topics.yaml", "  partitions:", "  partition:"},
            {"base/users.yaml", "operations:", "operation:"},
            {"train/job.yaml", "backoffLimit:", "backOffLimit:"},
            {"monitoring/pod-monitor.yaml", "honorLabels:", "honourLabels:"},
            {"monitoring/kubernetes-rule.yaml", "expr:", "expression:"},
        }) {
            String text = Files.readString(HOME.resolve(change[0]));
            assertThat(text).as(change[0]).contains(change[1]);
            assertThatThrownBy(() ->
                            Manifests.trees(text.replace(change[1], change[2])).forEach(Manifests::parse))
                    .as(String.join(" ", change))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(change[2].replaceAll("[ :]|\\d", ""));
        }
    }

    @Test
    void shouldBuildOfFilesThatAreThereAndPatchWhatIsThere() throws IOException {
        for (Path file : kustomizations()) {
            JsonNode kustomization = Manifests.trees(file).get(0);
            assertThat(kustomization.path("kind").asText()).isIn("Kustomization", "Component");
            Path home = file.getParent();
            List<String> resources = texts(kustomization.path("resources"));
            assertThat(resources)
                    .as(file.toString())
                    .isNotEmpty()
                    .allSatisfy(each -> assertThat(home.resolve(each)).exists());
            assertThat(texts(kustomization.path("components")))
                    .allSatisfy(each -> assertThat(home.resolve(each).resolve("kustomization.yaml"))
                            .exists());
            kustomization
                    .path("images")
                    .forEach(image -> assertThat(image.path("newTag").asText()).isEqualTo(Page.projectVersion()));
            List<String> files = new ArrayList<>(resources);
            files.addAll(texts(kustomization.path("patches")));
            try (Stream<Path> all = Files.list(home)) {
                assertThat(all.map(each -> each.getFileName().toString())
                                .filter(each -> each.endsWith(".yaml") && !each.equals("kustomization.yaml")))
                        .as("files that %s does not name", file)
                        .allMatch(files::contains);
            }
            // Of patches of what is not there, and of fields that a kind does not have, this says so.
            assertThat(manifests(HOME.relativize(home).toString()))
                    .as(file.toString())
                    .isNotEmpty();
        }
    }

    @Test
    void shouldHaveTheTopicsOfTheDefinitionsAndTheRightsOfThePage() throws IOException {
        Path topics = HOME.resolve("base/topics.yaml");
        Path users = HOME.resolve("base/users.yaml");
        if (Boolean.getBoolean(Page.WRITE)) {
            Files.writeString(topics, StrimziResources.topics());
            Files.writeString(users, StrimziResources.users(ACCESS));
        }
        assertThat(topics).content().isEqualTo(StrimziResources.topics());
        assertThat(users).content().isEqualTo(StrimziResources.users(ACCESS));
    }

    /** Strimzi's classes take a name of an operation that there is not for none at all. */
    @Test
    void shouldNameOperationsThatStrimziKnows() throws IOException {
        manifests("base").values().stream()
                .filter(KafkaUser.class::isInstance)
                .map(each -> (KafkaUserAuthorizationSimple)
                        ((KafkaUser) each).getSpec().getAuthorization())
                .forEach(each -> assertThat(each.getAcls())
                        .isNotEmpty()
                        .allSatisfy(rule ->
                                assertThat(rule.getOperations()).isNotEmpty().doesNotContainNull()));
    }

    /**
     * Each command that somebody who is called is told to run has its rights on the page, and the operator has them.
     */
    @Test
    void shouldLetTheOperatorDoWhatTheRunbooksAskFor() throws IOException {
        Map<String, List<AccessRight>> page = AccessPage.rights(ACCESS);
        List<String> lines = Page.read("infra/docs/operations.md").prose();
        String runbooks = String.join(" ", lines.subList(lines.indexOf("## Alerts"), lines.size()));
        List<String> asked = Pattern.compile("`(?:calibrant )?([a-z]+)((?: --(?:apply|alter|delete)\\b)*)[ `]")
                .matcher(runbooks)
                .results()
                .filter(found -> page.containsKey(found.group(1)))
                .map(found -> found.group(1) + found.group(2))
                .distinct()
                .toList();
        assertThat(asked).contains("topics --apply", "fits --delete", "validate", "runs");
        List<AccessRight> operator = StrimziResources.rights(ACCESS).get("calibrant-operator");
        for (String command : asked) {
            assertThat(page).as("rights of each command that a runbook names").containsKey(command);
            assertThat(page.get(command))
                    .as(command)
                    .allMatch(right -> operator.stream().anyMatch(each -> each.includes(right)));
        }
    }

    /** The page's rows and what the services check at their start: each right of one is a right of the other. */
    @Test
    void shouldAskForTheRightsOfThePage() throws IOException {
        Map<String, List<AccessRight>> page = AccessPage.rights(ACCESS);
        StrimziResources.ofCode().forEach((command, rights) -> {
            assertThat(rights)
                    .as(command + ": rights that the page lacks")
                    .allMatch(right -> page.get(command).stream().anyMatch(each -> each.includes(right)));
            assertThat(page.get(command))
                    .as(command + ": rights that nobody asks for")
                    .allMatch(right -> rights.stream()
                            .anyMatch(each -> each.operation().equals(right.operation()) && right.includes(each)));
        });
    }

    /** One file is written and promtool tests it: what the operator loads is the same, below another heading. */
    @Test
    void shouldWakeSomebodyByTheRulesOfThePrometheusFile() throws IOException {
        Path rules = HOME.resolve("monitoring/prometheus-rule.yaml");
        if (Boolean.getBoolean(Page.WRITE)) {
            Files.writeString(rules, OperatorRules.rule());
        }
        assertThat(rules)
                .as("write it anew: " + OperatorRules.COMMAND)
                .content()
                .isEqualTo(OperatorRules.rule());
        PrometheusRule parsed = (PrometheusRule) manifests("monitoring").get("PrometheusRule/calibrant");
        assertThat(parsed.getSpec().getGroups().get(0).getRules())
                .extracting(rule -> rule.getAlert())
                .contains("ServiceDown", "TrainerStuck");
    }

    /** Without them ServiceDown, ScorerWaits and TrainerStuck match nothing, and all is silent. */
    @Test
    void shouldScrapePodsUnderTheLabelsThatTheRulesAskFor() throws IOException {
        PodMonitor monitor = (PodMonitor) manifests("monitoring").get("PodMonitor/calibrant");
        PodMetricsEndpoint endpoint = monitor.getSpec().getPodMetricsEndpoints().get(0);
        assertThat(endpoint.getHonorLabels()).isTrue();
        Set<String> services = new TreeSet<>();
        pods().forEach((name, pod) -> {
            if (!isService(pod)) {
                return;
            }
            Map<String, String> labels = pod.getMetadata().getLabels();
            assertThat(labels)
                    .containsAllEntriesOf(monitor.getSpec().getSelector().getMatchLabels());
            assertThat(pod.getSpec().getContainers().get(0).getPorts())
                    .extracting(ContainerPort::getName)
                    .contains(endpoint.getPort());
            Map<String, String> target = OperatorRules.relabelled(labels, endpoint.getRelabelings());
            assertThat(target).containsEntry("job", "calibrant").containsKey("service");
            services.add(target.get("service"));
        });
        String rules = OperatorRules.rule();
        assertThat(rules).contains("up{job=\"calibrant\"");
        assertThat(services)
                .containsExactly("fitter", "scorer", "trainer")
                .containsAll(Pattern.compile("\\bservice!?=\"(\\w+)\"")
                        .matcher(rules)
                        .results()
                        .map(found -> found.group(1))
                        .toList());
    }

    private static Map<String, PodTemplateSpec> pods() throws IOException {
        Map<String, HasMetadata> manifests = manifests("base");
        manifests.putAll(manifests("train"));
        manifests.putAll(manifests("tools"));
        Map<String, PodTemplateSpec> pods = new TreeMap<>();
        manifests.forEach((name, manifest) -> {
            if (manifest instanceof StatefulSet set) {
                pods.put(name, set.getSpec().getTemplate());
            } else if (manifest instanceof Deployment deployment) {
                pods.put(name, deployment.getSpec().getTemplate());
            } else if (manifest instanceof Job job) {
                pods.put(name, job.getSpec().getTemplate());
            }
        });
        assertThat(pods).hasSize(4);
        return pods;
    }

    /** All but the tools, which serve neither metrics nor health. */
    private static boolean isService(PodTemplateSpec pod) {
        return !pod.getSpec().getContainers().get(0).getName().equals("tools");
    }

    @Test
    void shouldRunWithAsLittleAsPossible() throws IOException {
        pods().forEach((name, pod) -> {
            assertThat(pod.getSpec().getSecurityContext().getRunAsNonRoot())
                    .as(name)
                    .isTrue();
            assertThat(pod.getSpec().getSecurityContext().getSeccompProfile().getType())
                    .isEqualTo("RuntimeDefault");
            assertThat(pod.getSpec().getAutomountServiceAccountToken()).as(name).isFalse();
            // CALIBRANT_FITTER_PORT and the like would be taken for settings.
            assertThat(pod.getSpec().getEnableServiceLinks()).as(name).isFalse();
            for (Container container : pod.getSpec().getContainers()) {
                SecurityContext confined = container.getSecurityContext();
                assertThat(confined.getReadOnlyRootFilesystem()).as(name).isTrue();
                assertThat(confined.getAllowPrivilegeEscalation()).as(name).isFalse();
                assertThat(confined.getCapabilities().getDrop()).as(name).contains("ALL");
                assertThat(container.getResources().getLimits()).as(name).containsKeys("cpu", "memory");
                assertThat(container.getResources().getRequests()).as(name).containsKeys("cpu", "memory");
                assertThat(container.getImage())
                        .isEqualTo("calibrant/" + container.getName() + ":" + Page.projectVersion());
                if (isService(pod)) {
                    assertThat(container.getReadinessProbe().getHttpGet().getPath())
                            .isEqualTo("/health/ready");
                }
                for (EnvVar variable : container.getEnv()) {
                    if (SECRET.matcher(variable.getName()).find()) {
                        assertThat(variable.getValue()).as(variable.getName()).isNull();
                        assertThat(variable.getValueFrom().getSecretKeyRef())
                                .as(variable.getName())
                                .isNotNull();
                    }
                }
            }
        });
        ConfigMap connection = (ConfigMap) manifests("base").get("ConfigMap/calibrant-connection");
        assertThat(connection.getData().keySet())
                .allMatch(variable -> !SECRET.matcher(variable).find());
    }

    /**
     * A budget that counts what does not work as well refuses a node's drain for ever where no posterior is there, and
     * one that selects no pods keeps none.
     */
    @Test
    void shouldLetANodeBeDrainedWhileNobodyIsReady() throws IOException {
        Map<String, HasMetadata> base = manifests("base");
        List<PodDisruptionBudget> budgets = base.values().stream()
                .filter(PodDisruptionBudget.class::isInstance)
                .map(PodDisruptionBudget.class::cast)
                .toList();
        assertThat(budgets).hasSize(2).allSatisfy(budget -> {
            assertThat(budget.getSpec().getUnhealthyPodEvictionPolicy()).isEqualTo("AlwaysAllow");
            assertThat(pods())
                    .anySatisfy((name, pod) -> assertThat(pod.getMetadata().getLabels())
                            .containsAllEntriesOf(budget.getSpec().getSelector().getMatchLabels()));
        });
    }

    /** An eviction is no failure; nor is it counted as one, however long a training takes. */
    @Test
    void shouldNotCountEvictionsAgainstATraining() throws IOException {
        Job job = (Job) manifests("train").get("Job/calibrant-train-news-1");
        assertThat(job.getSpec().getTemplate().getSpec().getRestartPolicy())
                .as("what a policy for failures asks for")
                .isEqualTo("Never");
        assertThat(job.getSpec().getPodFailurePolicy().getRules())
                .anySatisfy(rule -> {
                    assertThat(rule.getAction()).isEqualTo("Ignore");
                    assertThat(rule.getOnPodConditions())
                            .extracting(PodFailurePolicyOnPodConditionsPattern::getType)
                            .containsExactly("DisruptionTarget");
                })
                .anySatisfy(rule -> {
                    assertThat(rule.getAction()).isEqualTo("FailJob");
                    assertThat(rule.getOnExitCodes().getContainerName()).isEqualTo("trainer");
                    assertThat(rule.getOnExitCodes().getValues()).containsExactly(ExitCode.USAGE);
                });
    }
}
