package io.calibrant.trainer.prompts;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The K class tokens of a run: every label that occurs in it with the one token that says it, sorted by label, so that
 * the order depends on no file. In this order they are the rows of a trimmed language-model head.
 */
public final class ClassTokens {
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
                throw shared(other, token.label(), token.tokenId());
            }
        }
    }

    static IllegalArgumentException shared(String label, String other, int token) {
        return Refusal.of(
                "labels '" + label + "' and '" + other + "'", "different tokens of this model", token + " for both");
    }

    /**
     * Every label of some prompts with its token.
     *
     * @throws IllegalArgumentException naming label and question if a label is not the same token in all of them, or
     *     two labels share one token
     */
    public static ClassTokens of(Collection<TokenizedPrompt> prompts) {
        Map<String, Integer> said = new TreeMap<>();
        for (TokenizedPrompt prompt : prompts) {
            for (int c = 0; c < prompt.labelTokens().length; c++) {
                String label = prompt.question().choices().get(c).label();
                Integer token = said.putIfAbsent(label, prompt.labelTokens()[c]);
                if (token != null) {
                    requireSame(prompt, c, token);
                }
            }
        }
        return new ClassTokens(said.entrySet().stream()
                .map(e -> new ClassToken(e.getKey(), e.getValue()))
                .toList());
    }

    private static void requireSame(TokenizedPrompt prompt, int choice, int token) {
        if (prompt.labelTokens()[choice] != token) {
            throw Refusal.of(
                    "label '" + prompt.question().choices().get(choice).label() + "' of question '"
                            + prompt.question().id() + "'",
                    "token " + token + ", as in the run's other prompts",
                    prompt.labelTokens()[choice] + ": the prompts end in different ways");
        }
    }

    /**
     * A prompt whose choices are places among these. Its array is passed on.
     *
     * @throws IllegalArgumentException naming the label if it is not a class of the run, or said by another token
     */
    public EncodedPrompt place(TokenizedPrompt prompt) {
        int[] classes = indices(prompt.question());
        for (int c = 0; c < classes.length; c++) {
            requireSame(prompt, c, tokens.get(classes[c]).tokenId());
        }
        return new EncodedPrompt(prompt.question(), prompt.ids(), classes);
    }

    /** As {@link #place(TokenizedPrompt)}, in their order. */
    public List<EncodedPrompt> place(Collection<TokenizedPrompt> prompts) {
        return prompts.stream().map(this::place).toList();
    }

    /** Labels that are the rows of a classifier's head, in their order. */
    public static ClassTokens ofRows(List<String> labels) {
        return new ClassTokens(IntStream.range(0, labels.size())
                .mapToObj(row -> new ClassToken(labels.get(row), row))
                .toList());
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
