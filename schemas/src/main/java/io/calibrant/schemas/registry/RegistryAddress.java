package io.calibrant.schemas.registry;

import io.calibrant.schemas.text.Secrets;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One address of a registry.
 *
 * @param url without credentials and without a slash at its end; this is what is asked, and what is shown
 * @param authorization the header for the credentials that stood in the address; empty for none
 */
record RegistryAddress(String url, String authorization) {
    static final String MOCK = "mock://";

    /** Credentials without a slash, else to the last @: a password may have both. */
    private static final List<Pattern> FORMS = List.of(
            Pattern.compile("(https?)://(?:([^/\\s]*)@)?([^/?#@\\s]+)(/[^?#\\s]*)?"),
            Pattern.compile("(https?)://(\\S*)@([^/?#@\\s]+)(/[^?#@\\s]*)?"));

    /** A list, separated by commas; a comma in a password is no end of an address. */
    private static final Pattern SEPARATOR = Pattern.compile("\\s*,\\s*(?=$|https?:|mock:|[^@]*$)");

    /** Whether it is asked over TLS. */
    boolean isTls() {
        return url.startsWith("https:");
    }

    /**
     * The addresses of a setting.
     *
     * @throws IllegalArgumentException saying what is accepted, without the credentials of what was given
     */
    static List<RegistryAddress> list(String key, String text) {
        List<RegistryAddress> addresses = new ArrayList<>();
        for (String part : SEPARATOR.split(text.strip(), -1)) {
            addresses.add(of(key, part));
        }
        return List.copyOf(addresses);
    }

    private static RegistryAddress of(String key, String text) {
        if (text.startsWith(MOCK) && text.length() > MOCK.length()) {
            return new RegistryAddress(text, "");
        }
        for (Pattern form : FORMS) {
            Matcher matcher = form.matcher(text);
            if (matcher.matches()) {
                String path = matcher.group(4) == null ? "" : matcher.group(4).replaceAll("/+$", "");
                String url = matcher.group(1) + "://" + matcher.group(3) + path;
                if (hasHost(url)) {
                    return new RegistryAddress(url, matcher.group(2) == null ? "" : basic(decoded(matcher.group(2))));
                }
            }
        }
        throw new IllegalArgumentException(key + " must be http://host:port, https://host:port or mock://name, got "
                + (text.isEmpty() ? "nothing" : "'" + Secrets.inText(text) + "'"));
    }

    private static boolean hasHost(String url) {
        try {
            return URI.create(url).getHost() != null;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** The header for user:password. */
    static String basic(String userInfo) {
        return "Basic " + Base64.getEncoder().encodeToString(userInfo.getBytes(StandardCharsets.UTF_8));
    }

    private static String decoded(String userInfo) {
        try {
            return URLDecoder.decode(userInfo.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return userInfo; // a bare % in a password
        }
    }
}
