package io.calibrant.infra.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.PromptForm;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BaseAnswersTest {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");

    /** Rank 10, batches folded one after the other: 8.0258 through the topics (results.md); MAP's NLL is 1.5812. */
    @Test
    void shouldGoTheWholeWayFromAModelToItsAnswers() {
        assumeTrue(Files.isDirectory(GOLDEN), "the reference data of ../shared/golden is not here");
        BaseQuestions asked = BaseQuestions.read(
                GOLDEN.resolve("model"),
                GOLDEN.resolve("adapter_mcq"),
                PromptForm.PAPER,
                GOLDEN.resolve("data_mcq/train.jsonl"),
                GOLDEN.resolve("data_mcq/test.jsonl"));
        BaseAnswers exact = answers(asked, BaseType.F32);
        assertThat(exact.lambda()).isCloseTo(8.0258, within(0.01));
        assertThat(exact.map()).isCloseTo(1.5812, within(5e-5));
        assertThat(exact.served()).isCloseTo(1.22917, within(0.002));
        assertThat(exact.largestDifference(exact)).isZero();

        BaseQuestions few = new BaseQuestions(
                asked.adapter(), asked.training().subList(0, 8), asked.test().subList(0, 5), "some");
        double moved = answers(few, BaseType.BF16).largestDifference(answers(few, BaseType.F32));
        assertThat(moved).isPositive().isLessThan(0.02);
    }

    private static BaseAnswers answers(BaseQuestions asked, BaseType type) {
        try (LanguageModel model =
                        LanguageModel.load(GOLDEN.resolve("model"), Device.cpu(), BaseFormat.F32.withType(type));
                AdaptedModel adapted = new AdaptedModel(model, asked.adapter())) {
            return BaseAnswers.of(adapted, asked);
        }
    }
}
