package io.calibrant.infra.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.Acceptance.Verdict;
import io.calibrant.fitter.selective.TargetAccuracy;
import org.junit.jupiter.api.Test;

class AcceptanceWordsTest {
    private static final TargetAccuracy TARGET = TargetAccuracy.DEFAULT;

    @Test
    void shouldSayWhatMayBeAccepted() {
        Acceptance found = new Acceptance(TARGET, 300, Verdict.GUARANTEED, 0.93, 183, 3, 0);
        assertThat(AcceptanceWords.sentence(found))
                .isEqualTo("answers above .93: 95% right or better with 95% confidence, 61% of the questions");
        assertThat(AcceptanceWords.cell(found)).isEqualTo(".93");
        assertThat(AcceptanceWords.sentence(
                        new Acceptance(new TargetAccuracy(0.995, 0.9), 80, Verdict.GUARANTEED, 0, 80, 0, 0)))
                .isEqualTo("all answers: 99.5% right or better with 90% confidence, 100% of the questions");
    }

    @Test
    void shouldSayWhyNothingMay() {
        Acceptance few = new Acceptance(TARGET, 40, Verdict.TOO_FEW_LABELS, Double.NaN, 0, 0, 72);
        assertThat(AcceptanceWords.sentence(few)).isEqualTo("no threshold for 95% yet: 40 labels, about 72 are needed");
        assertThat(AcceptanceWords.cell(few)).isEqualTo("72 labels needed");
        Acceptance many = new Acceptance(TARGET, 400, Verdict.TOO_FEW_LABELS, Double.NaN, 0, 0, 1234);
        assertThat(AcceptanceWords.cell(many)).isEqualTo("1300 labels needed");
        assertThat(AcceptanceWords.sentence(new Acceptance(TARGET, 600, Verdict.OUT_OF_REACH, Double.NaN, 0, 0, 0)))
                .isEqualTo("no threshold for 95%: at every one too many of 600 labelled answers are wrong");
    }
}
