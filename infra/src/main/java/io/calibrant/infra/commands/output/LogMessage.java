package io.calibrant.infra.commands.output;

import ch.qos.logback.classic.pattern.ClassicConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import io.calibrant.schemas.text.Printable;
import io.calibrant.schemas.text.Secrets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The message of a line of the log, Kafka's own included: its dumps of the configuration show secrets, and its messages
 * what records say. Further lines of a message are indented, so that none looks like one of the log. Public because the
 * log makes it by name.
 */
public final class LogMessage extends ClassicConverter {
    private static final int MOST = 20_000;
    private static final Pattern SETTING = Pattern.compile("(?m)^(\\s*)([\\w.-]+) = (?!null$|\\[hidden]$)(.+)$");

    /** For the log, which finds it by name. */
    public LogMessage() {}

    @Override
    public String convert(ILoggingEvent event) {
        return shown(event.getFormattedMessage());
    }

    static String shown(String message) {
        if (message == null) {
            return "";
        }
        String text = SETTING.matcher(message)
                .replaceAll(each -> Matcher.quoteReplacement(
                        each.group(1) + each.group(2) + " = " + Secrets.masked(each.group(2), each.group(3))));
        return Secrets.inText(Printable.lines(text.strip(), MOST)).replace("\n", "\n    ");
    }
}
