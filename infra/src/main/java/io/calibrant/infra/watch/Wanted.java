package io.calibrant.infra.watch;

/**
 * What the reader at the terminal wants to see.
 *
 * @param single blocks one by one instead of together by layer
 * @param scroll the first of them
 * @param quit no more
 * @param isNew whether it has not been shown yet
 */
record Wanted(boolean single, int scroll, boolean quit, boolean isNew) {
    static final Wanted DEFAULT = new Wanted(false, 0, false, false);

    /** The keys that work. */
    static final String KEYS = "q quit   b blocks one by one or by layer   ↑ ↓ PgUp PgDn scroll";

    private static final int PAGE = 10;

    Wanted after(Keyboard.Key key) {
        return switch (key) {
            case QUIT -> new Wanted(single, scroll, true, true);
            case BLOCKS -> new Wanted(!single, 0, quit, true);
            case UP -> scrolled(-1);
            case DOWN -> scrolled(1);
            case PAGE_UP -> scrolled(-PAGE);
            case PAGE_DOWN -> scrolled(PAGE);
        };
    }

    /** Whoever scrolls wants to see blocks one by one. */
    private Wanted scrolled(int by) {
        return new Wanted(true, Math.max(0, scroll + by), quit, true);
    }

    /** After a frame in which this was the first block. */
    Wanted shown(int first) {
        return new Wanted(single, first, quit, false);
    }
}
