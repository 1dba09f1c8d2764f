package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows of several shapes, side by side in parts of any size. */
class GroupedReductionTest {
    private static final int K = 3;

    @ParameterizedTest
    @ValueSource(longs = {1, 2 * 41 * 13, Long.MAX_VALUE})
    void shouldGiveEveryBlockItsOwn(long most) {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get())) {
            List<NDArray> rows = new ArrayList<>();
            for (Shape shape : List.of(new Shape(41, 13), new Shape(41, 17), new Shape(5, 13), new Shape(41, 13))) {
                rows.add(manager.randomNormal(shape));
                rows.add(manager.randomNormal(shape));
            }
            int before = manager.getManagedArrays().size();
            Map<Integer, FactorRows> large = new LinkedHashMap<>();
            Map<Integer, double[]> small = new LinkedHashMap<>();
            GroupedReduction grouped = new GroupedReduction(K, RowReduction.QUICK, most);
            for (int i = 0; i < rows.size(); i++) {
                int number = i;
                grouped.large(rows.get(i), 100 + i, reduced -> large.put(number, reduced));
                grouped.small(rows.get(i), sum -> small.put(number, sum));
            }

            grouped.run();

            assertThat(manager.getManagedArrays()).as("nothing is left behind").hasSize(before);
            assertThat(large).hasSize(rows.size());
            for (int i = 0; i < rows.size(); i++) {
                FactorRows alone = RowReduction.reduce(rows.get(i), K, RowReduction.QUICK, 100 + i);
                assertThat(large.get(i).count()).isEqualTo(alone.count());
                assertThat(large.get(i).values()).as("block " + i).containsExactly(alone.values(), within(2e-5f));
                NDArray wide = rows.get(i).toType(DataType.FLOAT64, false);
                assertThat(small.get(i))
                        .as("block " + i)
                        .containsExactly(wide.transpose().matMul(wide).toDoubleArray(), within(1e-12));
            }
            large.clear();
            grouped.run();
            assertThat(large).as("what is done is not done again").isEmpty();
        }
    }
}
