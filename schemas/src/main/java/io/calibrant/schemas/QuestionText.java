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
 */
public record QuestionText(String stem, String context, List<String> labels, List<String> texts) {
    /** 64 bits: two texts of one id that differ are never taken for one by chance. */
    private static final int DIGITS = 16;

    /** Copies the lists. */
    public QuestionText {
        Objects.requireNonNull(stem, "stem");
        labels = List.copyOf(labels);
        texts = List.copyOf(texts);
    }

    /** The text of a record. */
    public static QuestionText of(Question question) {
        return of(question.getStem(), question.getContext(), question.getChoices(), Choice::getLabel, Choice::getText);
    }

    /**
     * The text of a question in memory.
     *
     * @param choices in their order
     * @param label of a choice
     * @param text of a choice
     */
    public static <C> QuestionText of(
            String stem, String context, List<C> choices, Function<C, String> label, Function<C, String> text) {
        return new QuestionText(
                stem,
                context,
                choices.stream().map(label).toList(),
                choices.stream().map(text).toList());
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
        return ByteBuffer.wrap(digest.digest()).getLong();
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
