package io.calibrant.infra.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.documents.Page;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The page on metrics has every meter of our own as it is, and no other. */
class MetricsPageTest {
    private static final Pattern OF_ALL = Pattern.compile("Labels of all: ([^.]*)\\..*");
    private static final Pattern ROW = Pattern.compile(
            "\\| `((?:calibrant|process_resident)_\\w+)` \\| (\\w+) \\| ([^|]*)\\| ([^|]*)\\| (.+) \\|");
    private static final Map<String, String> UNITS = Map.of(
            "_seconds", "seconds", "_bytes", "bytes", "_nats", "nats", "_ratio", "0 to 1", "_records", "records");

    /** What both say of a metric. */
    private record Metric(String type, String unit, Set<String> labels) {}

    @Test
    void shouldListEveryMeterAsItIs() {
        assertThat(page()).isEqualTo(code());
    }

    private static Map<String, Metric> code() {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        Exposition own;
        try (Telemetry telemetry =
                Telemetry.start(new TelemetrySettings("127.0.0.1", 0, List.of()), "fitter", "1", line -> {})) {
            own = Exposition.read(((PrometheusMeterRegistry) telemetry.registry()).scrape());
        }
        List<Object> kept = List.of(
                EveryMeter.fitter(registry), EveryMeter.scorer(registry), EveryMeter.trainer(registry, event -> {}));
        assertThat(kept).hasSize(3);
        Exposition services = Exposition.read(registry.scrape());
        Map<String, Metric> metrics = new TreeMap<>();
        for (Exposition each : List.of(own, services)) {
            each.types().forEach((name, type) -> {
                boolean ours = name.startsWith("calibrant_") || name.startsWith("process_resident_");
                if (ours && !name.endsWith("_max")) {
                    metrics.put(name, new Metric(type, unit(name), each.labels(name)));
                }
            });
        }
        return metrics;
    }

    private static String unit(String name) {
        return UNITS.entrySet().stream()
                .filter(each -> name.endsWith(each.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse("");
    }

    private static Map<String, Metric> page() {
        Map<String, Metric> metrics = new TreeMap<>();
        Set<String> ofAll = Set.of();
        for (String line : Page.read("infra/docs/metrics.md").prose()) {
            Matcher all = OF_ALL.matcher(line);
            Matcher row = ROW.matcher(line);
            if (line.startsWith("#")) {
                ofAll = Set.of();
            } else if (all.matches()) {
                ofAll = names(all.group(1).replace("`", ""));
            } else if (row.matches()) {
                Set<String> labels = new TreeSet<>(names(row.group(4)));
                labels.addAll(ofAll);
                assertThat(metrics.put(
                                row.group(1),
                                new Metric(row.group(2), row.group(3).strip(), labels)))
                        .as(row.group(1) + " twice")
                        .isNull();
            }
        }
        return metrics;
    }

    private static Set<String> names(String list) {
        return Arrays.stream(list.split(",", -1))
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
