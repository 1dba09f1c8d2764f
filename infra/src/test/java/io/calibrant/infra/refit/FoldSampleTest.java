package io.calibrant.infra.refit;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.registry.AvroDeserializer;
import io.calibrant.testing.RandomStatistics;
import java.util.List;
import org.junit.jupiter.api.Test;

class FoldSampleTest {
    private static final Block BLOCK = new Block("q_proj.lora_A", 3, 61, Side.INPUT);

    /** The dry run reads what is on the topic; the fitter dead-letters such statistics and continues. */
    @Test
    void shouldPassOverStatisticsThatCannotBeFolded() {
        new AvroDeserializer<Statistics>().close(); // it has Avro make records of this package
        Run run = new Run();
        run.setRank(4);
        Statistics good = RandomStatistics.of(BLOCK, 0, 5, 1);
        Statistics notFinite = RandomStatistics.of(BLOCK, 1, 5, 2);
        float[] rows = Tensors.floats(notFinite.getRows());
        rows[7] = Float.NaN;
        notFinite.setRows(Tensors.of(rows, 5, rows.length / 5));
        Statistics misfit = RandomStatistics.of(BLOCK, 2, 5, 3);
        misfit.setSmall(Tensors.of(new float[4], 2, 2));

        assertThat(FoldSample.seconds(List.of(good, notFinite, misfit), run, FitterSettings.defaults()))
                .isPositive();
    }
}
