package io.calibrant.schemas;

import java.util.ArrayList;
import java.util.List;

/**
 * A right on one resource of a cluster, in the words of Kafka's ACLs.
 *
 * @param operation for example {@code WRITE}
 * @param kind of the resource: {@code topic}, {@code group}, {@code transactional id} or {@code cluster}
 * @param name of the resource; ends with {@code *} where all that begin so are meant
 */
public record AccessRight(String operation, String kind, String name) {
    /** The same operation on several topics. */
    public static List<AccessRight> topics(String operation, String... names) {
        List<AccessRight> rights = new ArrayList<>();
        for (String name : names) {
            rights.add(new AccessRight(operation, "topic", name));
        }
        return rights;
    }

    /** To read the offsets of a consumer group, and commit them. */
    public static AccessRight group(String name) {
        return new AccessRight("READ", "group", name);
    }

    /** To send in transactions whose ids begin so. */
    public static AccessRight transactionalIds(String prefix) {
        return new AccessRight("WRITE", "transactional id", prefix + "*");
    }

    /** Whether whoever has this right has the other one, too: READ, WRITE and DELETE allow DESCRIBE as well. */
    public boolean includes(AccessRight other) {
        boolean same = operation.equals(other.operation)
                || (other.operation.equals("DESCRIBE")
                        && List.of("READ", "WRITE", "DELETE").contains(operation));
        String begin = name.replace("*", "");
        return same
                && kind.equals(other.kind)
                && (name.endsWith("*") ? other.name.startsWith(begin) : name.equals(other.name));
    }

    /** A name that is meant. */
    String example() {
        return name.replace("*", "access");
    }

    /** For messages: {@code WRITE on topic answers}. */
    String words() {
        return operation + " on " + resource();
    }

    /** The resource in words: {@code topic answers}. */
    String resource() {
        return kind.equals("cluster") ? "the cluster" : kind + " " + name;
    }

    /** As {@code kafka-acls.sh} is told of the resource. */
    String flags() {
        String flag = switch (kind) {
            case "topic" -> "--topic ";
            case "group" -> "--group ";
            case "transactional id" -> "--transactional-id ";
            default -> "--cluster";
        };
        return flag + name.replace("*", "") + (name.endsWith("*") ? " --resource-pattern-type prefixed" : "");
    }
}
