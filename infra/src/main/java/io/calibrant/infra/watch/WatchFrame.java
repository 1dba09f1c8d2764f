package io.calibrant.infra.watch;

import io.calibrant.infra.watch.FrameLine.Piece;
import io.calibrant.infra.watch.FrameLine.Tone;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A view as lines that fit a screen. A wide one has the loss curve beside the facts, longer spectra, and blocks in
 * several columns where one is too short; a tall one a higher curve. Blocks that do not fit are put together, by layer,
 * or some of them are shown, and the lines say so.
 *
 * @param lines from the top
 * @param scroll the first block that is shown where not all are, else 0
 */
record WatchFrame(List<FrameLine> lines, int scroll) {
    private static final int SPARKLINE = 12;
    private static final int LONGEST_SPARKLINE = 48;

    /** Columns of the figures behind the spectrum. */
    private static final int FIGURES = 8 + 10 + 10 + 9;

    private static final int TRACE = 11;
    private static final int NARROWEST = SPARKLINE + 1 + FIGURES + 22;

    /** From here on there is a column more. */
    private static final int WIDE = 100;

    /** A table that is wider leads the eye astray. */
    private static final int WIDEST = 160;

    private static final int BETWEEN = 3;

    /** Lines above the rows of the table: an empty one, and the titles. */
    private static final int TITLES = 2;

    private static final int LOWEST_CURVE = 3;
    private static final int HIGHEST_CURVE = 12;

    /** With fewer lines below the facts the curve is one line. */
    private static final int FOR_CURVE = 13;

    /** Columns of the facts where the curve stands beside them. */
    private static final int FACTS = 76;

    /** Renders a view; a screen that is narrower than the figures is taken as just wide enough for them. */
    static WatchFrame of(WatchView view, FrameLayout layout) {
        int columns = Math.max(NARROWEST, layout.width());
        int keys = layout.keys().isEmpty() ? 0 : 1;
        int height = layout.height() == 0 ? 0 : Math.max(1, layout.height() - keys);
        List<BlockRow> blocks =
                view.layers().values().stream().flatMap(List::stream).toList();
        List<FrameLine> lines = head(view, columns, height, blocks.size());
        int scroll = 0;
        if (!blocks.isEmpty()) {
            int available = height == 0 ? Integer.MAX_VALUE : Math.max(1, height - lines.size() - TITLES);
            scroll = table(lines, view, blocks, layout, columns, available);
        }
        if (height > 0 && lines.size() > height) { // of a screen of a few lines
            lines.subList(height, lines.size()).clear();
        }
        if (keys > 0) {
            lines.add(FrameLine.of(layout.keys(), Tone.QUIET));
        }
        return new WatchFrame(List.copyOf(lines), scroll);
    }

    /** Facts and loss curve. */
    private static List<FrameLine> head(WatchView view, int columns, int height, int blocks) {
        int most = height == 0 ? Integer.MAX_VALUE : Math.max(2, height - (blocks == 0 ? 0 : TITLES + 2));
        if (!view.losses().isCurve()) {
            return facts(view, columns, most);
        }
        if (height > 0 && columns >= FACTS + BETWEEN + 44) {
            List<FrameLine> left = facts(view, FACTS, most);
            int rows = Math.max(
                    Math.min(left.size() - 1, HIGHEST_CURVE),
                    Math.min(HIGHEST_CURVE, height - blocks - BETWEEN - 1)); // as high as the table leaves it
            rows = Math.max(2, Math.min(rows, height - 2));
            List<FrameLine> right = LossCurve.lines(view.losses(), Math.min(WIDEST, columns - FACTS - BETWEEN), rows);
            List<FrameLine> lines = new ArrayList<>();
            for (int i = 0; i < Math.max(left.size(), right.size()); i++) {
                FrameLine fact = i < left.size() ? left.get(i) : FrameLine.plain("");
                lines.add(i < right.size() ? fact.beside(FACTS + BETWEEN, right.get(i)) : fact);
            }
            return lines;
        }
        List<FrameLine> lines = facts(view, columns, most);
        int left = height - lines.size();
        if (height == 0 || left < FOR_CURVE) {
            if (height == 0 || left > 4) {
                lines.add(LossCurve.line(view.losses(), columns));
            }
            return lines;
        }
        int rows = Math.max(LOWEST_CURVE, Math.min(HIGHEST_CURVE, left - blocks - 4));
        lines.add(FrameLine.plain(""));
        lines.addAll(LossCurve.lines(view.losses(), columns, rows));
        return lines;
    }

    /**
     * The facts, in at most so many lines: where there are more, lines are left out from the end, alarms last of all,
     * and a line says how many.
     *
     * @param most at least 2
     */
    private static List<FrameLine> facts(WatchView view, int columns, int most) {
        List<FrameLine> lines = new ArrayList<>();
        for (List<String> pieces : view.facts()) {
            Tone tone = lines.isEmpty() ? Tone.HEADING : view.isAlarm(pieces) ? Tone.ALARM : Tone.PLAIN;
            wrapped(pieces, columns).forEach(line -> lines.add(FrameLine.of(line, tone)));
        }
        int more = 0;
        for (Tone each : List.of(Tone.PLAIN, Tone.ALARM)) {
            for (int i = lines.size() - 1; i > 0 && lines.size() + Math.min(1, more) > most; i--) {
                if (lines.get(i).pieces().get(0).tone() == each) {
                    lines.remove(i);
                    more++;
                }
            }
        }
        if (more > 0) {
            lines.add(FrameLine.of(more + (more == 1 ? " line" : " lines") + " more in a taller terminal", Tone.QUIET));
        }
        return lines;
    }

    /** Adds the table; returns the first block that is shown where not all are. */
    private static int table(
            List<FrameLine> lines,
            WatchView view,
            List<BlockRow> blocks,
            FrameLayout layout,
            int columns,
            int available) {
        int most = (columns + BETWEEN) / (NARROWEST + BETWEEN);
        int panes = 1;
        while (panes < most && (blocks.size() + panes - 1) / panes > available) {
            panes++;
        }
        List<BlockRow> rows = blocks;
        String note = "";
        int scroll = 0;
        if ((blocks.size() + panes - 1) / panes > available) {
            if (layout.single()) {
                // One line less for the note below the table.
                int shown = Math.min(blocks.size(), Math.max(1, available - 1) * panes);
                scroll = Math.max(0, Math.min(layout.scroll(), blocks.size() - shown));
                rows = blocks.subList(scroll, scroll + shown);
                note = "blocks " + (scroll + 1) + " to " + (scroll + shown) + " of " + blocks.size();
            } else {
                panes = 1;
                // As long as the note can be.
                int noted = wrapped(List.of(together(blocks.size(), blocks.size())), columns)
                        .size();
                rows = byLayer(view.layers(), Math.max(1, available - noted));
                note = together(blocks.size(), rows.size());
            }
        }
        int width = Math.min(WIDEST, (columns - BETWEEN * (panes - 1)) / panes);
        int high = (rows.size() + panes - 1) / panes;
        lines.add(FrameLine.plain(""));
        for (int i = -1; i < high; i++) {
            FrameLine line = null;
            for (int pane = 0; pane < panes; pane++) {
                int at = pane * high + i;
                if (i < 0 || at < rows.size()) {
                    FrameLine part = i < 0 ? header(width) : row(width, rows.get(at));
                    line = line == null ? part : line.beside(pane * (width + BETWEEN), part);
                }
            }
            lines.add(line);
        }
        if (available > 1) {
            wrapped(List.of(note), columns).stream()
                    .filter(each -> !each.isEmpty())
                    .forEach(each -> lines.add(FrameLine.of(each, Tone.QUIET)));
        }
        return scroll;
    }

    private static String together(int blocks, int rows) {
        return blocks + " blocks in " + rows + " lines: mean energy, largest delta and n, fewest batches of each";
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

    /** Columns of a spectrum in a table of this width. */
    private static int sparkline(int width) {
        int rest = width - (width < WIDE ? 80 : 80 + TRACE);
        return SPARKLINE + Math.max(0, Math.min(LONGEST_SPARKLINE - SPARKLINE, rest / 2));
    }

    private static FrameLine header(int width) {
        return FrameLine.of(
                row(width, "BLOCK", "SPECTRUM", "TRACE", "ENERGY", "DELTA", "N", "BATCHES")
                        .text(),
                Tone.HEADING);
    }

    private static FrameLine row(int width, BlockRow each) {
        return row(
                width,
                each.name(),
                Sparkline.of(each.spectrum(), sparkline(width)),
                WatchView.number(each.trace()),
                String.format(Locale.ROOT, "%.1f%%", 100 * each.capturedEnergy()),
                each.delta() == 0 ? "0" : String.format(Locale.ROOT, "%.2e", each.delta()),
                count(each.n()),
                Long.toString(each.batches()));
    }

    private static FrameLine row(
            int width,
            String name,
            String spectrum,
            String trace,
            String energy,
            String delta,
            String n,
            String batches) {
        int bars = sparkline(width);
        int names = width - FIGURES - bars - 1 - (width < WIDE ? 0 : TRACE);
        return new FrameLine(List.of(
                new Piece(String.format("%-" + names + "s ", shortened(name, names)), Tone.PLAIN),
                new Piece(String.format("%-" + bars + "s", spectrum), Tone.SPECTRUM),
                new Piece(
                        (width < WIDE ? "" : String.format(" %" + (TRACE - 1) + "s", trace))
                                + String.format(" %7s %9s %9s %8s", energy, delta, n, batches),
                        Tone.PLAIN)));
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
