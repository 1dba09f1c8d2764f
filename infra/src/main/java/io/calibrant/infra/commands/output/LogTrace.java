package io.calibrant.infra.commands.output;

import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.IThrowableProxy;
import io.calibrant.schemas.text.Printable;
import io.calibrant.schemas.text.Secrets;

/** A stack trace in the log, shown as {@link LogMessage} shows messages. Public because the log makes it by name. */
public final class LogTrace extends ThrowableProxyConverter {
    private static final int MOST = 50_000;

    /** For the log, which finds it by name. */
    public LogTrace() {}

    @Override
    protected String throwableProxyToString(IThrowableProxy thrown) {
        return Secrets.inText(Printable.lines(super.throwableProxyToString(thrown), MOST))
                .replaceAll("\n(?=\\S)", "\n    ");
    }
}
