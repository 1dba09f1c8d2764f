package io.calibrant.trainer.prompts;

/**
 * The prompts of the paper (Yang et al. 2024, arXiv 2308.13111, appendix), word for word. The paper gives no context to
 * a multiple-choice question; where there is one it stands before the choices in the words of the True/False form.
 */
public final class Prompt {
    /** How a multiple-choice question is asked, for the run's record. */
    public static final String MULTIPLE_CHOICE =
            "Select one of the choices that answers the following question: {question}[ Context: {context}]"
                    + " Choices: {label}. {text} {label}. {text} ... Answer:";

    /** How a True/False question is asked, for the run's record; the model's end-of-sequence token follows. */
    public static final String TRUE_FALSE =
            "Answer the question with only True or False: {question}[ Context: {context}]{eos}";

    private Prompt() {}

    /** The text of a question's prompt, without special tokens. */
    public static String text(Question question) {
        StringBuilder text = new StringBuilder(256);
        if (question.isTrueFalse()) {
            text.append("Answer the question with only True or False: ").append(question.question());
            appendContext(text, question);
            return text.toString();
        }
        text.append("Select one of the choices that answers the following question: ")
                .append(question.question());
        appendContext(text, question);
        text.append(" Choices:");
        for (Choice choice : question.choices()) {
            text.append(' ').append(choice.label()).append(". ").append(choice.text());
        }
        return text.append(" Answer:").toString();
    }

    private static void appendContext(StringBuilder text, Question question) {
        if (question.context() != null && !question.context().isEmpty()) {
            text.append(" Context: ").append(question.context());
        }
    }
}
