package io.calibrant.schemas.registry;

import org.apache.avro.util.ClassSecurityValidator;
import org.apache.avro.util.ClassSecurityValidator.ClassSecurityPredicate;

/**
 * Tells Avro that it may make this contract's records. Since 1.12.2 Avro loads no class by a schema's name unless its
 * package is trusted; whoever has said more with Avro's system properties keeps it.
 */
public final class TrustedRecords {
    private static final String PACKAGE = "io.calibrant.schemas.avro.";

    static {
        ClassSecurityPredicate before = ClassSecurityValidator.getGlobal();
        ClassSecurityPredicate ours = type -> type.getName().startsWith(PACKAGE);
        ClassSecurityValidator.setGlobal(ClassSecurityValidator.composite(before, ours));
    }

    private TrustedRecords() {}

    /** Takes effect once per JVM; further calls do nothing. */
    public static void trust() {
        // Done by the static initialiser.
    }
}
