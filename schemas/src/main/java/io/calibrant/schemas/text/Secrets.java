package io.calibrant.schemas.text;

import java.util.Locale;
import java.util.regex.Pattern;

/** Hides secrets in what is shown: values whose key speaks of one, and credentials in addresses wherever they stand. */
public final class Secrets {
    /** What is shown in their place. */
    public static final String MASK = "********";

    private static final String WORDS =
            "jaas|passw|passphrase|secret|token|credential|api[._-]?key|access[._-]?key|private[._-]?key|"
                    + "user[._-]?info";

    /** Words that are also parts of other words: only between dots, or at an end. */
    private static final String SHORT_WORDS = "pass|pwd|auth|authorization|bearer|jwt|sig|signature|cookie";

    private static final Pattern KEY = Pattern.compile("(?:" + WORDS + ")|\\.key$|keystore\\.certificate|(?:^|[._-])(?:"
            + SHORT_WORDS + ")(?:$|[._-])|(?:pwd|auth)$");

    /** To the last @, since passwords have some; in a list of addresses not over the next one. */
    private static final Pattern IN_ADDRESS = Pattern.compile("://(?:(?!,\\s*[a-z+]+://)[^\\s\"'<>])*@");

    /** The same without the scheme: {@code user:password@host}. */
    private static final Pattern BEFORE_HOST =
            Pattern.compile("(?<![^\\s,=\"'(])[^\\s:/@,=\"'(]+:(?!//)[^\\s,\"']*@(?=[\\w\\[])");

    private static final Pattern IN_QUERY = Pattern.compile(
            "(?i)([?&;](?:[\\w.-]*[._-])?(?:" + WORDS + "|pass|pwd|auth|key|sig|signature)\\w*=)[^&\\s\"'<>]+");

    private Secrets() {}

    /** A value as it may be shown: {@value #MASK} where the key speaks of a secret, no credentials in addresses. */
    public static String masked(String key, String value) {
        return KEY.matcher(key.toLowerCase(Locale.ROOT)).find() ? MASK : inText(value);
    }

    /** A text without the credentials of the addresses in it; null for null. */
    public static String inText(String text) {
        if (text == null || (text.indexOf('@') < 0 && text.indexOf('=') < 0)) {
            return text;
        }
        String shown = IN_ADDRESS.matcher(text).replaceAll("://" + MASK + "@");
        shown = BEFORE_HOST.matcher(shown).replaceAll(MASK + "@");
        return IN_QUERY.matcher(shown).replaceAll("$1" + MASK);
    }
}
