package io.calibrant.infra.telemetry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.infra.documents.Page;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The dashboard and the alert rules, and which metrics they rest on. */
public final class MonitoringFiles {
    static final Path DASHBOARD = Page.ROOT.resolve("infra/grafana/calibrant.json");
    static final Path RULES = Page.ROOT.resolve("infra/prometheus/alerts.yml");
    static final Path CONFIGURATION = Page.ROOT.resolve("infra/prometheus/prometheus.yml");

    private static final Pattern METRIC = Pattern.compile("\\b(?:calibrant|kafka|jvm|process)_[a-z0-9_]+");
    private static final Pattern SELECTOR = Pattern.compile("(" + METRIC + ")(?:\\{([^}]*)})?");
    private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(=~|!~|!=|=)\\s*\"([^\"]*)\"");
    private static final Pattern GROUPING = Pattern.compile("\\b(?:by|on|ignoring|group_left) \\(([^)]*)\\)");
    private static final Pattern SHOWN = Pattern.compile("\\{\\{ *(?:\\$labels\\.)?(\\w+)[^}]*}}");

    /** Those that Prometheus gives to a series, a bucket's bound, and what a rule's text is made of. */
    private static final Set<String> NOT_OURS = Set.of("job", "namespace", "instance", "le", "value");

    private MonitoringFiles() {}

    /** Every metric that a panel or a rule names. */
    public static Set<String> metrics() {
        Set<String> names = new TreeSet<>();
        for (Path file : List.of(DASHBOARD, RULES)) {
            METRIC.matcher(text(file)).results().forEach((MatchResult found) -> names.add(found.group()));
        }
        return names;
    }

    /**
     * What panels and rules ask of labels, and no series has. A value that is left out must be there to be left out;
     * one that comes from a variable of the dashboard may be any.
     *
     * @param samples all that the services have shown
     */
    public static List<String> unknownLabels(Collection<Exposition.Sample> samples) {
        return unknownLabels(expressions(), samples);
    }

    static List<String> unknownLabels(List<String> expressions, Collection<Exposition.Sample> samples) {
        List<String> unknown = new ArrayList<>();
        for (String expression : expressions) {
            Set<String> labels = new TreeSet<>(NOT_OURS);
            SELECTOR.matcher(expression).results().forEach(found -> {
                List<Exposition.Sample> of = samples.stream()
                        .filter(sample -> sample.name().equals(found.group(1)))
                        .toList();
                of.forEach(sample -> labels.addAll(sample.labels().keySet()));
                String matchers = found.group(2) == null ? "" : found.group(2);
                if (!isMatched(matchers, of)) {
                    unknown.add(found.group());
                }
            });
            Stream.concat(
                            GROUPING.matcher(expression).results().map(found -> found.group(1)),
                            SHOWN.matcher(expression).results().map(found -> found.group(1)))
                    .flatMap(list -> Arrays.stream(list.split(",", -1)))
                    .map(String::strip)
                    .filter(label -> !labels.contains(label))
                    .forEach(label -> unknown.add(label + " in " + expression));
        }
        return unknown;
    }

    private static boolean isMatched(String matchers, List<Exposition.Sample> samples) {
        List<MatchResult> all = MATCHER.matcher(matchers).results().toList();
        boolean leftOut = all.stream()
                .filter(each -> each.group(2).equals("!="))
                .allMatch(each -> samples.stream()
                        .anyMatch(sample -> each.group(3).equals(sample.labels().get(each.group(1)))));
        return leftOut
                && samples.stream().anyMatch(sample -> all.stream().allMatch(each -> isMatched(each, sample.labels())));
    }

    private static boolean isMatched(MatchResult matcher, Map<String, String> labels) {
        if (NOT_OURS.contains(matcher.group(1))) {
            return true;
        }
        String value = labels.get(matcher.group(1));
        String wanted = matcher.group(3);
        if (value == null) {
            return false;
        }
        return switch (matcher.group(2)) {
            case "=" -> value.equals(wanted);
            case "=~" -> wanted.startsWith("$") || value.matches(wanted);
            default -> true; // left out, and maybe all that there is now
        };
    }

    /** Of every panel and every rule, with the words that its labels stand in. */
    private static List<String> expressions() {
        List<String> all = new ArrayList<>();
        String rules = text(RULES)
                .lines()
                .filter(line -> !line.strip().startsWith("#"))
                .collect(Collectors.joining("\n"));
        String[] each = rules.split("- (?:alert|record): ", -1);
        all.addAll(Arrays.asList(each).subList(1, each.length));
        all.addAll(panels());
        return all;
    }

    private static List<String> panels() {
        List<String> all = new ArrayList<>();
        try {
            for (JsonNode panel : new ObjectMapper().readTree(text(DASHBOARD)).get("panels")) {
                for (JsonNode target : panel.path("targets")) {
                    all.add(target.get("expr").asText() + " "
                            + target.path("legendFormat").asText());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }

    /** What panels ask of all installations that one Prometheus watches, whichever of them is chosen. */
    static List<String> ofAllInstallations() {
        return panels().stream()
                .flatMap(panel -> SELECTOR.matcher(panel).results())
                .map(MatchResult::group)
                .filter(selector -> !selector.contains("{job=~\"$job\",namespace=~\"$namespace\""))
                .toList();
    }

    static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
