package io.calibrant.infra.architecture;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a package may depend on, as its package-info says in its last paragraph: "May depend on: " and names of
 * packages, each in a code tag, or "May depend on: nothing but the JDK."
 *
 * <p>Each name is a package with its subpackages. The package itself and {@code java} and {@code javax} go without
 * saying.
 *
 * @param allowed names of packages
 */
record AllowList(String name, Set<String> allowed) {
    private static final Pattern DECLARATION = Pattern.compile("(?m)^package ([\\w.]+);");
    private static final Pattern NAME = Pattern.compile("\\{@code ([\\w.]+)}");
    private static final String BEGIN = "<p>May depend on: ";
    private static final Pattern PARAGRAPH =
            Pattern.compile("nothing but the JDK\\.|\\{@code [\\w.]+}(, \\{@code [\\w.]+})*\\.");

    /**
     * The lists of all packages that are not generated, by name.
     *
     * @param wrong takes what is not in its form
     */
    static Map<String, AllowList> all(Set<String> wrong) {
        Map<String, AllowList> lists = new TreeMap<>();
        for (Path source : Sources.of("main")) {
            if (source.endsWith("package-info.java")) {
                try {
                    AllowList list = parse(source.toString(), Sources.lines(source));
                    lists.put(list.name(), list);
                } catch (IllegalArgumentException e) {
                    wrong.add(e.getMessage());
                }
            }
        }
        return lists;
    }

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException if the paragraph is not there, or not in its form
     */
    static AllowList parse(String source, List<String> lines) {
        String text = String.join("\n", lines);
        Matcher declaration = DECLARATION.matcher(text);
        if (!declaration.find()) {
            throw new IllegalArgumentException(source + ": no package is declared");
        }
        String comment = text.substring(0, declaration.start())
                .lines()
                .map(line -> line.replaceFirst("^ \\*/?", "").strip())
                .collect(Collectors.joining(" "))
                .strip();
        int begin = comment.lastIndexOf(BEGIN);
        String paragraph =
                begin < 0 ? "" : comment.substring(begin + BEGIN.length()).strip();
        if (!PARAGRAPH.matcher(paragraph).matches()) {
            throw new IllegalArgumentException(source + ": the last paragraph must be '" + BEGIN
                    + "{@code a.package}, {@code another}.' or '" + BEGIN + "nothing but the JDK.', got '" + paragraph
                    + "'");
        }
        Set<String> allowed = new TreeSet<>();
        Matcher names = NAME.matcher(paragraph);
        while (names.find()) {
            allowed.add(names.group(1));
        }
        return new AllowList(declaration.group(1), allowed);
    }

    /** Whether one package is another one, or below it. */
    static boolean isIn(String each, String prefix) {
        return each.equals(prefix) || each.startsWith(prefix + ".");
    }

    /** Whether a class of this package may use classes of that one. */
    boolean allows(String other) {
        return other.equals(name)
                || isIn(other, "java")
                || isIn(other, "javax")
                || other.isEmpty()
                || allowed.stream().anyMatch(each -> isIn(other, each));
    }
}
