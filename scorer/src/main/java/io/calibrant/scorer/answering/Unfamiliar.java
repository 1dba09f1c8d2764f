package io.calibrant.scorer.answering;

import io.calibrant.schemas.ConfigurationException;
import java.util.Arrays;
import java.util.Locale;

/** What becomes of the probabilities of a question that is unlike the training questions (method.md section 6). */
public enum Unfamiliar {
    /** They are softened towards even odds; the most probable label stays. */
    SOFTEN,
    /** They stay as they are: the answer says how familiar the question is. */
    FLAG;

    /** As the command line writes it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The one of a label.
     *
     * @param flag what names it, for the message
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public static Unfamiliar of(String flag, String label) {
        return Arrays.stream(values())
                .filter(each -> each.label().equals(label))
                .findFirst()
                .orElseThrow(() -> new ConfigurationException(flag, label, "soften or flag"));
    }
}
