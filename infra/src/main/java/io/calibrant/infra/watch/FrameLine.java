package io.calibrant.infra.watch;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A line of a frame, in pieces that may look different.
 *
 * @param pieces from left to right; none holds a line break
 */
record FrameLine(List<Piece> pieces) {
    /** What a piece is; a terminal with colours shows it. */
    enum Tone {
        PLAIN(""),
        HEADING("1"),
        ALARM("1;31"),
        QUIET("2"),
        CURVE("36"),
        SPECTRUM("33");

        private final String code;

        Tone(String code) {
            this.code = code;
        }

        /** Select Graphic Rendition of ECMA-48; empty for none. */
        String code() {
            return code;
        }
    }

    /** A piece. */
    record Piece(String text, Tone tone) {}

    /** Copies. */
    FrameLine {
        pieces = List.copyOf(pieces);
    }

    static FrameLine of(String text, Tone tone) {
        return new FrameLine(List.of(new Piece(text, tone)));
    }

    static FrameLine plain(String text) {
        return of(text, Tone.PLAIN);
    }

    /** This line, padded to a width, with another one behind it. */
    FrameLine beside(int width, FrameLine right) {
        List<Piece> all = new ArrayList<>(pieces);
        all.add(new Piece(" ".repeat(Math.max(0, width - text().length())), Tone.PLAIN));
        all.addAll(right.pieces);
        return new FrameLine(all);
    }

    /** Without its looks. */
    String text() {
        return pieces.stream().map(Piece::text).collect(Collectors.joining());
    }
}
