package io.calibrant.scorer.answering;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Encodes questions for a model, and checks what cannot be checked without it. Thread-safe. */
public final class PromptReader {
    private final PromptTokenizer tokenizer;
    private final OptionalInt eos;
    private final ModelConfig config;
    private final Optional<ClassTokens> only;

    /**
     * Reads nothing yet.
     *
     * @param tokenizer the model's own; not closed with this object
     * @param eos the model's end-of-sequence token, if any
     * @param config of the model
     * @param only the class tokens of the run where its head is adapted, so that there is nothing but them; empty where
     *     any token may be a choice
     */
    public PromptReader(PromptTokenizer tokenizer, OptionalInt eos, ModelConfig config, Optional<ClassTokens> only) {
        this.tokenizer = tokenizer;
        this.eos = eos;
        this.config = config;
        this.only = only;
    }

    /**
     * Encodes a question.
     *
     * @throws BadQuestionException if a label is not one token of its own, is unknown to an adapted head, or the prompt
     *     is longer than the model's context
     */
    public TokenizedQuestion read(Question question, Purpose purpose) throws BadQuestionException {
        try {
            ClassTokens own = ClassTokens.lookup(tokenizer, List.of(question));
            only.ifPresent(tokens -> tokens.indices(question));
            EncodedPrompt prompt = EncodedPrompt.of(question, tokenizer, own, eos);
            if (prompt.length() > config.maxPositions()) {
                throw new BadQuestionException(Require.message(
                        "the prompt of question '" + question.id() + "'",
                        prompt.length(),
                        "at most " + config.maxPositions() + " tokens, the model's context"));
            }
            int[] ids = own.ids();
            int[] tokens = new int[prompt.classes().length];
            for (int c = 0; c < tokens.length; c++) {
                tokens[c] = ids[prompt.classes()[c]];
                if (tokens[c] >= config.vocabularySize()) {
                    throw new BadQuestionException(Require.message(
                            "the token of label '" + question.choices().get(c).label() + "' of question '"
                                    + question.id() + "'",
                            tokens[c],
                            "below " + config.vocabularySize() + ", the size of the model's vocabulary"));
                }
            }
            return new TokenizedQuestion(question, prompt.ids(), tokens, purpose);
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        }
    }
}
