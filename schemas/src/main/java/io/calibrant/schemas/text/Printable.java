package io.calibrant.schemas.text;

/**
 * Text that came in a record, printed so that it stays text: a terminal's escape sequences, line ends that would forge
 * a line, and characters that turn the direction of writing are shown as {@code \}{@code uXXXX}.
 */
public final class Printable {
    /** Characters of a message that people read in a line. */
    public static final int LINE = 1000;

    /** Characters of a name in a table or in a message: a question's id, a run, a label. */
    public static final int NAME = 120;

    private Printable() {}

    /** In one line, every control character escaped, of any length; null for null. */
    public static String text(String text) {
        return escaped(text, Integer.MAX_VALUE, false);
    }

    /** As {@link #text(String)}, at most so many characters and then how many there are; null for null. */
    public static String text(String text, int most) {
        return escaped(text, most, false);
    }

    /** A message in a line: {@value #LINE} characters, without secrets. */
    public static String message(String text) {
        return message(text, LINE);
    }

    /** A message in a line, at most so many characters, without secrets; null for null. */
    public static String message(String text, int most) {
        // Masked before it is cut: half an address shows its password. And not all of a very long text is looked at.
        return escaped(Secrets.inText(escaped(text, 4 * most, false)), most, false);
    }

    /** A name in a line: {@value #NAME} characters. */
    public static String name(String text) {
        return escaped(text, NAME, false);
    }

    /** Several lines, at most so many characters: line ends and tabulators stay what they are; null for null. */
    public static String lines(String text, int most) {
        return escaped(text, most, true);
    }

    private static String escaped(String text, int most, boolean lines) {
        if (text == null || (text.length() <= most && !text.codePoints().anyMatch(c -> isEscaped(c, lines)))) {
            return text;
        }
        StringBuilder shown = new StringBuilder(Math.min(text.length(), most) + 32);
        for (int i = 0; i < text.length(); ) {
            if (shown.length() >= most) {
                return shown.append("\u2026 (")
                        .append(text.length())
                        .append(" characters)")
                        .toString();
            }
            int character = text.codePointAt(i);
            i += Character.charCount(character);
            if (isEscaped(character, lines)) {
                for (char each : Character.toChars(character)) {
                    shown.append(String.format("\\u%04x", (int) each));
                }
            } else {
                shown.appendCodePoint(character);
            }
        }
        return shown.toString();
    }

    private static boolean isEscaped(int character, boolean lines) {
        if (character >= ' ' && character < 0x7f) {
            return false;
        }
        return switch (Character.getType(character)) {
            case Character.CONTROL -> !(lines && (character == '\n' || character == '\t'));
            case Character.FORMAT, Character.SURROGATE, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> true;
            default -> false;
        };
    }
}
