package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.schemas.text.Printable;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;

/** Results for machines, one JSON object a line, or for people, a table. */
public final class Output {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Characters of a cell of a table. */
    private static final int CELL = 500;

    private final PrintWriter out;
    private final PrintWriter err;

    /** @param command its writers take what is printed */
    public Output(CommandSpec command) {
        out = command.commandLine().getOut();
        err = command.commandLine().getErr();
    }

    /** An empty object; fields keep the order in which they are put. */
    public static ObjectNode object() {
        return JSON.createObjectNode();
    }

    /** Any list or map of plain values as JSON. */
    public static JsonNode json(Object value) {
        return JSON.valueToTree(value);
    }

    /** A result as JSON, in a line. */
    public void json(ObjectNode object) {
        try {
            out.println(
                    Printable.text(JSON.writeValueAsString(object))); // outside of texts JSON has no such characters
            out.flush();
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A line of the result, or several. What records say in it is escaped by whoever puts it in. */
    public void line(String text) {
        out.println(Printable.lines(text, Integer.MAX_VALUE));
        out.flush();
    }

    /** Whether standard output is closed. */
    public boolean broken() {
        return out.checkError();
    }

    /** A line on standard error, which is not part of the result; one line, whatever a record says in it. */
    public void note(String text) {
        err.println(Printable.message(text));
        err.flush();
    }

    /** Lines on standard error. What records say in them is escaped by whoever puts it in. */
    public void notes(String text) {
        err.println(Printable.lines(text, Integer.MAX_VALUE));
        err.flush();
    }

    /** A table; every column is as wide as its widest cell. */
    public void table(List<String> header, List<List<String>> rows) {
        List<List<String>> all = new ArrayList<>();
        all.add(header);
        rows.forEach(row ->
                all.add(row.stream().map(cell -> Printable.text(cell, CELL)).toList()));
        int[] widths = new int[header.size()];
        for (List<String> row : all) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        for (List<String> row : all) {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                text.append(row.get(i)).append(" ".repeat(widths[i] - row.get(i).length() + 2));
            }
            line(text.toString().stripTrailing());
        }
    }

    /** A number with four significant digits, or - for null. */
    public static String number(Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, "%.4g", value);
    }

    /** A number of bytes in KB or MB. */
    public static String bytes(long bytes) {
        return bytes < 1_000_000
                ? String.format(Locale.ROOT, "%.1f KB", bytes / 1e3)
                : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }

    /** A time in seconds, minutes or hours. */
    public static String duration(double seconds) {
        long whole = Math.max(1, Math.round(seconds));
        return whole < 120
                ? whole + " s"
                : whole < 7200 ? Math.round(whole / 60.0) + " min" : Math.round(whole / 3600.0) + " h";
    }
}
