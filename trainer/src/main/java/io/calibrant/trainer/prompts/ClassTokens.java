package io.calibrant.trainer.prompts;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The K class tokens of a run: every label that occurs in it with the one token that says it, sorted by label, so that
 * the order depends on no file. In this order they are the rows of a trimmed language-model head.
 */
public final class ClassTokens {
    private static final String STEM = "Answer:";

    private final List<ClassToken> tokens;
    private final Map<String, Integer> indexOf = new HashMap<>();

    /**
     * From known class tokens, for example of a published run.
     *
     * @param tokens kept in this order
     * @throws IllegalArgumentException if a label or a token occurs twice
     */
    public ClassTokens(List<ClassToken> tokens) {
        this.tokens = List.copyOf(tokens);
        Map<Integer, String> labelOf = new HashMap<>();
        for (ClassToken token : tokens) {
            if (indexOf.put(token.label(), indexOf.size()) != null) {
                throw Refusal.of("labels", "distinct", "'" + token.label() + "' twice");
            }
            String other = labelOf.putIfAbsent(token.tokenId(), token.label());
            if (other != null) {
                throw Refusal.of(
                        "labels '" + other + "' and '" + token.label() + "'",
                        "different tokens of this model",
                        token.tokenId() + " for both");
            }
        }
    }

    /**
     * Looks up every label of some questions in the model's own vocabulary.
     *
     * @throws IllegalArgumentException naming label and question if a label is not one token, or two labels share one
     */
    public static ClassTokens lookup(PromptTokenizer tokenizer, Collection<Question> questions) {
        Map<String, String> questionOf = new TreeMap<>();
        for (Question question : questions) {
            for (Choice choice : question.choices()) {
                questionOf.putIfAbsent(choice.label(), question.id());
            }
        }
        return new ClassTokens(questionOf.entrySet().stream()
                .map(e -> new ClassToken(e.getKey(), token(tokenizer, e.getKey(), e.getValue())))
                .toList());
    }

    /**
     * The token that continues "... Answer:" when a label is said: it is what the model would produce, whatever the
     * tokenizer does with leading spaces. A tokenizer whose tokens span words has no such continuation; there it is the
     * token of the label with a space before it.
     */
    private static int token(PromptTokenizer tokenizer, String label, String questionId) {
        long[] stem = tokenizer.encodePlain(STEM);
        long[] said = tokenizer.encodePlain(STEM + ' ' + label);
        if (said.length == stem.length + 1 && Arrays.equals(stem, 0, stem.length, said, 0, stem.length)) {
            return Math.toIntExact(said[stem.length]);
        }
        long[] alone = tokenizer.encodePlain(' ' + label);
        if (alone.length == 1) {
            return Math.toIntExact(alone[0]);
        }
        throw Refusal.of(
                "label '" + label + "' of question '" + questionId + "'",
                "exactly one token of this model, as A is",
                alone.length + " tokens");
    }

    /** The tokens in the order of the run's classes: [K]. */
    public List<ClassToken> tokens() {
        return tokens;
    }

    /** K, the number of class tokens. */
    public int size() {
        return tokens.size();
    }

    /** Token ids in the order of the run's classes: [K]. */
    public int[] ids() {
        return tokens.stream().mapToInt(ClassToken::tokenId).toArray();
    }

    /**
     * Where a question's choices stand among the run's classes.
     *
     * @return [C], in the order of the choices
     * @throws IllegalArgumentException naming the label if it is not a class of the run
     */
    public int[] indices(Question question) {
        int[] indices = new int[question.choices().size()];
        for (int c = 0; c < indices.length; c++) {
            String label = question.choices().get(c).label();
            Integer index = indexOf.get(label);
            if (index == null) {
                String known = tokens.stream().map(ClassToken::label).collect(Collectors.joining(", "));
                throw Refusal.ofText("label of question '" + question.id() + "'", "one of the run's " + known, label);
            }
            indices[c] = index;
        }
        return indices;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ClassTokens that && tokens.equals(that.tokens);
    }

    @Override
    public int hashCode() {
        return tokens.hashCode();
    }

    @Override
    public String toString() {
        return tokens.toString();
    }
}
