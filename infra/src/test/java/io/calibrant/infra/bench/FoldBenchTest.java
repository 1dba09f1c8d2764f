package io.calibrant.infra.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FoldBenchTest {
    @Test
    void shouldMeasureAFoldThatIsTheTruncatedSvdByLapack() {
        List<Figure> figures = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        FoldBench.run(figures::add, notes::add); // fails where LAPACK's singular values are others
        assumeTrue(notes.isEmpty(), () -> "not compared: " + notes);
        assertThat(figures)
                .extracting(Figure::name)
                .containsExactly(
                        "fitter.fold.us",
                        "fitter.fold_speedup_over_svd",
                        "fitter.fold_openblas_speedup_over_svd",
                        "fitter.fold_float32_speedup_over_svd");
        assertThat(figures).allMatch(figure -> figure.value() > 0);
    }
}
