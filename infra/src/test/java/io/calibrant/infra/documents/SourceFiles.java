package io.calibrant.infra.documents;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The source files of all modules. */
final class SourceFiles {
    private static final List<String> MODULES = List.of("schemas", "trainer", "fitter", "scorer", "infra");

    private SourceFiles() {}

    /** Text by path from the repository's root, of files below some {@code src} whose name ends so. */
    static Map<Path, String> ending(String ending) {
        Map<Path, String> texts = new TreeMap<>();
        for (Path file : files(path -> path.toString().endsWith(ending))) {
            try {
                texts.put(file, Files.readString(Page.ROOT.resolve(file)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return texts;
    }

    private static List<Path> files(Predicate<Path> wanted) {
        List<Path> files = new ArrayList<>();
        for (String module : MODULES) {
            try (Stream<Path> all = Files.walk(Page.ROOT.resolve(module))) {
                all.map(Page.ROOT::relativize)
                        .filter(path -> inSources(path) && wanted.test(path))
                        .forEach(files::add);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return files;
    }

    private static boolean inSources(Path path) {
        for (Path part : path) {
            if (part.toString().equals("target")) {
                return false;
            }
        }
        return path.toString().contains("src/");
    }
}
