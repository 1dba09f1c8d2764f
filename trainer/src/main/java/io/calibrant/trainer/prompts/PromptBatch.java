package io.calibrant.trainer.prompts;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Prompts of different lengths as one rectangle, padded on the left so that the last column is every prompt's last real
 * token.
 *
 * @param prompts the B prompts, in order
 * @param tokens T, the length of the longest
 * @param ids token ids, row-major: [B, T]; not to be modified
 * @param lengths real tokens of each prompt: [B]; the first T - length columns of its row are padding; not to be modified
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody; a copy per access would cost one per batch
public record PromptBatch(List<EncodedPrompt> prompts, int tokens, long[] ids, int[] lengths) {
    /**
     * Pads prompts to one batch.
     *
     * @param prompts at least one
     * @param pad id that fills the left; its value changes nothing, padding is masked
     * @throws IllegalArgumentException if there are no prompts
     */
    public static PromptBatch of(List<EncodedPrompt> prompts, int pad) {
        int tokens = prompts.stream()
                .mapToInt(EncodedPrompt::length)
                .max()
                .orElseThrow(() -> new IllegalArgumentException("a batch has at least one prompt, found none"));
        long[] ids = new long[prompts.size() * tokens];
        Arrays.fill(ids, pad);
        int[] lengths = new int[prompts.size()];
        for (int b = 0; b < lengths.length; b++) {
            long[] real = prompts.get(b).ids();
            lengths[b] = real.length;
            System.arraycopy(real, 0, ids, (b + 1) * tokens - real.length, real.length);
        }
        return new PromptBatch(List.copyOf(prompts), tokens, ids, lengths);
    }

    /** Cuts a list of prompts into batches in order; the last one may be smaller. */
    public static List<PromptBatch> inOrder(List<EncodedPrompt> prompts, int batchSize, int pad) {
        List<PromptBatch> batches = new ArrayList<>();
        for (int start = 0; start < prompts.size(); start += batchSize) {
            batches.add(of(prompts.subList(start, Math.min(start + batchSize, prompts.size())), pad));
        }
        return batches;
    }

    /** B, the number of prompts. */
    public int size() {
        return prompts.size();
    }
}
