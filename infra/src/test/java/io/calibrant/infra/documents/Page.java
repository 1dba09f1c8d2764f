package io.calibrant.infra.documents;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A Markdown page of the project.
 *
 * @param path from the repository's root
 * @param lines as they stand in the file
 */
public record Page(Path path, List<String> lines) {
    /** The repository's root; tests run in the directory of their module. */
    public static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /** System property: write the pages that are made, where they are not as they should be, instead of failing. */
    public static final String WRITE = "calibrant.write.pages";

    private static final String FENCE = "```";
    private static final Pattern VERSION =
            Pattern.compile("<artifactId>calibrant</artifactId>\\s*<version>([^<]+)</version>");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");

    /** The page of a path from the repository's root. */
    public static Page read(Path path) {
        try {
            return new Page(path, Files.readAllLines(ROOT.resolve(path)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The version that the root pom says. */
    public static String projectVersion() {
        Matcher version = VERSION.matcher(String.join("\n", read("pom.xml").lines()));
        if (!version.find()) {
            throw new IllegalStateException("pom.xml must have a version after its artifactId, got none");
        }
        return version.group(1);
    }

    /** The page of a path from the repository's root. */
    public static Page read(String path) {
        return read(Path.of(path));
    }

    /**
     * Every page: those at the root, of each module, in {@code infra/docs}, {@code infra/kubernetes},
     * {@code infra/python} and in {@code .github}.
     */
    public static List<Page> all() {
        List<Page> pages = new ArrayList<>();
        for (String folder : List.of(
                "",
                ".github",
                "schemas",
                "trainer",
                "fitter",
                "scorer",
                "infra",
                "infra/docs",
                "infra/kubernetes",
                "infra/python")) {
            try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
                files.filter(file -> file.toString().endsWith(".md"))
                        .sorted()
                        .forEach(file -> pages.add(read(ROOT.relativize(file))));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return pages;
    }

    /** The lines outside of code blocks. */
    public List<String> prose() {
        List<String> prose = new ArrayList<>();
        boolean code = false;
        for (String line : lines) {
            if (line.strip().startsWith(FENCE)) {
                code = !code;
            } else if (!code) {
                prose.add(line);
            }
        }
        return prose;
    }

    /** The texts of the code blocks of a language, in order. */
    public List<String> blocks(String language) {
        List<String> blocks = new ArrayList<>();
        StringBuilder block = null;
        for (String line : lines) {
            if (block == null && line.equals(FENCE + language)) {
                block = new StringBuilder();
            } else if (block != null && line.equals(FENCE)) {
                blocks.add(block.toString());
                block = null;
            } else if (block != null) {
                block.append(line).append('\n');
            }
        }
        return blocks;
    }

    /** The headings without their number signs. */
    public List<String> headings() {
        return prose().stream()
                .filter(line -> line.matches("#{1,6} .*"))
                .map(line -> line.replaceFirst("#+ ", "").strip())
                .toList();
    }

    /** The fragments that links may name, as GitHub makes them from the headings. */
    public Set<String> anchors() {
        return headings().stream()
                .map(heading -> heading.toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toUnmodifiableSet());
    }

    /** The targets of all links and pictures. */
    public List<String> links() {
        return prose().stream()
                .flatMap(line -> LINK.matcher(line).results())
                .map((MatchResult link) -> link.group(1))
                .toList();
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
