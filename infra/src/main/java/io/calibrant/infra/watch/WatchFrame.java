package io.calibrant.infra.watch;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A view as lines that fit a screen. Blocks that do not fit are put together, by layer, and the lines say so. */
final class WatchFrame {
    private static final int SPARKLINE = 12;
    private static final String FORMAT = "%" + SPARKLINE + "s %7s %9s %9s %8s";
    /** Columns of everything but the name. */
    private static final int FIGURES = 1 + SPARKLINE + 8 + 10 + 10 + 9;

    private static final int NARROWEST = FIGURES + 22;

    private WatchFrame() {}

    /**
     * Renders a view.
     *
     * @param width columns; what is narrower than the figures is taken as just wide enough for them
     * @param height lines; 0 for no limit
     */
    static List<String> lines(WatchView view, int width, int height) {
        int columns = Math.max(NARROWEST, width);
        List<String> lines = new ArrayList<>();
        view.facts().forEach(pieces -> lines.addAll(wrapped(pieces, columns)));
        if (view.layers().isEmpty()) {
            return lines;
        }
        List<BlockRow> blocks =
                view.layers().values().stream().flatMap(List::stream).toList();
        int available = height == 0 ? Integer.MAX_VALUE : Math.max(1, height - lines.size() - 2);
        List<BlockRow> rows = blocks;
        String note = "";
        if (blocks.size() > available) {
            // One line less for the note below the table.
            rows = byLayer(view.layers(), Math.max(1, available - 1));
            note = blocks.size() + " blocks in " + rows.size()
                    + " lines: mean energy, largest delta and n, fewest batches of each";
        }
        int name = columns - FIGURES;
        lines.add("");
        lines.add(row(
                name, "BLOCK", String.format("%-" + SPARKLINE + "s", "SPECTRUM"), "ENERGY", "DELTA", "N", "BATCHES"));
        for (BlockRow each : rows) {
            lines.add(row(
                    name,
                    each.name(),
                    String.format("%-" + SPARKLINE + "s", Sparkline.of(each.spectrum(), SPARKLINE)),
                    String.format(Locale.ROOT, "%.1f%%", 100 * each.capturedEnergy()),
                    each.delta() == 0 ? "0" : String.format(Locale.ROOT, "%.2e", each.delta()),
                    count(each.n()),
                    Long.toString(each.batches())));
        }
        if (!note.isEmpty()) {
            lines.addAll(wrapped(List.of(note), columns));
        }
        return lines;
    }

    private static List<BlockRow> byLayer(Map<String, List<BlockRow>> layers, int available) {
        List<String> names = new ArrayList<>(layers.keySet());
        int together = (names.size() + available - 1) / available;
        List<BlockRow> rows = new ArrayList<>();
        for (int from = 0; from < names.size(); from += together) {
            List<String> some = names.subList(from, Math.min(names.size(), from + together));
            List<BlockRow> blocks =
                    some.stream().flatMap(name -> layers.get(name).stream()).toList();
            String name = some.size() == 1
                    ? some.get(0)
                    : (some.get(0) + "-" + some.get(some.size() - 1))
                            .replace("-layer ", "-")
                            .replace("layer", "layers");
            rows.add(BlockRow.together(
                    name + ", " + blocks.size() + (blocks.size() == 1 ? " block" : " blocks"), blocks));
        }
        return rows;
    }

    private static String row(int width, String name, String spectrum, Object... figures) {
        Object[] all = new Object[figures.length + 1];
        all[0] = spectrum;
        System.arraycopy(figures, 0, all, 1, figures.length);
        return (String.format("%-" + width + "s ", shortened(name, width)) + String.format(FORMAT, all))
                .stripTrailing();
    }

    /** The middle of a name that is too long is left out, and the name says so. */
    private static String shortened(String name, int width) {
        if (name.length() <= width) {
            return name;
        }
        int end = (width - 1) / 2;
        return name.substring(0, width - 1 - end) + "…" + name.substring(name.length() - end);
    }

    private static String count(double n) {
        return n < 1e7
                ? String.format(Locale.ROOT, n == Math.rint(n) ? "%.0f" : "%.1f", n)
                : String.format(Locale.ROOT, "%.3e", n);
    }

    /**
     * Pieces beside each other, on as many lines as they take; a piece that is wider than a line is broken, at a space
     * if it has one.
     */
    private static List<String> wrapped(List<String> pieces, int width) {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (String piece : pieces) {
            if (line.length() > 0 && line.length() + 3 + piece.length() > width) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.length() == 0 ? "" : "   ").append(piece);
            while (line.length() > width) {
                int space = line.lastIndexOf(" ", width);
                int end = space > 0 ? space : width;
                lines.add(line.substring(0, end));
                line.delete(0, space > 0 ? end + 1 : end);
            }
        }
        lines.add(line.toString());
        return lines;
    }
}
