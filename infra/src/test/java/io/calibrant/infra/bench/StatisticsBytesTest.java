package io.calibrant.infra.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.trainer.statistics.RowType;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StatisticsBytesTest {
    @Test
    void shouldCountWhatTheNumbersTakeAndLittleBesides() {
        Map<String, StatisticsBytes.Sent> sent = new HashMap<>();
        StatisticsBytes.run(each -> sent.put(each.figure().name(), each));

        // 3 models, 3 targets, shared or not, 2 types, 2 batches per record, 2 intervals
        assertThat(sent).hasSize(144);
        // by hand: 20 rows of x, of g of q and, narrower by grouped queries, of g of v, in every layer; and, as a
        // record
        // of its own and always in F32, the last token's input of each of the 4 questions
        check(sent, "smollm2-135m.q+v.shared.f32", 30, 4, 20 * (576 + 576 + 192) * 4, 576);
        check(sent, "llama-2-7b.q+v.shared.f32", 32, 4, 20 * (4096 + 4096 + 4096) * 4, 4096);
        check(sent, "llama-3-70b.q+v.shared.f32", 80, 4, 20 * (8192 + 8192 + 1024) * 4, 8192);
        check(sent, "llama-3-70b.q+v.separate.f32", 80, 5, 20 * (2 * 8192 + 8192 + 1024) * 4, 8192);
        check(sent, "llama-3-70b.q+k+v.shared.f32", 80, 5, 20 * (8192 + 8192 + 1024 + 1024) * 4, 8192);
        check(sent, "llama-3-70b.q+v.shared.bf16", 80, 4, 20 * (8192 + 8192 + 1024) * 2, 8192);

        // the head sends the 4 questions of a batch, 16 of 4 batches, and 4 or 16 rows of 4 classes
        double layers = sent.get("trainer.bytes_per_step.llama-2-7b.q+v.shared.f32.4_per_record.every_1")
                .bytes();
        double withHead = sent.get("trainer.bytes_per_step.llama-2-7b.q+v+lm_head.shared.f32.4_per_record.every_1")
                .bytes();
        assertThat(withHead - layers).isBetween(16 * (4096 + 4) * 4 / 4.0, 16 * (4096 + 4) * 4 / 4.0 + 2000);
    }

    private static void check(
            Map<String, StatisticsBytes.Sent> sent, String setting, int layers, int records, int numbers, int width) {
        for (int batches : List.of(1, 4)) {
            for (int every : List.of(1, 10)) {
                StatisticsBytes.Sent each =
                        sent.get("trainer.bytes_per_step." + setting + "." + batches + "_per_record.every_" + every);
                assertThat(each.records() * batches * every).isEqualTo((double) layers * records);
                double more = each.bytes() * batches * every / layers - numbers - 4 * batches * width * 4;
                // names, 8 x 8 small sides in double precision (one a block), counts
                assertThat(more).as(setting).isBetween(512.0 * records, 900.0 * (records + 1));
                assertThat(each.rowType()).isEqualTo(setting.endsWith("bf16") ? RowType.BF16 : RowType.F32);
            }
        }
    }
}
