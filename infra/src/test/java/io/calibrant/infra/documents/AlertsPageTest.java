package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Every alert has its heading on the page of operations, and there is none for another one. */
class AlertsPageTest {
    private static final Pattern ALERT = Pattern.compile("(?m)^\\s*- alert: *\"?(\\w+)\"?\\s*$");
    private static final Pattern RUNBOOK = Pattern.compile("(?m)^\\s*runbook_url: *\"?(\\S+?)\"?\\s*$");
    private static final Pattern SEVERITY = Pattern.compile("\\bseverity: *\"?(\\w+)");
    private static final Page PAGE = Page.read("infra/docs/operations.md");

    @Test
    void shouldSayWhatToDoForEachAlertAndForNoOther() throws Exception {
        String rules = Files.readString(Page.ROOT.resolve("infra/prometheus/alerts.yml"));
        List<String> alerts = found(ALERT, rules);
        assertThat(alerts).hasSizeGreaterThan(10);
        List<String> lines = PAGE.prose();
        List<String> headings = lines.subList(lines.indexOf("## Alerts"), lines.indexOf("## Symptoms")).stream()
                .filter(line -> line.startsWith("### "))
                .map(line -> line.substring(4))
                .toList();
        assertThat(headings).containsExactlyInAnyOrderElementsOf(alerts);
        assertThat(found(RUNBOOK, rules))
                .hasSameSizeAs(alerts)
                .zipSatisfy(
                        alerts,
                        (runbook, alert) -> assertThat(runbook)
                                .endsWith("infra/docs/operations.md#" + alert.toLowerCase(Locale.ROOT)));
        assertThat(found(SEVERITY, rules))
                .hasSameSizeAs(alerts)
                .zipSatisfy(
                        alerts,
                        (severity, alert) -> assertThat(lines.get(lines.indexOf("### " + alert) + 2))
                                .as("how soon %s wants somebody", alert)
                                .startsWith("*" + severity + ".* "));
    }

    /** Those of pods that cannot tell anything themselves are on the page of the manifests. */
    @Test
    void shouldSayWhatToDoForTheAlertsOfKubernetes() throws Exception {
        String rules = Files.readString(Page.ROOT.resolve("infra/kubernetes/monitoring/kubernetes-rule.yaml"));
        List<String> lines = Page.read("infra/kubernetes/README.md").prose();
        List<String> alerts = found(ALERT, rules);
        assertThat(alerts)
                .hasSize(2)
                .zipSatisfy(
                        found(SEVERITY, rules),
                        (alert, severity) -> assertThat(lines.get(lines.indexOf("### " + alert) + 2))
                                .startsWith("*" + severity + ".* "));
        assertThat(found(RUNBOOK, rules))
                .isEqualTo(alerts.stream()
                        .map(alert -> "infra/kubernetes/README.md#" + alert.toLowerCase(Locale.ROOT))
                        .toList());
    }

    private static List<String> found(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map((MatchResult each) -> each.group(1))
                .toList();
    }
}
