package io.calibrant.schemas;

import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Question;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * The text of a question, whatever its id: two questions under one id are told apart by it, and one question under two
 * ids is recognised by it.
 *
 * @param stem what is asked
 * @param context a text that it refers to; null for none
 * @param labels of the choices, in their order
 * @param texts of the choices, in the same order
 * @param prompt the whole prompt, verbatim; null where it is rendered
 */
public record QuestionText(String stem, String context, List<String> labels, List<String> texts, String prompt) {
    /** 64 bits: two texts of one id that differ are never taken for one by chance. */
    private static final int DIGITS = 16;

    /** Begins no length of a text. */
    private static final byte PROMPT = -1;

    /** Copies the lists; an empty prompt is none. */
    public QuestionText {
        Objects.requireNonNull(stem, "stem");
        labels = List.copyOf(labels);
        texts = List.copyOf(texts);
        prompt = prompt == null || prompt.isEmpty() ? null : prompt;
    }

    /** A text that is rendered. */
    public QuestionText(String stem, String context, List<String> labels, List<String> texts) {
        this(stem, context, labels, texts, null);
    }

    /** The text of a record. */
    public static QuestionText of(Question question) {
        return of(
                question.getStem(),
                question.getContext(),
                question.getChoices(),
                Choice::getLabel,
                Choice::getText,
                question.getPrompt());
    }

    /**
     * The text of a question in memory.
     *
     * @param choices in their order
     * @param label of a choice
     * @param text of a choice
     * @param prompt the whole prompt, verbatim; null where it is rendered
     */
    public static <C> QuestionText of(
            String stem,
            String context,
            List<C> choices,
            Function<C, String> label,
            Function<C, String> text,
            String prompt) {
        return new QuestionText(
                stem,
                context,
                choices.stream().map(label).toList(),
                choices.stream().map(text).toList(),
                prompt);
    }

    /** 16 hexadecimal digits that stand for the text, with the order of its choices. */
    public String digest() {
        MessageDigest digest = sha256();
        add(digest, stem);
        add(digest, context == null ? "" : context);
        for (int i = 0; i < labels.size(); i++) {
            add(digest, labels.get(i));
            add(digest, texts.get(i));
        }
        addPrompt(digest, prompt);
        return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
    }

    /**
     * A number that stands for what is asked: the same for other white space, and for the same choices in another order
     * or under other labels.
     */
    long content() {
        MessageDigest digest = sha256();
        add(digest, plain(stem));
        add(digest, context == null ? "" : plain(context));
        texts.stream().map(QuestionText::plain).sorted().forEach(text -> add(digest, text));
        addPrompt(digest, prompt == null ? null : plain(prompt));
        return ByteBuffer.wrap(digest.digest()).getLong();
    }

    /** Nothing where there is none: the digests of questions without stay as they are. */
    private static void addPrompt(MessageDigest digest, String prompt) {
        if (prompt != null) {
            digest.update(PROMPT);
            add(digest, prompt);
        }
    }

    private static String plain(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }

    private static void add(MessageDigest digest, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, bytes.length)); // so that no two run together
        digest.update(bytes);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
