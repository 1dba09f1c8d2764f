package io.calibrant.schemas;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.protocol.Errors;

/**
 * Says which right is missing where a cluster has refused one, or why it lets nobody in. Kafka's exceptions name
 * neither the principal nor the operation, and some not even the resource: the first is taken from the client's
 * settings, the others are asked for.
 */
public final class AccessFailure {
    private static final Pattern NOT_CREATED =
            Pattern.compile("Could not create topic ([A-Za-z0-9._-]+?)\\.?(?=[:\\s]|$)");
    private static final Pattern TOPICS = Pattern.compile("Not authorized to access topics: \\[([^\\]]*)]");

    private static final List<AclOperation> ANYTHING = List.of(AclOperation.READ, AclOperation.WRITE);

    private static final List<Errors> REFUSALS = List.of(
            Errors.TOPIC_AUTHORIZATION_FAILED,
            Errors.GROUP_AUTHORIZATION_FAILED,
            Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);

    private final Connection connection;
    private final String command;

    /** @param command whose rights are looked at, as the topic definitions name it */
    public AccessFailure(Connection connection, String command) {
        this.connection = connection;
        this.command = command;
    }

    /** Whether a failure is one of access: a right that is missing, a login or a certificate that is refused. */
    public static boolean isOne(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof AccessDeniedException
                    || refusal(each).isPresent()
                    || each instanceof AuthenticationException) {
                return true;
            }
        }
        return false;
    }

    /**
     * One line that names principal, operation and resource, or the broker and what it refuses; empty where the failure
     * is of another kind.
     */
    public Optional<String> describe(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof AccessDeniedException denied) {
                return Optional.of(words(completed(denied)));
            }
        }
        for (Throwable each = failure; each != null; each = each.getCause()) {
            Optional<AuthorizationException> refused = refusal(each);
            if (refused.isPresent()) {
                return Optional.of(words(rights(refused.get(), failure)));
            }
            if (each instanceof AuthenticationException) {
                return Optional.of(ConnectionFailure.words(connection, each));
            }
        }
        return Optional.empty();
    }

    /**
     * A refusal of a right. Of one that it does not expect, as that of a topic whose offsets are committed in a
     * transaction, Kafka's producer keeps no more than the words.
     */
    private static Optional<AuthorizationException> refusal(Throwable failure) {
        if (failure instanceof AuthorizationException refused) {
            return Optional.of(refused);
        }
        String said = failure instanceof KafkaException && failure.getMessage() != null ? failure.getMessage() : "";
        return REFUSALS.stream()
                .filter(error -> said.contains(error.message()))
                .map(error -> (AuthorizationException) error.exception())
                .findFirst();
    }

    /**
     * Who may not describe a topic, and came upon that by chance, may not do with it what the command will do, either.
     */
    private List<AccessRight> completed(AccessDeniedException denied) {
        List<AccessRight> rights = new ArrayList<>(denied.missing());
        for (AccessRight each : denied.missing()) {
            if (denied.getCause() != null
                    && each.kind().equals("topic")
                    && each.operation().equals(AclOperation.DESCRIBE.name())) {
                needed(each.name()).forEach(next -> rights.add(new AccessRight(next.name(), "topic", each.name())));
            }
        }
        return rights;
    }

    private String words(List<AccessRight> rights) {
        Map<String, List<AccessRight>> byResource = rights.stream()
                .collect(Collectors.groupingBy(AccessRight::resource, LinkedHashMap::new, Collectors.toList()));
        String principal = ClientPrincipal.of(connection);
        List<AccessRight> first = byResource.values().iterator().next();
        return principal + " has no right to "
                + byResource.entrySet().stream()
                        .map(each -> operations(each.getValue(), " and ") + " on " + each.getKey())
                        .collect(Collectors.joining(", "))
                + ": allow it with 'kafka-acls.sh --add --allow-principal " + principal + " --operation "
                + operations(first, " --operation ") + " " + first.get(0).flags() + "'";
    }

    private static String operations(List<AccessRight> rights, String between) {
        return rights.stream().map(AccessRight::operation).distinct().collect(Collectors.joining(between));
    }

    private List<AccessRight> rights(AuthorizationException refused, Throwable failure) {
        if (refused instanceof TopicAuthorizationException topics) {
            return topics(topics, failure);
        }
        if (refused instanceof GroupAuthorizationException group) {
            return List.of(new AccessRight(
                    List.of("fits", "runs").contains(command) ? "DELETE" : "READ", // only their --delete asks groups
                    "group",
                    group.groupId() == null ? own("") + "*" : group.groupId()));
        }
        if (refused instanceof TransactionalIdAuthorizationException) {
            // A deletion of a run fences its trainers.
            return List.of(AccessRight.transactionalIds(
                    command.equals("runs") ? connection.topicPrefix() + "calibrant-trainer-" : own("-")));
        }
        return refused instanceof ClusterAuthorizationException
                ? producing()
                : List.of(new AccessRight("an operation", "cluster", ""));
    }

    /** A producer is refused who may write to no topic at all; brokers before 2.8 want a right of its own. */
    private List<AccessRight> producing() {
        List<String> written = connection.topics().definitions().stream()
                .filter(definition -> definition.contract().writers().contains(command))
                .map(TopicDefinition::name)
                .toList();
        List<AccessRight> rights = new ArrayList<>();
        try (Admin admin = Admin.create(connection.admin())) {
            AccessCheck.allowed(admin, written).forEach((topic, operations) -> {
                if (operations.isEmpty() || !operations.get().contains(AclOperation.WRITE)) {
                    rights.add(new AccessRight("WRITE", "topic", topic));
                }
            });
        } catch (KafkaException e) {
            // Then the cluster's right is what is left to say.
        }
        return rights.isEmpty() ? List.of(new AccessRight("IDEMPOTENT_WRITE", "cluster", "")) : rights;
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

    private List<AccessRight> topics(TopicAuthorizationException refused, Throwable failure) {
        List<String> created = found(NOT_CREATED, failure);
        if (!created.isEmpty()) {
            return List.of(new AccessRight("CREATE", "topic", created.get(0)));
        }
        Set<String> names = refused.unauthorizedTopics();
        List<String> told = names.isEmpty()
                ? found(TOPICS, failure).stream()
                        .flatMap(list -> Stream.of(list.split(",\\s*")))
                        .toList()
                : List.copyOf(names);
        Collection<String> asked = told.isEmpty() ? used() : told;
        List<AccessRight> rights = new ArrayList<>();
        try (Admin admin = Admin.create(connection.admin())) {
            AccessCheck.allowed(admin, asked).forEach((topic, operations) -> {
                if (operations.isEmpty()) {
                    rights.add(new AccessRight("DESCRIBE", "topic", topic));
                    needed(topic).forEach(each -> rights.add(new AccessRight(each.name(), "topic", topic)));
                } else {
                    List<AclOperation> missing = missing(needed(topic), operations.get());
                    (missing.isEmpty() && !told.isEmpty() ? missing(ANYTHING, operations.get()) : missing)
                            .forEach(operation -> rights.add(new AccessRight(operation.name(), "topic", topic)));
                }
            });
        } catch (KafkaException e) {
            // What is known without asking is said all the same.
        }
        return rights.isEmpty() ? List.of(new AccessRight("an operation", "topic", String.join(", ", asked))) : rights;
    }

    /** The topics of the contract that the command reads or writes. */
    private List<String> used() {
        return connection.topics().definitions().stream()
                .filter(definition -> definition.contract().readers().contains(command)
                        || definition.contract().writers().contains(command))
                .map(TopicDefinition::name)
                .toList();
    }

    private static List<AclOperation> missing(List<AclOperation> wanted, Set<AclOperation> allowed) {
        return wanted.stream().filter(each -> !allowed.contains(each)).toList();
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
}
