package io.calibrant.infra.documents;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** SourceFiles and pages cite method.md by the numbers of its sections: every citation leads to a heading. */
class CitationsTest {
    private static final Pattern CITATION = Pattern.compile(
            "method(?:\\.md)?(?:\\]\\([^)]*\\))?,? sections? (\\d[a-z]?(?:(?:, | and | to )\\d?[a-z]?\\b)*)");

    private static final Pattern NUMBERED = Pattern.compile("(\\d[a-z]?)\\. .*");

    @Test
    void shouldFindEverySectionThatIsCited() {
        Set<String> sections = Page.read("infra/docs/method.md").headings().stream()
                .map(NUMBERED::matcher)
                .filter(Matcher::matches)
                .map(heading -> heading.group(1))
                .collect(Collectors.toSet());
        Map<Path, String> texts = new TreeMap<>(SourceFiles.ending(".java"));
        texts.putAll(SourceFiles.ending(".avsc"));
        Page.all().forEach(page -> texts.put(page.path(), String.join("\n", page.lines())));

        List<String> lost = new ArrayList<>();
        int citations = 0;
        for (Map.Entry<Path, String> text : texts.entrySet()) {
            for (String section : cited(text.getValue())) {
                citations++;
                if (!sections.contains(section)) {
                    lost.add(text.getKey() + " cites section " + section);
                }
            }
        }

        assertThat(lost).as("method.md has sections %s", sections).isEmpty();
        assertThat(citations).as("citations found").isGreaterThan(15);
    }

    @Test
    void shouldReadCitationsAsTheyAreWritten() {
        assertThat(cited("(method.md section 5b, c and \"Which\")")).containsExactly("5b", "5c");
        assertThat(cited("* of method.md\n     * sections 1 and 2):")).containsExactly("1", "2");
        assertThat(cited("(method, section 3)")).containsExactly("3");
        assertThat(cited("[method.md](method.md), sections 1 to 3")).containsExactly("1", "3");
    }

    /** The sections that a text cites; a letter alone belongs to the number before it. */
    private static List<String> cited(String text) {
        List<String> sections = new ArrayList<>();
        String line = text.replaceAll("\\s+(\\*\\s+|//\\s+)?", " ");
        Matcher citation = CITATION.matcher(line);
        while (citation.find()) {
            String number = "";
            for (String part : citation.group(1).split(", | and | to ", -1)) {
                if (!part.isEmpty()) {
                    number = Character.isDigit(part.charAt(0)) ? part.substring(0, 1) : number;
                    sections.add(Character.isDigit(part.charAt(0)) ? part : number + part);
                }
            }
        }
        return sections;
    }
}
