package io.calibrant.infra.watch;

import static org.assertj.core.api.Assertions.assertThat;

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
        return new WatchView(FACTS, blocks);
    }

    @Test
    void shouldShowEveryBlockWhereThereIsRoom() {
        List<String> lines = WatchFrame.lines(view(2, 2), 80, 24);
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
        List<String> lines = WatchFrame.lines(view(layers, each), width, height);
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
        List<String> lines = WatchFrame.lines(view(30, 4), 80, 24);
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
        List<String> lines = WatchFrame.lines(
                new WatchView(List.of(List.of("run " + name, "checkpoint " + name)), Map.of("head", List.of(row))),
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
    void shouldLetNoTopicCommandTheTerminal() {
        assertThat(WatchView.plain("a\u001b[2Jb\u202Ec\nd")).isEqualTo("a?[2Jb?c?d");
    }
}
