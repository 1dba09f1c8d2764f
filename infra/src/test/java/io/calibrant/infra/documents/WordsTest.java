package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Pages are in plain technical English, in lines that a terminal can show. */
class WordsTest {
    private static final Pattern METAPHORS =
            Pattern.compile("\\b(rooms?|roofs?|walls?|houses?|tenants?)\\b", Pattern.CASE_INSENSITIVE);

    private static final int WIDEST = 120;

    @Test
    void shouldHaveNoMetaphorsOfHouses() {
        List<String> found = new ArrayList<>();
        for (Page page : Page.all()) {
            page.prose().stream()
                    .filter(line -> METAPHORS.matcher(line).find())
                    .forEach(line -> found.add(page + ": " + line));
        }
        assertThat(found).isEmpty();
    }

    @Test
    void shouldKeepProseToReadableLines() {
        List<String> wide = new ArrayList<>();
        for (Page page : Page.all()) {
            page.prose().stream()
                    .filter(line -> line.length() > WIDEST && !line.startsWith("|") && !line.startsWith("!["))
                    .filter(line -> !page.path().endsWith("topics.md"))
                    .forEach(line -> wide.add(page + ": " + line));
        }
        assertThat(wide).isEmpty();
    }
}
