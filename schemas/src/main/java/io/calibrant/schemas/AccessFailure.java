package io.calibrant.schemas;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;

/**
 * Says which right is missing where a cluster has refused one. Kafka's exceptions name neither the principal nor the
 * operation, and some not even the resource: the first is taken from the client's settings, the others are asked for.
 */
public final class AccessFailure {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Pattern NOT_CREATED =
            Pattern.compile("Could not create topic ([A-Za-z0-9._-]+?)\\.?(?=[:\\s]|$)");
    private static final Pattern TOPICS = Pattern.compile("Not authorized to access topics: \\[([^\\]]*)]");

    private final Connection connection;
    private final String command;

    /** @param command whose rights are looked at, as the topic definitions name it */
    public AccessFailure(Connection connection, String command) {
        this.connection = connection;
        this.command = command;
    }

    /** A right on one resource. */
    private record Right(String operation, String kind, String name) {
        String flag() {
            return switch (kind) {
                case "topic" -> "--topic " + name;
                case "group" -> "--group " + name;
                case "transactional id" -> "--transactional-id " + name + " --resource-pattern-type prefixed";
                default -> "--cluster";
            };
        }

        String words() {
            return operation + " on " + (kind.equals("cluster") ? "the cluster" : kind + " " + name);
        }
    }

    /** Whether a failure is one of access. */
    public static boolean isOne(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof AccessDeniedException || each instanceof AuthorizationException) {
                return true;
            }
        }
        return false;
    }

    /** One line that names principal, operation and resource; empty where the failure is of another kind. */
    public Optional<String> describe(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof AccessDeniedException denied) {
                return Optional.of(words(List.of(new Right(denied.operation(), denied.kind(), denied.name()))));
            }
        }
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof AuthorizationException refused) {
                return Optional.of(words(rights(refused, failure)));
            }
        }
        return Optional.empty();
    }

    private String words(List<Right> rights) {
        String principal = Principal.of(connection);
        return principal + " has no right to "
                + rights.stream().map(Right::words).collect(Collectors.joining(", "))
                + ": allow it with 'kafka-acls.sh --add --allow-principal " + principal + " --operation "
                + rights.get(0).operation() + " " + rights.get(0).flag() + "'";
    }

    private List<Right> rights(AuthorizationException refused, Throwable failure) {
        if (refused instanceof TopicAuthorizationException topics) {
            return topics(topics, failure);
        }
        if (refused instanceof GroupAuthorizationException group) {
            return List.of(new Right(
                    command.equals("fits") ? "DELETE" : "READ",
                    "group",
                    group.groupId() == null ? own("") + "*" : group.groupId()));
        }
        if (refused instanceof TransactionalIdAuthorizationException) {
            return List.of(new Right("WRITE", "transactional id", own("")));
        }
        return List.of(
                refused instanceof ClusterAuthorizationException
                        ? new Right("IDEMPOTENT_WRITE", "cluster", "")
                        : new Right("an operation", "cluster", ""));
    }

    /** What the groups and transactional ids of a command begin with. */
    private String own(String rest) {
        String service = switch (command) {
            case "train" -> "trainer";
            case "score" -> "scorer";
            default -> "fitter";
        };
        return connection.topicPrefix() + "calibrant-" + service + rest;
    }

    private List<Right> topics(TopicAuthorizationException refused, Throwable failure) {
        List<String> created = found(NOT_CREATED, failure);
        if (!created.isEmpty()) {
            return List.of(new Right("CREATE", "topic", created.get(0)));
        }
        Set<String> names = refused.unauthorizedTopics();
        Collection<String> asked = names.isEmpty()
                ? found(TOPICS, failure).stream()
                        .flatMap(list -> Stream.of(list.split(",\\s*")))
                        .toList()
                : names;
        List<Right> rights = new ArrayList<>();
        allowed(asked).forEach((topic, operations) -> {
            if (operations.isEmpty()) {
                rights.add(new Right("DESCRIBE", "topic", topic));
            } else {
                needed(topic).stream()
                        .filter(operation -> !operations.get().contains(operation))
                        .forEach(operation -> rights.add(new Right(operation.name(), "topic", topic)));
            }
        });
        return rights.isEmpty() ? List.of(new Right("an operation", "topic", String.join(", ", asked))) : rights;
    }

    /** What each pattern's first group matches in the messages of a failure and its causes. */
    private static List<String> found(Pattern pattern, Throwable failure) {
        List<String> found = new ArrayList<>();
        for (Throwable each = failure; each != null; each = each.getCause()) {
            Matcher matcher = pattern.matcher(each.getMessage() == null ? "" : each.getMessage());
            if (matcher.find()) {
                found.add(matcher.group(1));
            }
        }
        return found;
    }

    /** What the command does with a topic; with one that is not ours, as the fitter's own, everything. */
    private List<AclOperation> needed(String topic) {
        List<AclOperation> needed = new ArrayList<>();
        Optional<TopicContract> contract = connection.topics().definitions().stream()
                .filter(definition -> definition.name().equals(topic))
                .map(TopicDefinition::contract)
                .findFirst();
        if (contract.map(each -> each.readers().contains(command)).orElse(true)) {
            needed.add(AclOperation.READ);
        }
        if (contract.map(each -> each.writers().contains(command)).orElse(true)) {
            needed.add(AclOperation.WRITE);
        }
        return needed;
    }

    /** The operations that are allowed on each topic; empty where it may not be described. */
    private Map<String, Optional<Set<AclOperation>>> allowed(Collection<String> topics) {
        Map<String, Optional<Set<AclOperation>>> allowed = new HashMap<>();
        try (Admin admin = Admin.create(connection.admin())) {
            Map<String, KafkaFuture<TopicDescription>> described = admin.describeTopics(
                            topics, new DescribeTopicsOptions().includeAuthorizedOperations(true))
                    .topicNameValues();
            described.forEach((topic, future) -> operations(future).ifPresent(found -> allowed.put(topic, found)));
        } catch (KafkaException e) {
            // What is known without asking is said all the same.
        }
        return allowed;
    }

    /** Empty where nobody knows; an empty answer where the topic may not be described. */
    private static Optional<Optional<Set<AclOperation>>> operations(KafkaFuture<TopicDescription> future) {
        try {
            return Optional.of(Optional.ofNullable(
                    future.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS).authorizedOperations()));
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (ExecutionException e) {
            return e.getCause() instanceof AuthorizationException ? Optional.of(Optional.empty()) : Optional.empty();
        }
    }

    /** Who the client is to the cluster, as far as its settings tell. */
    static final class Principal {
        private static final Pattern USER = Pattern.compile("\\busername\\s*=\\s*\"?([^\"\\s;]+)\"?");

        private Principal() {}

        static String of(Connection connection) {
            Map<String, String> settings = connection.properties();
            Matcher user = USER.matcher(settings.getOrDefault("sasl.jaas.config", ""));
            if (user.find()) {
                return "User:" + user.group(1);
            }
            String protocol =
                    settings.getOrDefault("security.protocol", "PLAINTEXT").toUpperCase(Locale.ROOT);
            if (protocol.startsWith("SASL")) {
                return "User:<of " + settings.getOrDefault("sasl.mechanism", "GSSAPI") + ">";
            }
            return protocol.equals("SSL") && settings.containsKey("ssl.keystore.location")
                    ? "User:<of the certificate in " + settings.get("ssl.keystore.location") + ">"
                    : "User:ANONYMOUS";
        }
    }
}
