package io.calibrant.schemas.registry;

import java.io.IOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.nio.channels.UnresolvedAddressException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateException;
import javax.net.ssl.SSLException;

/** Why something failed, in words: what Java's own messages leave out, and the causes behind the first message. */
final class Reasons {
    private Reasons() {}

    /** The message of a failure, and that of its first cause where it says more. */
    static String of(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        String first = root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
        String outer = failure.getMessage();
        return root == failure || outer == null || outer.contains(first)
                ? outer == null ? first : outer
                : outer + ": " + first;
    }

    /** Why an address did not answer. */
    static String ofConnection(IOException failure) {
        if (has(failure, UnresolvedAddressException.class)) {
            return "its host is not known";
        }
        if (failure instanceof ConnectException && failure.getMessage() == null) {
            return "connection refused"; // Java's client has no words for the most frequent failure
        }
        if (has(failure, CertPathBuilderException.class)) {
            return "its certificate is not trusted (" + of(failure)
                    + "): schema.registry.ssl.truststore.location names those that are";
        }
        if (failure instanceof SSLException && has(failure, CertificateException.class)) {
            return "its certificate is refused: " + of(failure);
        }
        String reason = of(failure);
        if (failure instanceof SSLException && reason.contains("Unsupported or unrecognized SSL message")) {
            return "it does not speak TLS: is it http://?";
        }
        if (failure instanceof ProtocolException || reason.contains("header parser received no bytes")) {
            return "it does not speak HTTP (" + reason + "): is it https://?";
        }
        return reason;
    }

    private static boolean has(Throwable failure, Class<?> type) {
        for (Throwable t = failure; t != null; t = t.getCause() == t ? null : t.getCause()) {
            if (type.isInstance(t)) {
                return true;
            }
        }
        return false;
    }
}
