package io.calibrant.scorer.service;

import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Encodes questions, and knows at which place among the served class tokens each choice stands. Where the run's head is
 * adapted, these are the run's; else a label that the run did not have is added when it first comes.
 */
final class PromptReader {
    private final BaseModel base;
    private final ClassTokens runTokens;
    private final boolean headAdapted;
    private final Map<Integer, Integer> placeOf = new LinkedHashMap<>();

    PromptReader(BaseModel base, Run run) {
        this.base = base;
        List<ClassToken> tokens = new ArrayList<>();
        run.getClassTokens().forEach(token -> tokens.add(new ClassToken(token.getLabel(), token.getTokenId())));
        this.runTokens = new ClassTokens(tokens);
        this.headAdapted = RunAdapter.adaptsHead(run);
        tokens.forEach(token -> placeOf.put(token.tokenId(), placeOf.size()));
    }

    /** Token ids of all places so far: those of the run, then what came since. */
    int[] classTokens() {
        return placeOf.keySet().stream().mapToInt(Integer::intValue).toArray();
    }

    /**
     * Encodes a question.
     *
     * @throws BadQuestionException if a label is not one token of its own, is unknown to an adapted head, or the prompt is
     *     longer than the model's context
     */
    EncodedPrompt read(Question question) throws BadQuestionException {
        try {
            ClassTokens own = ClassTokens.lookup(base.tokenizer(), List.of(question));
            if (headAdapted) {
                runTokens.indices(question);
            }
            EncodedPrompt prompt = EncodedPrompt.of(
                    question, base.tokenizer(), own, base.special().eos());
            int longest = base.llama().config().maxPositions();
            if (prompt.length() > longest) {
                throw new BadQuestionException("the prompt of question '" + question.id() + "' has " + prompt.length()
                        + " tokens: the model's context is " + longest);
            }
            int[] places = new int[prompt.classes().length];
            int[] ids = own.ids();
            for (int c = 0; c < places.length; c++) {
                places[c] = placeOf.computeIfAbsent(ids[prompt.classes()[c]], id -> placeOf.size());
            }
            return new EncodedPrompt(question, prompt.ids(), places);
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        }
    }
}
