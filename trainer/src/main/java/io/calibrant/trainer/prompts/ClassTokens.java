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
    private final Map<String, Said> said;

    /**
     * From known class tokens, for example of a published run.
     *
     * @param tokens kept in this order
     * @throws IllegalArgumentException if a label or a token occurs twice
     */
    public ClassTokens(List<ClassToken> tokens) {
        this(tokens, Map.of());
    }

    private ClassTokens(List<ClassToken> tokens, Map<String, Said> said) {
        this.tokens = List.copyOf(tokens);
        this.said = said;
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
     * @throws IllegalArgumentException naming label and question if a label is not one token, the labels of a question
     *     do not begin alike, or two labels share one token
     */
    public static ClassTokens lookup(PromptTokenizer tokenizer, Collection<Question> questions) {
        Map<String, Said> said = new TreeMap<>();
        for (Question question : questions) {
            Said first = null;
            for (Choice choice : question.choices()) {
                Said one = said.computeIfAbsent(choice.label(), label -> said(tokenizer, label, question.id()));
                first = first == null ? one : first;
                if (!Arrays.equals(one.start, first.start)) {
                    boolean longer = one.start.length > first.start.length;
                    throw notOneToken(
                            longer ? choice.label() : question.choices().get(0).label(),
                            question.id(),
                            1 + Math.max(one.start.length, first.start.length));
                }
            }
        }
        return new ClassTokens(
                said.entrySet().stream()
                        .map(e -> new ClassToken(e.getKey(), e.getValue().token))
                        .toList(),
                said);
    }

    /**
     * How a label is said after the prompt.
     *
     * @param start tokens before the last one, as a space that is a token of its own; they join the prompt
     * @param token the last one: the class
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by Arrays.equals, never shared
    private record Said(long[] start, int token) {}

    /**
     * The tokens that continue "... Answer:" when a label is said: what the model would produce, whatever the tokenizer
     * does with leading spaces. Of several the last one is the class, if all labels of a question begin alike. A
     * tokenizer whose tokens span words has no such continuation; there it is the token of the label with a space
     * before it.
     */
    private static Said said(PromptTokenizer tokenizer, String label, String questionId) {
        long[] stem = tokenizer.encodePlain(STEM);
        long[] whole = tokenizer.encodePlain(STEM + ' ' + label);
        boolean continues = whole.length > stem.length && Arrays.equals(stem, 0, stem.length, whole, 0, stem.length);
        if (continues && whole.length == stem.length + 1) {
            return new Said(new long[0], Math.toIntExact(whole[stem.length]));
        }
        long[] alone = tokenizer.encodePlain(' ' + label);
        if (alone.length == 1) {
            return new Said(new long[0], Math.toIntExact(alone[0]));
        }
        if (continues) {
            return new Said(
                    Arrays.copyOfRange(whole, stem.length, whole.length - 1), Math.toIntExact(whole[whole.length - 1]));
        }
        throw notOneToken(label, questionId, alone.length);
    }

    private static IllegalArgumentException notOneToken(String label, String questionId, int tokens) {
        return Refusal.of(
                "label '" + label + "' of question '" + questionId + "'",
                "exactly one token of this model, as A is",
                tokens + " tokens");
    }

    /**
     * The tokens that all labels of a question begin with, before the one that tells them apart: they join its prompt.
     *
     * @return [], but where a space is a token of its own, as before digits with some tokenizers
     */
    long[] start(Question question) {
        Said one = said.get(question.choices().get(0).label());
        return one == null ? new long[0] : one.start.clone();
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
