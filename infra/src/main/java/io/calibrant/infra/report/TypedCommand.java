package io.calibrant.infra.report;

import io.calibrant.schemas.text.Secrets;
import java.util.List;

/** A command line as somebody would type it in a shell. */
public final class TypedCommand {
    private TypedCommand() {}

    /**
     * The line, with quotes where a shell needs them, and without the credentials of the addresses in it.
     *
     * @param arguments behind the program's name
     */
    public static String of(List<String> arguments) {
        StringBuilder line = new StringBuilder("calibrant");
        for (String argument : arguments) {
            String shown = Secrets.inText(argument);
            boolean plain = shown.matches("[A-Za-z0-9_./:,=@%+-]+");
            line.append(' ').append(plain ? shown : "'" + shown.replace("'", "'\\''") + "'");
        }
        return line.toString();
    }
}
