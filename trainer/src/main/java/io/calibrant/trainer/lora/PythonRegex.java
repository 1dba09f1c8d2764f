package io.calibrant.trainer.lora;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Regular expressions of Python as Java writes them, where the two differ: groups with names, also such with an
 * underscore, and references to them; {@code {,n}}, and braces that count nothing; brackets and {@code &&} within
 * brackets, which in Python mean themselves; {@code \Z}.
 */
final class PythonRegex {
    private static final Pattern GROUP = Pattern.compile("\\(\\?P<(\\w+)>");
    private static final Pattern REFERENCE = Pattern.compile("\\(\\?P=(\\w+)\\)");
    private static final Pattern COUNT = Pattern.compile("\\{(?:\\d+(?:,\\d*)?|(?<most>,\\d*))}");

    private final String text;
    private final StringBuilder java = new StringBuilder();
    private final Map<String, String> names = new HashMap<>();
    private int at;

    private PythonRegex(String text) {
        this.text = text;
    }

    /** A regular expression in Java's spelling; what Java does not know stays as it is. */
    static String inJava(String regex) {
        PythonRegex all = new PythonRegex(regex);
        while (all.at < regex.length()) {
            all.next();
        }
        return all.java.toString();
    }

    private void next() {
        switch (text.charAt(at)) {
            case '\\' -> escaped();
            case '[' -> brackets();
            case '{' -> braces();
            case '(' -> group();
            default -> take(1);
        }
    }

    private void take(int characters) {
        java.append(text, at, Math.min(at + characters, text.length()));
        at += characters;
    }

    private void put(String instead, int characters) {
        java.append(instead);
        at += characters;
    }

    private void escaped() {
        if (text.startsWith("\\Z", at)) {
            put("\\z", 2);
        } else {
            take(2);
        }
    }

    private void brackets() {
        take(text.startsWith("[^", at) ? 2 : 1);
        int first = at;
        while (at < text.length() && (text.charAt(at) != ']' || at == first)) {
            switch (text.charAt(at)) {
                case '\\' -> take(2);
                case '[', ']', '&' -> put("\\" + text.charAt(at), 1);
                default -> take(1);
            }
        }
        take(1);
    }

    private void braces() {
        Matcher count = COUNT.matcher(text).region(at, text.length());
        if (!count.lookingAt()) {
            put("\\{", 1);
        } else if (count.group("most") == null) {
            take(count.end() - at);
        } else {
            put("{0" + count.group("most") + "}", count.end() - at);
        }
    }

    private void group() {
        Matcher begin = GROUP.matcher(text).region(at, text.length());
        Matcher reference = REFERENCE.matcher(text).region(at, text.length());
        if (begin.lookingAt()) {
            put("(?<" + name(begin) + ">", begin.end() - at);
        } else if (reference.lookingAt()) {
            put("\\k<" + name(reference) + ">", reference.end() - at);
        } else {
            take(1);
        }
    }

    /** Names in Java have no underscore. */
    private String name(Matcher group) {
        return names.computeIfAbsent(group.group(1), name -> "g" + names.size());
    }
}
