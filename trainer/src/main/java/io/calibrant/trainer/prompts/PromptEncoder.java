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
    private static final int TAIL_CHARACTERS = 128;

    /** So many tokens at the beginning of that end may be others than in the whole. */
    private static final int TOKENS_AT_A_CUT = 8;

    private static final String SPACE = " ";

    private final PromptForm form;
    private final PromptTemplate template;
    private final PromptTokenizer tokenizer;
    private final OptionalInt eos;
    private final String bosToken;
    private final String eosToken;
    private final List<String> labels;
    private final Classifier classifier;

    /**
     * Labels are rows of a classifier's head.
     *
     * @param rows its labels
     * @param pad id of the token that does not count at the end of a text; empty for none
     */
    private record Classifier(ClassTokens rows, OptionalInt pad) {
        /** The ids up to the last that is not the padding's, as transformers takes the logits there. */
        long[] read(long[] ids) {
            int length = ids.length;
            while (length > 1 && pad.isPresent() && ids[length - 1] == pad.getAsInt()) {
                length--;
            }
            return Arrays.copyOf(ids, length);
        }
    }

    /**
     * Encodes nothing yet.
     *
     * @param tokenizer the model's own; not closed with this object
     * @param eos the model's end-of-sequence token, if any
     */
    public PromptEncoder(PromptForm form, PromptTokenizer tokenizer, OptionalInt eos) {
        this(form, new PromptTemplate(form.template()), tokenizer, eos, List.of(), null);
    }

    private PromptEncoder(
            PromptForm form,
            PromptTemplate template,
            PromptTokenizer tokenizer,
            OptionalInt eos,
            List<String> labels,
            Classifier classifier) {
        this.form = form;
        this.template = template;
        this.tokenizer = tokenizer;
        this.eos = eos;
        bosToken = template.names(PromptTemplate.BOS) ? tokenizer.bosToken() : "";
        eosToken = eos.isPresent() && template.names(PromptTemplate.EOS) ? tokenizer.endToken(eos.getAsInt()) : "";
        this.labels = List.copyOf(labels);
        this.classifier = classifier;
    }

    /** The same with the labels of a run, which are the choices of questions that name none. */
    public PromptEncoder withLabels(List<String> ofRun) {
        return new PromptEncoder(form, template, tokenizer, eos, ofRun, classifier);
    }

    /**
     * The same for a sequence classifier, whose labels are no tokens.
     *
     * @param rows labels in the order of the head's rows
     * @param pad id that does not count at the end of a text; empty for none
     */
    public PromptEncoder ofClassifier(List<String> rows, OptionalInt pad) {
        return new PromptEncoder(form, template, tokenizer, eos, rows, new Classifier(ClassTokens.ofRows(rows), pad));
    }

    private Question withChoices(Question question) {
        if (question.choices().isEmpty() && labels.isEmpty()) {
            throw Refusal.of(
                    "choices of question '" + question.id() + "'",
                    Question.MIN_CHOICES + " to " + Question.MAX_CHOICES
                            + " (or --labels A,B of train and check, for all that name none)",
                    "none");
        }
        return question.orChoicesOf(labels);
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
    public String text(Question asked) {
        Question question = withChoices(asked);
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
    public TokenizedPrompt encode(Question asked) {
        return encode(asked, text(asked));
    }

    /**
     * The same where the text is known.
     *
     * @param text what {@link #text} says of the question
     * @throws IllegalArgumentException as {@link #encode(Question)}
     */
    public TokenizedPrompt encode(Question asked, String text) {
        Question question = withChoices(asked);
        long[] plain = plain(question, text);
        if (classifier != null) {
            long[] ids = surrounded(text, plain);
            return new TokenizedPrompt(
                    question,
                    text,
                    classifier.read(ids),
                    classifier.rows().indices(question),
                    "",
                    ids.length > plain.length);
        }
        String separator = separator(question, text, plain);
        List<long[]> said = continuations(question, text, plain, separator);
        int start = commonStart(said);
        long[] ids = prefixed(text, plain, start);
        System.arraycopy(said.get(0), 0, ids, ids.length - start, start);
        return new TokenizedPrompt(
                question, text, ids, labelTokens(question, said, start), separator, adds(text, plain));
    }

    private boolean adds(String text, long[] plain) {
        return switch (form.specialTokens()) {
            case AUTO -> !tokenizer.begins(text, plain);
            case ALWAYS -> true;
            case NEVER -> false;
        };
    }

    /** With the tokenizer's special tokens, if they are added, and room for some more behind. */
    private long[] prefixed(String text, long[] plain, int more) {
        long[] prefix = adds(text, plain) ? tokenizer.prefix() : new long[0];
        long[] ids = Arrays.copyOf(prefix, prefix.length + plain.length + more);
        System.arraycopy(plain, 0, ids, prefix.length, plain.length);
        return ids;
    }

    /** With the tokenizer's special tokens at both ends, if they are added: a classifier reads behind them. */
    private long[] surrounded(String text, long[] plain) {
        long[] suffix = adds(text, plain) ? tokenizer.suffix() : new long[0];
        long[] ids = prefixed(text, plain, suffix.length);
        System.arraycopy(suffix, 0, ids, ids.length - suffix.length, suffix.length);
        return ids;
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

    /** A text that a label follows, with its tokens. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody; private to this class
    private record Stem(String text, long[] ids) {}

    /** Per choice the tokens that continue the prompt when its label is said. */
    private List<long[]> continuations(Question question, String text, long[] plain, String separator) {
        Stem stem = stem(question, text, plain);
        List<long[]> said = new ArrayList<>();
        for (Choice choice : question.choices()) {
            long[] whole = tokenizer.encodePlain(stem.text + separator + choice.label());
            int length = stem.ids.length;
            if (whole.length > length && Arrays.equals(stem.ids, 0, length, whole, 0, length)) {
                said.add(Arrays.copyOfRange(whole, length, whole.length));
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

    /**
     * What decides how a label goes on: the text, or the end of a long one, if it has the tokens that it has in the
     * whole. In the paper's form the end of sequence changes nothing of its labels: they are said as after the text
     * before it, though some tokenizers begin anew behind it with the token of a space.
     */
    private Stem stem(Question question, String text, long[] plain) {
        boolean ended = endsByName(question, text);
        boolean before = ended && form.isPaper();
        String base = before ? text.substring(0, text.length() - eosToken.length()) : text;
        long[] whole = before ? Arrays.copyOf(plain, plain.length - 1) : plain;
        int cut = base.lastIndexOf(' ', base.length() - TAIL_CHARACTERS);
        if (cut > 0 && cut >= base.length() - 2 * TAIL_CHARACTERS) {
            String tail = base.substring(cut);
            long[] ids = tokenizer.encodePlain(tail);
            int same = ids.length - TOKENS_AT_A_CUT;
            if (same > TOKENS_AT_A_CUT
                    && whole.length >= ids.length
                    && Arrays.equals(whole, whole.length - same, whole.length, ids, ids.length - same, ids.length)) {
                return new Stem(tail, ids);
            }
        }
        return new Stem(base, ended && !before ? tokenizer.encodePlain(base) : whole);
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
