package io.calibrant.trainer.prompts;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * The model's own tokenizer, read from tokenizer.json. Which tokens begin and end a text is decided by add_bos_token
 * and add_eos_token of tokenizer_config.json, and where these are silent by the template in tokenizer.json, as in
 * transformers. Nothing is truncated or padded (DJL would cut at 512 tokens silently and pad at the wrong end). Holds
 * native memory; may be used by several threads.
 */
public final class PromptTokenizer implements AutoCloseable {
    private static final String PROBE = "Answer:";

    private final HuggingFaceTokenizer tokenizer;
    private final long[] prefix;
    private final long[] suffix;
    private final String closed;
    private final String bosToken;
    private final Set<Long> special;
    private final String changes;

    /** What becomes of the tokens that would stand behind a text. */
    private enum End {
        REFUSED,
        LEFT_OUT,
        KEPT
    }

    /** @param closed why no label can follow a text; empty if it can */
    private PromptTokenizer(
            HuggingFaceTokenizer tokenizer,
            long[] prefix,
            long[] suffix,
            String closed,
            String bosToken,
            Set<Long> special,
            String changes) {
        this.tokenizer = tokenizer;
        this.prefix = prefix;
        this.suffix = suffix;
        this.closed = closed;
        this.bosToken = bosToken;
        this.special = special;
        this.changes = changes;
    }

    /**
     * Loads {@code tokenizer.json} of a model directory, with what {@code tokenizer_config.json} says of it.
     *
     * @throws IllegalArgumentException naming the file if it is missing or is no tokenizer, and the key or template if
     *     it would end prompts with a token of its own: a model that is asked after the end of its text has no answer
     */
    public static PromptTokenizer load(Path modelDirectory) {
        return load(modelDirectory, End.REFUSED);
    }

    /**
     * The same, but what it puts behind a text is kept: a sequence classifier reads it there, as in transformers. Where
     * labels are to follow a text, {@link #requireOpenEnd} refuses it.
     *
     * @throws IllegalArgumentException naming the file if it is missing or is no tokenizer, or the key that names no
     *     token of it
     */
    public static PromptTokenizer loadWithEnd(Path directory) {
        return load(directory, End.KEPT);
    }

    /**
     * The same for the directory of a causal model's adapter, of which no prompt is made: what it would put behind a
     * text is left out. Training scripts save it with add_eos_token, and their prompts have the tokens of the model's
     * all the same.
     *
     * @throws IllegalArgumentException naming the file if it is missing or is no tokenizer
     */
    public static PromptTokenizer loadOfAdapter(Path adapterDirectory) {
        return load(adapterDirectory, End.LEFT_OUT);
    }

    private static PromptTokenizer load(Path directory, End end) {
        TokenizerFile file = TokenizerFile.read(directory.resolve("tokenizer.json"));
        TokenizerSettings settings = TokenizerSettings.read(directory);
        requireSamePrefix(file, settings);
        TokenizerFile whole = file.with(settings);
        Map<String, String> options = Map.of("addSpecialTokens", "true", "padding", "false", "truncation", "false");
        HuggingFaceTokenizer tokenizer;
        try {
            tokenizer = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(whole.bytes()), options);
        } catch (IOException | RuntimeException e) {
            // DJL hands on what the native library says as a bare RuntimeException
            throw file.refused(String.valueOf(e.getMessage()).replaceAll("\\s+", " "), e);
        }
        boolean done = false;
        try {
            PromptTokenizer loaded = of(tokenizer, file, whole, settings, end);
            done = true;
            return loaded;
        } catch (IllegalArgumentException e) {
            throw e;
        } catch (RuntimeException e) {
            throw file.refused(String.valueOf(e.getMessage()).replaceAll("\\s+", " "), e);
        } finally {
            if (!done) {
                tokenizer.close();
            }
        }
    }

    private static void requireSamePrefix(TokenizerFile file, TokenizerSettings settings) {
        Optional<Boolean> own = file.prefixSpace();
        if (settings.prefixSpace().isPresent() && own.isPresent() && !own.equals(settings.prefixSpace())) {
            throw Refusal.of(
                    "tokenizer file " + settings.file() + ": " + TokenizerSettings.PREFIX_SPACE,
                    own.get()
                            + ", as in the pre_tokenizer of tokenizer.json (with this tokenizer_class transformers goes"
                            + " by the key, other programs by tokenizer.json)",
                    settings.prefixSpace().get());
        }
    }

    /** @param whole the file with the tokens that the settings add */
    private static PromptTokenizer of(
            HuggingFaceTokenizer tokenizer,
            TokenizerFile file,
            TokenizerFile whole,
            TokenizerSettings settings,
            End end) {
        long[] plain = tokenizer.encode(PROBE, false, false).getIds();
        Encoding encoding = tokenizer.encode(PROBE, true, false);
        long[] around = encoding.getIds();
        int start = plain.length == 0
                ? -1
                : Collections.indexOfSubList(
                        LongStream.of(around).boxed().toList(),
                        LongStream.of(plain).boxed().toList());
        if (start < 0) {
            throw Refusal.of(
                    "tokenizer file " + file.path() + ": post_processor",
                    "one that keeps the tokens of a text",
                    "others for '" + PROBE + "'");
        }
        long[] before = Arrays.copyOf(around, start);
        long[] behind = Arrays.copyOfRange(around, start + plain.length, around.length);
        String closed = closed(file, settings, behind.length == 0 ? "" : encoding.getTokens()[around.length - 1]);
        if (end == End.REFUSED) {
            requireOpen(closed);
        }
        long[] prefix = settings.addBos().isEmpty()
                ? before
                : named(before, file, settings.file(), "bos", settings.addBos().get(), settings.bos());
        long[] suffix = new long[0];
        if (end == End.KEPT) {
            suffix = settings.addEos().isEmpty()
                    ? behind
                    : named(
                            behind,
                            file,
                            settings.file(),
                            "eos",
                            settings.addEos().get(),
                            settings.eos());
        }
        String changes = Arrays.equals(prefix, before) && Arrays.equals(suffix, behind)
                ? ""
                : "tokens around a text " + Arrays.toString(prefix)
                        + (suffix.length == 0 ? "" : " and " + Arrays.toString(suffix));
        if (whole != file) {
            changes += " with the tokens of " + settings.file().getFileName();
        }
        String bosToken = settings.bos().orElseGet(() -> prefix.length == 0 ? "" : token(tokenizer, prefix[0]));
        return new PromptTokenizer(tokenizer, prefix, suffix, closed, bosToken, whole.specialIds(), changes);
    }

    /** @param last the token that the template in tokenizer.json puts at the end of a text; empty for none */
    private static String closed(TokenizerFile file, TokenizerSettings settings, String last) {
        if (settings.addEos().orElse(false)) {
            return "tokenizer file " + settings.file() + ": add_eos_token must be false (else the model is asked after"
                    + " the end of its text), got true";
        }
        return last.isEmpty() || settings.addEos().isPresent()
                ? ""
                : "tokenizer file " + file.path() + ": post_processor must be one that adds nothing behind a text, got"
                        + " '" + last + "' (the model would be asked after the end of its text): remove it from the"
                        + " template, or set add_eos_token to false in " + settings.file();
    }

    private static void requireOpen(String closed) {
        if (!closed.isEmpty()) {
            throw new IllegalArgumentException(closed);
        }
    }

    /**
     * The tokens at one end of a text where tokenizer_config.json decides it.
     *
     * @param template those of tokenizer.json
     * @param settings tokenizer_config.json
     * @param end bos or eos
     * @param added whether there is one
     * @param token which one, if it is named
     */
    private static long[] named(
            long[] template, TokenizerFile file, Path settings, String end, boolean added, Optional<String> token) {
        if (!added) {
            return new long[0];
        }
        if (token.isEmpty() && template.length > 0) {
            return template;
        }
        String key = "tokenizer file " + settings + ": " + end + "_token";
        String text =
                token.orElseThrow(() -> Refusal.of(key, "a token, since add_" + end + "_token is true", "nothing"));
        int id = file.idOf(text).orElseThrow(() -> Refusal.of(key, "a token of tokenizer.json", "'" + text + "'"));
        return new long[] {id};
    }

    /**
     * Checks that a label can follow a text.
     *
     * @throws IllegalArgumentException naming the key or the template that puts a token behind every text
     */
    public void requireOpenEnd() {
        requireOpen(closed);
    }

    /**
     * What tokenizer_config.json changes of the tokens around a text, in words for a digest; empty for nothing. Two
     * directories that differ in it are two models.
     */
    String changes() {
        return changes;
    }

    /**
     * Token ids of a text, with the special tokens before it (for example BOS).
     *
     * @return [T]
     */
    public long[] encode(String text) {
        long[] plain = encodePlain(text);
        if (prefix.length == 0) {
            return plain;
        }
        long[] ids = Arrays.copyOf(prefix, prefix.length + plain.length);
        System.arraycopy(plain, 0, ids, prefix.length, plain.length);
        return ids;
    }

    /** Token ids of a text, with special tokens that it names and without those that are added to it: [T]. */
    public long[] encodePlain(String text) {
        return tokenizer.encode(text, false, false).getIds();
    }

    /** The special tokens that are put before a text: not to be modified. */
    long[] prefix() {
        return prefix;
    }

    /** The special tokens that are put behind a text; none where labels follow it: not to be modified. */
    long[] suffix() {
        return suffix;
    }

    /** Whether a text begins itself with what would be put before it, or with the token that begins texts. */
    boolean begins(String text, long[] plain) {
        if (prefix.length > 0) {
            return plain.length > 0 && plain[0] == prefix[0];
        }
        return !bosToken.isEmpty() && text.startsWith(bosToken);
    }

    /** Whether a token is one of the special ones, as an end of sequence is. */
    boolean isSpecial(long id) {
        return special.contains(id);
    }

    /** The text of the token that begins texts; empty where there is none. */
    String bosToken() {
        return bosToken;
    }

    /** The text of the end of sequence; one of that name where the tokenizer has no text for it. */
    String endToken(int id) {
        String text = id < 0 ? "" : token(tokenizer, id);
        return text.isEmpty() ? "<eos>" : text;
    }

    private static String token(HuggingFaceTokenizer tokenizer, long id) {
        return tokenizer.decode(new long[] {id}, false);
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
