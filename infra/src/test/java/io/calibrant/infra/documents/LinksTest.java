package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What pages name is there: linked files and headings, packages and files of the sources, test classes and methods. */
class LinksTest {
    private static final Pattern TEST = Pattern.compile("`([A-Z]\\w*[a-z](?:Test|IT))(?:#(\\w+))?`");
    private static final Pattern PACKAGE = Pattern.compile("`(io\\.calibrant\\.[a-z.]+[a-z])(?:\\.([A-Z]\\w+))?`");
    private static final Pattern CLASS = Pattern.compile("`([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+)(?:[.#(][^`]*)?`");
    private static final Pattern NAMED_TYPE = Pattern.compile("\"(?:record|enum)\", *\"name\": *\"(\\w+)\"");
    private static final Pattern PYTHON_CLASS = Pattern.compile("(?m)^class (\\w+)");
    private static final Pattern FILE =
            Pattern.compile("`((?:schemas|trainer|fitter|scorer|infra|\\.github|\\.ci|\\.mvn)/[\\w./-]+)`");

    @Test
    void shouldLeadToAFileAndAHeading() {
        List<String> broken = new ArrayList<>();
        for (Page page : Page.all()) {
            for (String link : page.links()) {
                if (!link.matches("[a-z]+:.*")) {
                    check(page, link, broken);
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    private static void check(Page page, String link, List<String> broken) {
        String[] parts = link.split("#", 2);
        Path folder = Page.ROOT.resolve(page.path()).getParent();
        Path target = parts[0].isEmpty()
                ? Page.ROOT.resolve(page.path())
                : folder.resolve(parts[0]).normalize();
        if (!target.startsWith(Page.ROOT) || !Files.exists(target)) {
            broken.add(page + ": " + link);
        } else if (parts.length == 2
                && !Page.read(Page.ROOT.relativize(target)).anchors().contains(parts[1])) {
            broken.add(page + ": no such heading: " + link);
        }
    }

    @Test
    void shouldNameTestsThatExist() {
        Map<String, String> tests = new TreeMap<>();
        SourceFiles.ending(".java").forEach((path, text) -> {
            if (path.toString().contains("src/test/")) {
                tests.merge(path.getFileName().toString().replace(".java", ""), text, String::concat);
            }
        });
        List<String> missing = new ArrayList<>();
        int named = 0;
        for (Page page : Page.all()) {
            for (MatchResult test : matches(TEST, page)) {
                named++;
                String text = tests.get(test.group(1));
                if (text == null || (test.group(2) != null && !text.contains("void " + test.group(2) + "("))) {
                    missing.add(page + ": " + test.group());
                }
            }
        }
        assertThat(missing).isEmpty();
        assertThat(named).as("tests named").isGreaterThan(40);
    }

    @Test
    void shouldNamePackagesClassesAndFilesThatExist() {
        Set<String> sources = SourceFiles.ending(".java").keySet().stream()
                .map(path -> path.toString().replaceFirst(".*src/(main|test)/[a-z0-9]+/", ""))
                .collect(Collectors.toSet());
        List<String> missing = new ArrayList<>();
        for (Page page : Page.all()) {
            for (MatchResult name : matches(PACKAGE, page)) {
                String path =
                        name.group(1).replace('.', '/') + "/" + (name.group(2) == null ? "" : name.group(2) + ".java");
                boolean generated = name.group(1).equals("io.calibrant.schemas.avro");
                if (!generated && sources.stream().noneMatch(source -> source.startsWith(path))) {
                    missing.add(page + ": " + name.group());
                }
            }
            for (MatchResult file : matches(FILE, page)) {
                if (!file.group(1).contains("/target/") && !Files.exists(Page.ROOT.resolve(file.group(1)))) {
                    missing.add(page + ": " + file.group());
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    @Test
    void shouldNameClassesThatExist() {
        Set<String> classes = new TreeSet<>();
        for (String ending : List.of(".java", ".avsc")) {
            SourceFiles.ending(ending).keySet().stream()
                    .map(path -> path.getFileName().toString().replace(ending, ""))
                    .forEach(classes::add);
        }
        classes.addAll(named(NAMED_TYPE, ".avsc"));
        classes.addAll(named(PYTHON_CLASS, ".py"));
        List<String> missing = new ArrayList<>();
        for (Page page : Page.all()) {
            for (MatchResult name : matches(CLASS, page)) {
                if (!classes.contains(name.group(1))) {
                    missing.add(page + ": " + name.group());
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    private static List<String> named(Pattern pattern, String ending) {
        return SourceFiles.ending(ending).values().stream()
                .flatMap(text -> pattern.matcher(text).results())
                .map(type -> type.group(1))
                .toList();
    }

    private static List<MatchResult> matches(Pattern pattern, Page page) {
        return page.prose().stream()
                .flatMap(line -> pattern.matcher(line).results())
                .toList();
    }
}
