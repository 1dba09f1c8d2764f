package io.calibrant.infra.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.infra.documents.Page;
import java.nio.file.Files;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The dashboard and the rules, as files. That what they name exists, the tests of the whole loop check. */
class MonitoringFilesTest {
    private static final Pattern ALERT = Pattern.compile("- alert: (\\w+)");
    private static final Pattern RUNBOOK = Pattern.compile("runbook_url: (\\S+)#(\\S+)");

    @Test
    void shouldNameOnlyMetricsOfThePageOnMetricsAmongOurs() {
        Set<String> page = Page.read("infra/docs/metrics.md").prose().stream()
                .flatMap(line -> Pattern.compile("`((?:calibrant|process)_\\w+)`")
                        .matcher(line)
                        .results())
                .map((MatchResult found) -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> named = MonitoringFiles.metrics().stream()
                .filter(name -> name.startsWith("calibrant_"))
                .map(name -> name.replaceFirst("_(bucket|sum|count)$", ""))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(page).containsAll(named);
        assertThat(named).hasSizeGreaterThan(30);
    }

    /** Rates and lags of two installations would be added, and the runs of both shown as one's. */
    @Test
    void shouldShowTheInstallationThatIsChosen() {
        assertThat(MonitoringFiles.ofAllInstallations()).isEmpty();
        assertThat(MonitoringFiles.text(MonitoringFiles.DASHBOARD))
                .contains("\"label_values(calibrant_ready, job)\"", "\"label_values(calibrant_ready, namespace)\"");
    }

    /** A label that is renamed in the code leaves a rule that is silent for ever. */
    @Test
    void shouldMissLabelsAndValuesThatNoSeriesHas() {
        List<Exposition.Sample> samples = Exposition.read("""
                        calibrant_a{state="complete",run="news"} 1
                        calibrant_a{state="live",run="news"} 1
                        calibrant_b_total{run="sport"} 1
                        """).samples();
        List<String> right = List.of(
                "max by (job, run) (calibrant_a{state=\"complete\",run=~\"$run\"}) {{run}}",
                "calibrant_a{state!=\"live\"} unless on (instance, run) rate(calibrant_b_total[5m])"
                        + " {{ $labels.state }}",
                "calibrant_a{run=~\"n.*\", run!~\"x.*\"} > 0.5 {{ $value | humanize }}");
        assertThat(MonitoringFiles.unknownLabels(right, samples)).isEmpty();
        for (String wrong : List.of(
                "calibrant_a{state=\"partial\"}",
                "calibrant_a{phase=\"complete\"}",
                "calibrant_a{state!=\"partial\"}",
                "calibrant_a{run=~\"m.*\"}",
                "calibrant_b_total{state=\"complete\"}",
                "sum by (fit) (calibrant_a)",
                "calibrant_b_total unless on (state) calibrant_b_total",
                "calibrant_b_total {{state}}",
                "calibrant_c")) {
            assertThat(MonitoringFiles.unknownLabels(List.of(wrong), samples))
                    .as(wrong)
                    .hasSize(1);
        }
    }

    /** Grafana takes a file that is wrong in these without a word, and shows less. */
    @Test
    void shouldBeADashboardWhosePanelsDoNotOverlap() throws Exception {
        JsonNode dashboard = new ObjectMapper().readTree(MonitoringFiles.text(MonitoringFiles.DASHBOARD));
        Set<Integer> ids = new HashSet<>();
        Set<List<Integer>> taken = new HashSet<>();
        for (JsonNode panel : dashboard.get("panels")) {
            assertThat(ids.add(panel.get("id").asInt())).isTrue();
            JsonNode place = panel.get("gridPos");
            assertThat(place.get("x").asInt() + place.get("w").asInt()).isLessThanOrEqualTo(24);
            for (int x = 0; x < place.get("w").asInt(); x++) {
                for (int y = 0; y < place.get("h").asInt(); y++) {
                    assertThat(taken.add(List.of(
                                    place.get("x").asInt() + x, place.get("y").asInt() + y)))
                            .as("place of " + panel.get("title").asText())
                            .isTrue();
                }
            }
            if (!panel.get("type").asText().equals("row")) {
                assertThat(panel.get("targets")).isNotEmpty();
                assertThat(panel.get("datasource").get("uid").asText()).isEqualTo("${datasource}");
            }
        }
    }

    @Test
    void shouldSayInTheRunbookWhatToDoAboutEachAlert() {
        String rules = MonitoringFiles.text(MonitoringFiles.RULES);
        List<String> alerts =
                ALERT.matcher(rules).results().map(found -> found.group(1)).toList();
        List<String> anchors =
                RUNBOOK.matcher(rules).results().map(found -> found.group(2)).toList();
        assertThat(anchors)
                .isEqualTo(alerts.stream()
                        .map(name -> name.toLowerCase(Locale.ROOT))
                        .toList());
        assumeTrue(
                Files.exists(Page.ROOT.resolve("infra/docs/operations.md")),
                "there is no page on operations yet: no anchor is looked for");
        assertThat(Page.read("infra/docs/operations.md").anchors()).containsAll(anchors);
    }
}
