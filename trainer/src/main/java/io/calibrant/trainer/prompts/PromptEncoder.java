package io.calibrant.trainer.prompts;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * From a question to the token ids of its prompt and of its labels, in the form of a run and with the tokenizer of a
 * model. A label is what continues the prompt in its context: the tokens of prompt, separator and label, less those of
 * the prompt. What all labels of a question begin with joins the prompt, as a space before digits with many tokenizers.
 * Immutable; may be used by several threads.
 */
public final class PromptEncoder {
    /** Of a longer prompt its end is enough to see how a label continues it. */
    private static final int TAIL_CHARACTERS = 256;

    /** So many tokens at the beginning of that end may be others than in the whole. */
    private static final int TOKENS_AT_A_CUT = 8;

    private static final String SPACE = " ";

    private final PromptForm form;
    private final PromptTemplate template;
    private final PromptTokenizer tokenizer;
    private final OptionalInt eos;
    private final String bosToken;
    private final String eosToken;

    /**
     * Encodes nothing yet.
     *
     * @param tokenizer the model's own; not closed with this object
     * @param eos the model's end-of-sequence token, if any
     */
    public PromptEncoder(PromptForm form, PromptTokenizer tokenizer, OptionalInt eos) {
        this.form = form;
        this.template = new PromptTemplate(form.template());
        this.tokenizer = tokenizer;
        this.eos = eos;
        bosToken = template.names(PromptTemplate.BOS) ? tokenizer.bosToken() : "";
        eosToken = eos.isPresent() && template.names(PromptTemplate.EOS) ? tokenizer.endToken(eos.getAsInt()) : "";
    }

    /** In the paper's form. */
    public static PromptEncoder paper(PromptTokenizer tokenizer, OptionalInt eos) {
        return new PromptEncoder(PromptForm.PAPER, tokenizer, eos);
    }

    /** How questions are asked. */
    public PromptForm form() {
        return form;
    }

    /**
     * The text of a question's prompt: its own, else the rendered template.
     *
     * @throws IllegalArgumentException if it is blank
     */
    public String text(Question question) {
        String text = question.prompt() == null ? template.render(question, bosToken, eosToken) : question.prompt();
        if (text.isBlank()) {
            throw Refusal.ofText(prompt(question), "a text that is not blank", text);
        }
        return text;
    }

    /** The number of tokens of a piece of text, by itself. */
    public int tokens(String piece) {
        return tokenizer.encodePlain(piece).length;
    }

    /** Encodes questions, in their order. */
    public List<TokenizedPrompt> encode(Collection<Question> questions) {
        return questions.stream().map(this::encode).toList();
    }

    /**
     * Encodes a question.
     *
     * @throws IllegalArgumentException naming the question, and the label if it is not one token after what all labels
     *     begin with, or two labels share one token; also if the prompt ends with a space
     */
    public TokenizedPrompt encode(Question question) {
        String text = text(question);
        long[] plain = plain(question, text);
        String separator = separator(question, text, plain);
        List<long[]> said = continuations(question, text, plain, separator);
        int start = commonStart(said);
        boolean adds = switch (form.specialTokens()) {
            case AUTO -> !tokenizer.begins(text, plain);
            case ALWAYS -> true;
            case NEVER -> false;
        };
        long[] prefix = adds ? tokenizer.prefix() : new long[0];
        long[] ids = Arrays.copyOf(prefix, prefix.length + plain.length + start);
        System.arraycopy(plain, 0, ids, prefix.length, plain.length);
        System.arraycopy(said.get(0), 0, ids, prefix.length + plain.length, start);
        return new TokenizedPrompt(question, text, ids, labelTokens(question, said, start), separator, adds);
    }

    /**
     * Without special tokens but those of the text. The end of sequence goes by its id, whatever its text is read as.
     */
    private long[] plain(Question question, String text) {
        if (!endsByName(question, text)) {
            return tokenizer.encodePlain(text);
        }
        long[] ids = tokenizer.encodePlain(text.substring(0, text.length() - eosToken.length()));
        long[] ended = Arrays.copyOf(ids, ids.length + 1);
        ended[ids.length] = eos.getAsInt();
        return ended;
    }

    private boolean endsByName(Question question, String text) {
        return question.prompt() == null && !eosToken.isEmpty() && text.endsWith(eosToken);
    }

    private String separator(Question question, String text, long[] plain) {
        if (form.labelSeparator().isPresent()) {
            return form.labelSeparator().get();
        }
        if (question.prompt() == null && form.isPaper()) {
            return SPACE;
        }
        if (text.endsWith("\n")
                || endsByName(question, text)
                || (plain.length > 0 && tokenizer.isSpecial(plain[plain.length - 1]))) {
            return "";
        }
        char last = text.charAt(text.length() - 1);
        if (Character.isWhitespace(last) || Character.isSpaceChar(last)) {
            throw new IllegalArgumentException(
                    prompt(question) + " must not end with a space: most tokenizers make it a"
                            + " part of the label's token, which then has no prompt to follow; got '"
                            + end(text) + "': leave it out, it is put before the label (else set --label-separator)");
        }
        return SPACE;
    }

    /** Per choice the tokens that continue the prompt when its label is said. */
    private List<long[]> continuations(Question question, String text, long[] plain, String separator) {
        String tail = tail(text, plain);
        long[] stem = tokenizer.encodePlain(tail);
        List<long[]> said = new ArrayList<>();
        for (Choice choice : question.choices()) {
            long[] whole = tokenizer.encodePlain(tail + separator + choice.label());
            if (whole.length > stem.length && Arrays.equals(stem, 0, stem.length, whole, 0, stem.length)) {
                said.add(Arrays.copyOfRange(whole, stem.length, whole.length));
                continue;
            }
            // A tokenizer whose tokens span words: there the label is its token with a space before it.
            long[] alone = tokenizer.encodePlain(separator + choice.label());
            if (!separator.equals(SPACE) || alone.length != 1) {
                throw Refusal.of(
                        "label '" + choice.label() + "' of question '" + question.id() + "'",
                        "one that continues its prompt with tokens of its own",
                        "one that becomes a token together with the prompt's end '" + end(text) + "'");
            }
            said.add(alone);
        }
        return said;
    }

    /** The end of a long text, if it has the tokens that it has in the whole. */
    private String tail(String text, long[] plain) {
        if (text.length() <= 2 * TAIL_CHARACTERS) {
            return text;
        }
        int cut = text.lastIndexOf(' ', text.length() - TAIL_CHARACTERS);
        if (cut < text.length() - 2 * TAIL_CHARACTERS) {
            return text;
        }
        String tail = text.substring(cut);
        long[] of = tokenizer.encodePlain(tail);
        int same = of.length - TOKENS_AT_A_CUT;
        boolean alike = same > TOKENS_AT_A_CUT
                && plain.length >= of.length
                && Arrays.equals(plain, plain.length - same, plain.length, of, of.length - same, of.length);
        return alike ? tail : text;
    }

    /** What all begin with while each goes on. */
    private static int commonStart(List<long[]> said) {
        long[] first = said.get(0);
        int start = first.length - 1;
        for (long[] other : said) {
            int same = Arrays.mismatch(first, other);
            start = Math.min(start, Math.min(other.length - 1, same < 0 ? first.length : same));
        }
        return Math.max(0, start);
    }

    private int[] labelTokens(Question question, List<long[]> said, int start) {
        int[] tokens = new int[said.size()];
        Map<Integer, String> labelOf = new HashMap<>();
        for (int c = 0; c < tokens.length; c++) {
            String label = question.choices().get(c).label();
            long[] own = said.get(c);
            if (own.length == start || (own.length > start + 1 && form.labelTokens() == LabelTokens.ONE)) {
                throw Refusal.of(
                        "label '" + label + "' of question '" + question.id() + "'",
                        "exactly one token of this model, as A is (train --label-tokens first takes the first of"
                                + " several)",
                        own.length + " tokens");
            }
            tokens[c] = Math.toIntExact(own[start]);
            String other = labelOf.putIfAbsent(tokens[c], label);
            if (other != null) {
                throw ClassTokens.shared(other, label, tokens[c]);
            }
        }
        return tokens;
    }

    private static String prompt(Question question) {
        return "the prompt of question '" + question.id() + "'";
    }

    /** A few characters, on one line. */
    private static String end(String text) {
        return text.substring(Math.max(0, text.length() - 20)).replaceAll("\\s", " ");
    }
}
