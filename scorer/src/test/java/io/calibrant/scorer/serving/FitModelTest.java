package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import io.calibrant.scorer.predictive.Predictive;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Whose fault it is that the model fails: the questions', or the model's own. */
class FitModelTest {
    private static void answers() {}

    private static Supplier<List<Predictive>> failing(RuntimeException failure) {
        return () -> {
            throw failure;
        };
    }

    @Test
    void shouldBlameTheQuestionsWhereTheModelStillAnswersTheProbe() {
        assertThatThrownBy(() -> FitModel.predict(
                        failing(new EngineException("index 512 is out of bounds")), FitModelTest::answers))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the model cannot be asked: index 512 is out of bounds");
    }

    @Test
    void shouldBlameNoQuestionWhereTheModelDoesNotAnswerTheProbe() {
        EngineException lost = new EngineException("CUDA error: device is lost");
        Runnable probe = () -> {
            throw lost;
        };

        assertThatThrownBy(() -> FitModel.predict(failing(new EngineException("CUDA out of memory")), probe))
                .isSameAs(lost);
    }

    @Test
    void shouldHandOnWhatIsKnownToBeOfTheQuestions() {
        ArithmeticException known = new ArithmeticException("the covariance is NaN");

        assertThatThrownBy(() -> FitModel.predict(failing(known), () -> {
                    throw new AssertionError("the probe is not needed");
                }))
                .isSameAs(known);
        assertThat(FitModel.predict(List::of, FitModelTest::answers)).isEmpty();
    }
}
