package io.calibrant.infra.watch;

/**
 * What a frame has to fit, and what of it is wanted.
 *
 * @param width columns
 * @param height lines; 0 for no limit
 * @param keys a line of the keys that work; empty where none do
 * @param single whether blocks that do not fit are shown one by one, some of them, and not together by layer
 * @param scroll the first block then
 */
record FrameLayout(int width, int height, String keys, boolean single, int scroll) {
    /** Without keys. */
    static FrameLayout of(int width, int height) {
        return new FrameLayout(width, height, "", false, 0);
    }
}
