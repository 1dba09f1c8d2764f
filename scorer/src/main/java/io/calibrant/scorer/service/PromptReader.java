package io.calibrant.scorer.service;

import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.List;

/** Encodes questions for a run. Immutable, thread-safe. */
final class PromptReader {
    private final BaseModel base;
    private final ClassTokens runTokens;
    private final boolean headAdapted;

    PromptReader(BaseModel base, Run run) {
        this.base = base;
        List<ClassToken> tokens = new ArrayList<>();
        run.getClassTokens().forEach(token -> tokens.add(new ClassToken(token.getLabel(), token.getTokenId())));
        this.runTokens = new ClassTokens(tokens);
        this.headAdapted = RunAdapter.adaptsHead(run);
    }

    /**
     * Encodes a question.
     *
     * @return its classes are token ids
     * @throws BadQuestionException if a label is not one token of its own, is unknown to an adapted head, or the prompt
     *     is longer than the model's context
     */
    EncodedPrompt read(Question question) throws BadQuestionException {
        try {
            ClassTokens own = ClassTokens.lookup(base.tokenizer(), List.of(question));
            if (headAdapted) {
                runTokens.indices(question);
            }
            EncodedPrompt prompt = EncodedPrompt.of(
                    question, base.tokenizer(), own, base.special().eos());
            int longest = base.model().config().maxPositions();
            if (prompt.length() > longest) {
                throw new BadQuestionException("the prompt of question '" + question.id() + "' has " + prompt.length()
                        + " tokens: the model's context is " + longest);
            }
            int[] ids = own.ids();
            int[] tokens = new int[prompt.classes().length];
            for (int c = 0; c < tokens.length; c++) {
                tokens[c] = ids[prompt.classes()[c]];
                if (tokens[c] >= base.model().config().vocabularySize()) {
                    throw new BadQuestionException("label '"
                            + question.choices().get(c).label() + "' of question '" + question.id() + "' is token "
                            + tokens[c] + ", which the model does not have: accepted are tokens below "
                            + base.model().config().vocabularySize());
                }
            }
            return new EncodedPrompt(question, prompt.ids(), tokens);
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        }
    }
}
