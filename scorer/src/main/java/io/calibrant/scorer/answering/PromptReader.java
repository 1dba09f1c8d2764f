package io.calibrant.scorer.answering;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import java.util.Optional;

/**
 * Encodes questions for a model, and checks what cannot be checked without it. A text that is far too long is refused
 * before it is tokenized as a whole: a tokenizer takes some 300 bytes for each of its characters. Thread-safe.
 */
public final class PromptReader {
    /** No tokenizer in use has a longer token: the longest are runs of 128 blanks. */
    private static final int TOKEN_CHARACTERS = 128;

    /** A label is one token, or one after some that all labels begin with. */
    private static final int LABEL_CHARACTERS = TOKEN_CHARACTERS;

    /** A text is tokenized in one piece up to this length. */
    private static final int PIECE_CHARACTERS = 1 << 16;

    /** Where a text is cut, so many tokens may be two that are one in the whole text. */
    private static final int TOKENS_AT_A_CUT = 16;

    private final PromptEncoder encoder;
    private final ModelConfig config;
    private final Optional<ClassTokens> only;

    /**
     * Reads nothing yet.
     *
     * @param encoder of the model's own tokenizer, in the form of the run
     * @param config of the model
     * @param only the class tokens of the run where its head is adapted, so that there is nothing but them; empty where
     *     any token may be a choice
     */
    public PromptReader(PromptEncoder encoder, ModelConfig config, Optional<ClassTokens> only) {
        this.encoder = encoder;
        this.config = config;
        this.only = only;
    }

    /**
     * Encodes a question.
     *
     * @throws BadQuestionException if a label is not one token of its own, is unknown to an adapted head, the prompt is
     *     longer than the model's context, or the tokenizer fails on it
     */
    public TokenizedQuestion read(Question question, Purpose purpose) throws BadQuestionException {
        checkLabels(question);
        String text = text(question);
        checkLength(question, text);
        try {
            TokenizedPrompt prompt = encoder.encode(question, text);
            only.ifPresent(known -> known.place(prompt));
            if (prompt.length() > config.maxPositions()) {
                throw new BadQuestionException(Require.message(
                        "the prompt of question '" + question.id() + "'",
                        prompt.length(),
                        "at most " + config.maxPositions() + " tokens, the model's context"));
            }
            int[] tokens = prompt.labelTokens();
            for (int c = 0; c < tokens.length; c++) {
                if (tokens[c] >= config.vocabularySize()) {
                    throw new BadQuestionException(Require.message(
                            "the token of label '"
                                    + prompt.question().choices().get(c).label() + "' of question '" + question.id()
                                    + "'",
                            tokens[c],
                            "below " + config.vocabularySize() + ", the size of the model's vocabulary"));
                }
            }
            for (long id : prompt.ids()) {
                if (id >= config.vocabularySize()) {
                    throw new BadQuestionException(Require.message(
                            "a token of question '" + question.id() + "'",
                            id,
                            "below " + config.vocabularySize() + ", the size of the model's vocabulary"));
                }
            }
            return new TokenizedQuestion(prompt.question(), prompt.ids(), tokens, purpose);
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        } catch (RuntimeException e) {
            // What the native tokenizer says comes as a bare RuntimeException.
            throw new BadQuestionException(
                    "question '" + question.id() + "' cannot be tokenized: " + e.getMessage(), e);
        }
    }

    private void checkLabels(Question question) throws BadQuestionException {
        boolean whole = encoder.form().labelTokens() == LabelTokens.ONE;
        int most = whole ? LABEL_CHARACTERS : PIECE_CHARACTERS;
        for (Choice choice : question.choices()) {
            if (choice.label().length() > most) {
                throw new BadQuestionException(Require.message(
                        "a label of question '" + question.id() + "'",
                        choice.label().length(),
                        "at most " + most + " characters" + (whole ? ", one token" : "")));
            }
        }
    }

    private void checkLength(Question question, String text) throws BadQuestionException {
        long most = (long) TOKEN_CHARACTERS * config.maxPositions();
        if (text.length() > most) {
            throw new BadQuestionException(Require.message(
                    "the prompt of question '" + question.id() + "'",
                    text.length(),
                    "at most " + most + " characters, " + TOKEN_CHARACTERS + " for each of the " + config.maxPositions()
                            + " tokens of the model's context"));
        }
        if (text.length() > PIECE_CHARACTERS) {
            checkTokens(question, text);
        }
    }

    private String text(Question question) throws BadQuestionException {
        try {
            return encoder.text(question);
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        }
    }

    /** Counts the tokens piece by piece, and no further than to the length that is refused. */
    private void checkTokens(Question question, String text) throws BadQuestionException {
        long tokens = 0;
        for (int from = 0; from < text.length(); ) {
            int to = Math.min(text.length(), from + PIECE_CHARACTERS);
            if (to < text.length() && Character.isHighSurrogate(text.charAt(to - 1))) {
                to--;
            }
            tokens += Math.max(0, encoder.tokens(text.substring(from, to)) - TOKENS_AT_A_CUT);
            if (tokens > config.maxPositions()) {
                throw new BadQuestionException("the prompt of question '" + question.id() + "' must be at most "
                        + config.maxPositions() + " tokens, the model's context, got more than " + tokens
                        + ": its first "
                        + to + " of " + text.length() + " characters are");
            }
            from = to;
        }
    }
}
