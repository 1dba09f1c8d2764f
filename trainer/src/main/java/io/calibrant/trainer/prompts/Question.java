package io.calibrant.trainer.prompts;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A question with 2 to 256 choices. It is a True/False question when its labels are exactly True and False.
 *
 * @param id names the question, not blank
 * @param question the stem, not blank; empty where the prompt is given and no stem
 * @param context a passage to answer from; null for none
 * @param choices 2 to 256, labels distinct; the last one is the reference class of the contrasts; none: the labels of
 *     the run that answers
 * @param answer label of the true choice; null where it is not known
 * @param prompt the whole prompt, verbatim; null where it is rendered in the form of the run
 */
public record Question(String id, String question, String context, List<Choice> choices, String answer, String prompt) {
    /** Fewest choices of a question. */
    public static final int MIN_CHOICES = 2;

    /** Most choices of a question. */
    public static final int MAX_CHOICES = 256;

    private static final Set<String> TRUE_FALSE = Set.of("True", "False");

    /** @throws IllegalArgumentException naming what is wrong and what is accepted */
    public Question {
        requireText("id", id);
        if (prompt == null) {
            requireText("question", question);
        } else {
            requireText("prompt", prompt);
            question = question == null ? "" : question;
        }
        choices = choices == null ? List.of() : List.copyOf(choices);
        if (choices.size() == 1 || choices.size() > MAX_CHOICES) {
            throw Refusal.of("choices", MIN_CHOICES + " to " + MAX_CHOICES, choices.size());
        }
        Set<String> seen = new HashSet<>();
        for (Choice choice : choices) {
            if (!seen.add(choice.label())) {
                throw Refusal.of("choices", "distinct in their labels", "'" + choice.label() + "' twice");
            }
        }
        if (answer != null && !choices.isEmpty() && !seen.contains(answer)) {
            String labels = choices.stream().map(Choice::label).collect(Collectors.joining(", "));
            throw Refusal.ofText("answer", "one of " + labels, answer);
        }
    }

    /** Without a prompt of its own. */
    public Question(String id, String question, String context, List<Choice> choices, String answer) {
        this(id, question, context, choices, answer, null);
    }

    /**
     * The same question, with a run's labels for choices where it names none.
     *
     * @throws IllegalArgumentException if its answer is none of them
     */
    public Question orChoicesOf(List<String> labels) {
        return choices.isEmpty()
                ? new Question(
                        id,
                        question,
                        context,
                        labels.stream()
                                .map(label -> new Choice(label, "", true))
                                .toList(),
                        answer,
                        prompt)
                : this;
    }

    /** The choices that the question itself names; none where they are the run's labels. */
    public List<Choice> ownChoices() {
        return choices.stream().filter(choice -> !choice.isOfRun()).toList();
    }

    /** Whether the labels are exactly True and False, in any order. */
    public boolean isTrueFalse() {
        return choices.size() == 2
                && TRUE_FALSE.contains(choices.get(0).label())
                && TRUE_FALSE.contains(choices.get(1).label());
    }

    /** Position of the true choice; empty where it is not known. */
    public Optional<Integer> answerIndex() {
        for (int c = 0; c < choices.size(); c++) {
            if (choices.get(c).label().equals(answer)) {
                return Optional.of(c);
            }
        }
        return Optional.empty();
    }

    private static void requireText(String key, String text) {
        if (text == null || text.isBlank()) {
            throw Refusal.ofText(key, "a text that is not blank", text);
        }
    }
}
