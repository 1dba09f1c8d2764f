package io.calibrant.scorer.answering;

import io.calibrant.schemas.ConfigurationException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** What serves where no label is known (method.md section 5d). */
public enum LabelFreeServing {
    /** The members that need no label, as the posterior weighs them. */
    AVERAGE("average"),
    /** E softmax N(z, Sigma): the posterior as the evidence has it; MAP at tiers without a covariance. */
    EVIDENCE("evidence");

    private final String label;

    LabelFreeServing(String label) {
        this.label = label;
    }

    /** As the command line writes it. */
    public String label() {
        return label;
    }

    /**
     * The choice of a label.
     *
     * @param flag what names it, for the message
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public static LabelFreeServing of(String flag, String label) {
        return Arrays.stream(values())
                .filter(each -> each.label.equals(label))
                .findFirst()
                .orElseThrow(() -> new ConfigurationException(
                        flag,
                        label,
                        Arrays.stream(values()).map(LabelFreeServing::label).collect(Collectors.joining(" or "))));
    }
}
