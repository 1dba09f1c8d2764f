package io.calibrant.infra.watch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WatchFrameTest {
    private static final List<List<String>> FACTS = List.of(
            List.of("run r (model)", "checkpoint final", "fit default", "LIVE"), List.of("lambda 1.5", "lag 0.3 s"));

    private static WatchView view(int layers, int each) {
        Map<String, List<BlockRow>> blocks = new LinkedHashMap<>();
        for (int layer = 0; layer < layers; layer++) {
            List<BlockRow> of = new ArrayList<>();
            for (int i = 0; i < each; i++) {
                of.add(new BlockRow(
                        layer + " proj" + i + " A",
                        1,
                        List.of(100.0, 10.0, 1.0),
                        120 + i,
                        0.75,
                        0.001 * i,
                        1000 + i,
                        7));
            }
            blocks.put("layer " + layer, of);
        }
        return new WatchView(FACTS, blocks, Losses.NONE);
    }

    private static List<String> lines(WatchView view, int width, int height) {
        return text(view, FrameLayout.of(width, height));
    }

    private static List<String> text(WatchView view, FrameLayout layout) {
        return WatchFrame.of(view, layout).lines().stream()
                .map(line -> line.text().stripTrailing())
                .toList();
    }

    /** A loss that falls from 2 to 1 in 100 steps. */
    private static WatchView learning(int layers, int each) {
        List<Losses.Point> points = new ArrayList<>();
        for (int step = 1; step <= 100; step++) {
            points.add(new Losses.Point(step, 2 - step / 100.0));
        }
        WatchView view = view(layers, each);
        return new WatchView(view.facts(), view.layers(), new Losses(points));
    }

    @Test
    void shouldShowEveryBlockWhereThereIsRoom() {
        List<String> lines = lines(view(2, 2), 80, 24);
        assertThat(lines)
                .containsExactly(
                        "run r (model)   checkpoint final   fit default   LIVE",
                        "lambda 1.5   lag 0.3 s",
                        "",
                        "BLOCK                          SPECTRUM      ENERGY     DELTA         N  BATCHES",
                        "0 proj0 A                      █▆▅            75.0%         0      1000        7",
                        "0 proj1 A                      █▆▅            75.0%  1.00e-03      1001        7",
                        "1 proj0 A                      █▆▅            75.0%         0      1000        7",
                        "1 proj1 A                      █▆▅            75.0%  1.00e-03      1001        7");
    }

    @ParameterizedTest
    @CsvSource({"30,4,80,24", "80,14,80,24", "30,4,200,50", "30,4,72,24", "3,1,80,8", "97,7,80,5", "30,4,80,0"})
    void shouldCutNothingSilently(int layers, int each, int width, int height) {
        List<String> lines = lines(view(layers, each), width, height);
        assertThat(lines).allMatch(line -> line.length() <= width);
        if (height > 5) {
            assertThat(lines).hasSizeLessThanOrEqualTo(height);
        }
        List<String> rows = lines.stream().filter(line -> line.endsWith(" 7")).toList();
        int shown = 0;
        for (String row : rows) {
            shown += row.startsWith("layer")
                    ? Integer.parseInt(row.replaceAll("layers? [-0-9]+, (\\d+) block.*", "$1"))
                    : 1;
        }
        assertThat(shown).isEqualTo(layers * each);
    }

    @Test
    void shouldSayWhatStandsTogether() {
        List<String> lines = lines(view(30, 4), 80, 24);
        assertThat(lines).hasSize(20).last().asString().startsWith("120 blocks in 15 lines: ");
        assertThat(lines.get(4)).startsWith("layers 0-1, 8 blocks ").endsWith("75.0%  3.00e-03      1003        7");
    }

    @Test
    void shouldWeighTheEnergyWithTheTraces() {
        BlockRow large = new BlockRow("a", 1, List.of(90.0), 100, 0.9, 0, 5, 3);
        BlockRow small = new BlockRow("b", 1, List.of(1.0, 1.0), 4, 0.5, 2, 6, 2);
        assertThat(BlockRow.together("ab", List.of(large, small)))
                .isEqualTo(new BlockRow("ab", 2, List.of(91.0, 1.0), 104, 92.0 / 104, 2, 6, 2));
    }

    @Test
    void shouldBreakWhatIsTooLong() {
        String name = "x".repeat(100);
        BlockRow row = new BlockRow("12 " + name, 1, List.of(), 0, 1, 0, 12_345_678_901.0, 1);
        List<String> lines = lines(
                new WatchView(
                        List.of(List.of("run " + name, "checkpoint " + name)),
                        Map.of("head", List.of(row)),
                        Losses.NONE),
                80,
                24);
        assertThat(lines).allMatch(line -> line.length() <= 80);
        assertThat(String.join("", lines)).contains("1.235e+10").contains("…");
        assertThat(String.join("", lines.subList(0, lines.indexOf(""))).replaceAll("[^x]", ""))
                .hasSize(200);
    }

    @Test
    void shouldDrawSpectra() {
        assertThat(Sparkline.of(List.of(), 5)).isEmpty();
        assertThat(Sparkline.of(List.of(0.0, 0.0), 5)).isEqualTo("  ");
        assertThat(Sparkline.of(List.of(1e4, 1e3, 1e2, 10.0, 1.0, 1e-9, 0.0), 7))
                .isEqualTo("█▆▅▃▁▁ ");
        assertThat(Sparkline.of(Collections.nCopies(17, 3.0), 12)).isEqualTo("█".repeat(12));
    }

    @Test
    void shouldDrawTheLossAboveTheBlocks() {
        List<String> lines = lines(learning(30, 4), 80, 24);
        assertThat(lines).hasSizeBetween(18, 24).allMatch(line -> line.length() <= 80);
        assertThat(lines.get(3)).startsWith("loss 1.990 ").matches(".{11}⠉+⠒[⠀-⣿ ]+");
        assertThat(lines.get(5)).matches("     1.000 .*[⠀-⣿]");
        assertThat(lines.get(6)).matches("           step 1 +100");
        // Where few lines are left the curve is one of them, and in a file always.
        assertThat(lines(learning(3, 1), 80, 12).get(2)).matches("loss 1.990 █[▁-█]+▁ 1.000");
        assertThat(lines(learning(3, 1), 80, 0).get(2)).startsWith("loss 1.990 █");
        assertThat(lines(learning(3, 1), 80, 6)).hasSizeLessThanOrEqualTo(6);
    }

    @Test
    void shouldUseAWideAndATallTerminal() {
        WatchView view = learning(30, 2);
        List<String> wide = lines(view, 180, 40);
        assertThat(wide).hasSizeLessThanOrEqualTo(40).allMatch(line -> line.length() <= 180);
        // The curve beside the facts; 60 blocks one by one in two columns.
        assertThat(wide.get(0)).startsWith("run r (model) ").contains("loss 1.990");
        assertThat(wide.stream().filter(line -> line.matches("\\d+ proj0 A.* 7   \\d+ proj. A.* 7")))
                .hasSize(15);
        // A tall one has all of them below each other, and a high curve.
        List<String> tall = lines(view, 80, 90);
        assertThat(tall.stream().filter(line -> line.matches("\\d+ proj. A.* 7")))
                .hasSize(60);
        assertThat(tall.stream().filter(line -> line.matches(".{11}[⠀-⣿ ]*[⠁-⣿]")))
                .hasSize(12);
        // One that is wider has longer spectra and a column more.
        assertThat(lines(view(1, 1), 140, 24).get(3)).contains(" TRACE ");
        BlockRow full = new BlockRow("a", 1, Collections.nCopies(60, 1.0), 60, 1, 0, 5, 3);
        WatchView spectrum = new WatchView(FACTS, Map.of("head", List.of(full)), Losses.NONE);
        assertThat(lines(spectrum, 80, 24).get(4)).contains("a  ").containsPattern("[^█]█{12}[^█]");
        assertThat(lines(spectrum, 140, 24).get(4)).containsPattern("[^█]█{36}[^█]");
    }

    /** The label of a value in front of the curve may be of any width: 0.6931, 0.05123 and 1.235e+04 are longer. */
    @ParameterizedTest
    @CsvSource({"0.1, 0.9", "0.05, 0.06", "0.0001, 0.9", "1, 10000", "12345, 99999", "1, 2"})
    void shouldDrawEachLineOfTheLossAboveTheNext(double first, double last) {
        List<Losses.Point> points = new ArrayList<>();
        for (int step = 0; step <= 500; step++) {
            points.add(new Losses.Point(step, first + (last - first) * step / 500));
        }
        for (int width : new int[] {72, 80, 131}) {
            List<String> lines = LossCurve.lines(new Losses(points), width, 4).stream()
                    .map(FrameLine::text)
                    .toList();
            assertThat(lines).allMatch(line -> line.length() <= width);
            // A straight line: each row of dots ends where the one above it begins, the first one at the right edge.
            List<int[]> dots = new ArrayList<>();
            for (String line : lines.subList(0, 4)) {
                String curve = line.replaceAll("[^\u2801-\u28ff]", " ");
                dots.add(new int[] {
                    curve.length() - curve.stripLeading().length(),
                    curve.stripTrailing().length()
                });
            }
            assertThat(dots.get(0)[1]).isEqualTo(width);
            for (int row = 1; row < 4; row++) {
                assertThat(dots.get(row)[1] - dots.get(row - 1)[0]).isBetween(0, 1);
            }
            assertThat(lines.get(4)).hasSize(width).startsWith(" ".repeat(dots.get(3)[0]) + "step 0 ");
        }
    }

    @ParameterizedTest
    @CsvSource({"20,30,80,24", "30,30,80,24", "30,1,80,24", "19,60,80,24", "30,30,200,24", "30,0,80,24", "5,97,72,9"})
    void shouldBeNoHigherThanTheTerminal(int more, int layers, int width, int height) {
        List<List<String>> facts = new ArrayList<>(FACTS);
        for (int i = 0; i < more; i++) {
            facts.add(List.of(i == more / 2 ? "Alarm: the questions are of another kind" : "sentence " + i));
        }
        for (WatchView each : List.of(view(layers, 4), learning(layers, 4))) {
            WatchView view = new WatchView(facts, each.layers(), each.losses());
            for (boolean single : new boolean[] {false, true}) {
                List<String> lines = text(view, new FrameLayout(width, height, Wanted.KEYS, single, 0));
                assertThat(lines).hasSizeLessThanOrEqualTo(height).last().isEqualTo(Wanted.KEYS);
                String all = String.join("\n", lines);
                assertThat(all).contains("run r (model)", "Alarm: the questions are of another kind");
                int shown = (int) lines.stream()
                        .filter(line -> line.startsWith("sentence ") || line.startsWith("Alarm: "))
                        .count();
                int figures = all.contains("lambda 1.5") ? 1 : 0;
                assertThat(all).contains(more + 1 - shown - figures + " lines more in a taller terminal");
                if (layers > 0) {
                    assertThat(all).contains("SPECTRUM").containsPattern(" 7(\n|   )");
                }
            }
        }
    }

    @Test
    void shouldScrollThroughTheBlocksWithKeys() {
        WatchView view = view(30, 4);
        Wanted wanted = Wanted.DEFAULT.after(Keyboard.Key.DOWN);
        WatchFrame frame = WatchFrame.of(view, new FrameLayout(80, 24, Wanted.KEYS, wanted.single(), wanted.scroll()));
        assertThat(frame.lines()).hasSize(24).last().extracting(FrameLine::text).isEqualTo(Wanted.KEYS);
        assertThat(frame.lines().get(22).text()).isEqualTo("blocks 2 to 19 of 120");
        assertThat(frame.lines().get(4).text()).startsWith("0 proj1 A ");
        // No further than to the last one, and back from there at once.
        for (int i = 0; i < 50; i++) {
            wanted = wanted.after(Keyboard.Key.PAGE_DOWN);
        }
        frame = WatchFrame.of(view, new FrameLayout(80, 24, Wanted.KEYS, true, wanted.scroll()));
        assertThat(frame.lines().get(22).text()).isEqualTo("blocks 103 to 120 of 120");
        wanted = wanted.shown(frame.scroll()).after(Keyboard.Key.UP);
        assertThat(wanted.scroll()).isEqualTo(101);
        assertThat(wanted.after(Keyboard.Key.BLOCKS).single()).isFalse();
        assertThat(wanted.after(Keyboard.Key.QUIT).quit()).isTrue();
    }

    @Test
    void shouldReadKeys() {
        byte[] typed = "jkb\u001b[A\u001b[B\u001bOA\u001b[5~\u001b[6~x\u001b[Cq".getBytes(StandardCharsets.US_ASCII);
        try (Keyboard keyboard = new Keyboard(new ByteArrayInputStream(typed), "")) {
            assertThat(keyboard.pressed())
                    .containsExactly(
                            Keyboard.Key.DOWN,
                            Keyboard.Key.UP,
                            Keyboard.Key.BLOCKS,
                            Keyboard.Key.UP,
                            Keyboard.Key.DOWN,
                            Keyboard.Key.UP,
                            Keyboard.Key.PAGE_UP,
                            Keyboard.Key.PAGE_DOWN,
                            Keyboard.Key.QUIT);
            assertThat(keyboard.pressed()).isEmpty();
        }
        assertThat(Keyboard.none().pressed()).isEmpty();
    }

    /** What has not changed is not written again; colours only where they are wanted. */
    @Test
    void shouldWriteToATerminalWhatHasChanged() {
        StringWriter written = new StringWriter();
        Screen screen = new Screen(new PrintWriter(written), true, true);
        int[] size = {24, 80};
        FrameLine alarm = FrameLine.of("SILENT", FrameLine.Tone.ALARM);
        screen.show(List.of(FrameLine.plain("one"), alarm, FrameLine.plain("three")), size);
        assertThat(written.toString())
                .isEqualTo("\033[2J\033[1;1Hone\033[K\033[2;1H\033[1;31mSILENT\033[0m\033[K\033[3;1Hthree\033[K"
                        + "\033[3;1H");
        written.getBuffer().setLength(0);
        screen.show(List.of(FrameLine.plain("one"), FrameLine.plain("\u001b[2J")), size);
        assertThat(written.toString())
                .doesNotContain("one", "\033[2J")
                .startsWith("\033[2;1H")
                .endsWith("\033[3;1H\033[K\033[2;1H");
        written.getBuffer().setLength(0);
        screen.show(List.of(FrameLine.plain("one")), new int[] {30, 100});
        assertThat(written.toString()).startsWith("\033[2J\033[1;1Hone");
        Screen file = new Screen(new PrintWriter(written), false, false);
        written.getBuffer().setLength(0);
        file.show(List.of(alarm), new int[] {0, 80});
        assertThat(written.toString())
                .isEqualTo("SILENT" + System.lineSeparator().repeat(2));
        assertThat(Watch.wantsColours(Map.of("TERM", "xterm"))).isTrue();
        assertThat(Watch.wantsColours(Map.of("TERM", "dumb"))).isFalse();
        assertThat(Watch.wantsColours(Map.of("NO_COLOR", "1"))).isFalse();
        assertThat(Watch.wantsColours(Map.of("NO_COLOR", ""))).isTrue();
    }

    @Test
    void shouldLetNoTopicCommandTheTerminal() {
        assertThat(WatchView.plain("a\u001b[2Jb\u202Ec\nd")).isEqualTo("a?[2Jb?c?d");
    }
}
