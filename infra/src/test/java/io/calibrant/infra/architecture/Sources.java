package io.calibrant.infra.architecture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The Java sources of all modules. */
final class Sources {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /** From the root to {@code src}: modules may be nested once. */
    private static final int DEPTH = 3;

    private static final Pattern DECLARATION = Pattern.compile("package ([\\w.]+);");
    private static final Pattern IMPORT =
            Pattern.compile("import (?:static )?([a-z_0-9]+(?:\\.[a-z_0-9]+)*)\\.[A-Z*].*;");

    private Sources() {}

    /**
     * All of them, relative to the root of the project.
     *
     * @param kind {@code main} or {@code test}
     */
    static List<Path> of(String kind) {
        return walk(ROOT, DEPTH)
                .filter(path -> path.endsWith("src") && Files.isDirectory(path.resolve(kind)))
                .flatMap(src -> walk(src.resolve(kind).resolve("java"), Integer.MAX_VALUE))
                .filter(path -> path.toString().endsWith(".java"))
                .map(ROOT::relativize)
                .sorted()
                .toList();
    }

    private static Stream<Path> walk(Path directory, int depth) {
        if (!Files.isDirectory(directory)) {
            return Stream.empty();
        }
        try (Stream<Path> all = Files.walk(directory, depth)) {
            return all.toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The lines of one of them. */
    static List<String> lines(Path source) {
        try {
            return Files.readAllLines(ROOT.resolve(source));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The packages that the sources of each package import from.
     *
     * @param kind {@code main} or {@code test}
     */
    static Map<String, Set<String>> imports(String kind) {
        Map<String, Set<String>> imports = new TreeMap<>();
        for (Path source : of(kind)) {
            String name = "";
            for (String line : lines(source)) {
                Matcher declaration = DECLARATION.matcher(line);
                if (declaration.matches()) {
                    name = declaration.group(1);
                }
                Matcher imported = IMPORT.matcher(line);
                if (imported.matches()) {
                    imports.computeIfAbsent(name, key -> new TreeSet<>()).add(imported.group(1));
                }
            }
        }
        return imports;
    }
}
