package io.calibrant.testing;

import io.calibrant.schemas.AccessRight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The rights that the page {@code infra/docs/access.md} lists. */
public final class AccessPage {
    private static final Pattern ROW = Pattern.compile(
            "\\| `([a-z]+(?: --[a-z]+)*)` \\| ([A-Z_]+) \\| (topic|group|transactional id) `([^`]+)` \\|");

    private AccessPage() {}

    /** By command, in the page's order. */
    public static Map<String, List<AccessRight>> rights(Path page) throws IOException {
        Map<String, List<AccessRight>> rights = new LinkedHashMap<>();
        for (String line : Files.readAllLines(page)) {
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                rights.computeIfAbsent(row.group(1), command -> new ArrayList<>())
                        .add(new AccessRight(row.group(2), row.group(3), row.group(4)));
            }
        }
        return rights;
    }

    /** Those of one command under another prefix than the default one. */
    public static List<AccessRight> rights(Path page, String command, String prefix) throws IOException {
        return rights(page).get(command).stream()
                .map(right -> new AccessRight(
                        right.operation(), right.kind(), prefix + right.name().replaceFirst("^calibrant\\.", "")))
                .toList();
    }
}
