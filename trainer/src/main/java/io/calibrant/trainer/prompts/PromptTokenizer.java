package io.calibrant.trainer.prompts;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * The model's own tokenizer, read from tokenizer.json. Which token begins a text is decided by add_bos_token of
 * tokenizer_config.json, and where that is silent by the template in tokenizer.json, as in transformers. Nothing is
 * truncated or padded (DJL would cut at 512 tokens silently and pad at the wrong end). Holds native memory; may be used
 * by several threads.
 */
public final class PromptTokenizer implements AutoCloseable {
    private static final String PROBE = "Answer:";

    private final HuggingFaceTokenizer tokenizer;
    private final long[] prefix;
    private final String bosToken;
    private final Set<Long> special;
    private final String changes;

    private PromptTokenizer(
            HuggingFaceTokenizer tokenizer, long[] prefix, String bosToken, Set<Long> special, String changes) {
        this.tokenizer = tokenizer;
        this.prefix = prefix;
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
        return load(modelDirectory, true);
    }

    /**
     * The same for an adapter's directory, of which no prompt is made: what it would put behind a text is left out.
     * Training scripts save it with add_eos_token, and their prompts have the tokens of the model's all the same.
     *
     * @throws IllegalArgumentException naming the file if it is missing or is no tokenizer
     */
    public static PromptTokenizer loadOfAdapter(Path adapterDirectory) {
        return load(adapterDirectory, false);
    }

    private static PromptTokenizer load(Path directory, boolean endRefused) {
        TokenizerFile file = TokenizerFile.read(directory.resolve("tokenizer.json"));
        TokenizerSettings settings = TokenizerSettings.read(directory);
        Map<String, String> options = Map.of("addSpecialTokens", "true", "padding", "false", "truncation", "false");
        HuggingFaceTokenizer tokenizer;
        try {
            tokenizer = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(file.bytes()), options);
        } catch (IOException | RuntimeException e) {
            // DJL hands on what the native library says as a bare RuntimeException
            throw file.refused(String.valueOf(e.getMessage()).replaceAll("\\s+", " "), e);
        }
        boolean done = false;
        try {
            PromptTokenizer loaded = of(tokenizer, file, settings, endRefused);
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

    private static PromptTokenizer of(
            HuggingFaceTokenizer tokenizer, TokenizerFile file, TokenizerSettings settings, boolean endRefused) {
        long[] plain = tokenizer.encode(PROBE, false, false).getIds();
        Encoding encoding = tokenizer.encode(PROBE, true, false);
        long[] around = encoding.getIds();
        int before = plain.length == 0
                ? -1
                : Collections.indexOfSubList(
                        LongStream.of(around).boxed().toList(),
                        LongStream.of(plain).boxed().toList());
        if (before < 0) {
            throw Refusal.of(
                    "tokenizer file " + file.path() + ": post_processor",
                    "one that keeps the tokens of a text",
                    "others for '" + PROBE + "'");
        }
        boolean ends = around.length > before + plain.length;
        if (endRefused && settings.addEos().orElse(false)) {
            throw Refusal.of(
                    "tokenizer file " + settings.file() + ": add_eos_token",
                    "false (else the model is asked after the end of its text)",
                    true);
        }
        if (endRefused && ends && settings.addEos().isEmpty()) {
            throw Refusal.of(
                    "tokenizer file " + file.path() + ": post_processor",
                    "one that adds nothing behind a text",
                    "'" + encoding.getTokens()[around.length - 1]
                            + "' (the model would be asked after the end of its text): remove it from the template, or"
                            + " set add_eos_token to false in " + settings.file());
        }
        long[] template = Arrays.copyOf(around, before);
        long[] prefix = prefix(template, file, settings);
        String changes =
                Arrays.equals(prefix, template) && !ends ? "" : "tokens around a text " + Arrays.toString(prefix);
        String bosToken = settings.bos().orElseGet(() -> prefix.length == 0 ? "" : token(tokenizer, prefix[0]));
        return new PromptTokenizer(tokenizer, prefix, bosToken, file.specialIds(), changes);
    }

    private static long[] prefix(long[] template, TokenizerFile file, TokenizerSettings settings) {
        if (settings.addBos().isEmpty()) {
            return template;
        }
        if (!settings.addBos().get()) {
            return new long[0];
        }
        if (settings.bos().isEmpty() && template.length > 0) {
            return template;
        }
        String bos = settings.bos()
                .orElseThrow(() -> Refusal.of(
                        "tokenizer file " + settings.file() + ": bos_token",
                        "a token, since add_bos_token is true",
                        "nothing"));
        int id = file.idOf(bos)
                .orElseThrow(() -> Refusal.of(
                        "tokenizer file " + settings.file() + ": bos_token",
                        "a token of tokenizer.json",
                        "'" + bos + "'"));
        return new long[] {id};
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
