package io.calibrant.schemas;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * Whether a service has the rights that it will need, before it does anything: otherwise it would end in the middle,
 * when the first record meets the right that is missing. What a cluster does not tell is taken for granted.
 */
public final class AccessCheck {
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private AccessCheck() {}

    /**
     * Checks rights. Topics that do not exist are left out.
     *
     * @throws AccessDeniedException naming all that are missing
     */
    public static void require(Connection connection, Collection<AccessRight> rights) {
        List<AccessRight> missing = new ArrayList<>();
        try (Admin admin = Admin.create(connection.admin())) {
            List<String> topics = rights.stream()
                    .filter(right -> right.kind().equals("topic"))
                    .map(AccessRight::name)
                    .distinct()
                    .toList();
            Map<String, Optional<Set<AclOperation>>> allowed = allowed(admin, topics);
            for (AccessRight right : rights) {
                switch (right.kind()) {
                    case "topic" -> missing.addAll(ofTopic(right, allowed.get(right.name())));
                    case "group" -> {
                        if (isDenied(
                                admin.listConsumerGroupOffsets(right.name()).partitionsToOffsetAndMetadata())) {
                            missing.add(right);
                        }
                    }
                    default -> {
                        if (isDenied(admin.describeTransactions(List.of(right.example()))
                                .description(right.example()))) {
                            missing.add(right);
                        }
                    }
                }
            }
        }
        if (!missing.isEmpty()) {
            throw new AccessDeniedException(missing.stream().distinct().toList(), null);
        }
    }

    /**
     * Checks that a command may read the topics that their definitions name for it. For commands that wait for topics:
     * one that may not be described looks like one that is not there yet.
     *
     * @param command as the definitions name it
     * @throws AccessDeniedException naming all rights that are missing
     */
    public static void requireToRead(Connection connection, String command) {
        require(
                connection,
                AccessRight.topics(
                        "READ",
                        connection.topics().definitions().stream()
                                .filter(definition ->
                                        definition.contract().readers().contains(command))
                                .map(TopicDefinition::name)
                                .toArray(String[]::new)));
    }

    /** What is missing. Of a topic that may not be described nobody knows what else is allowed. */
    private static List<AccessRight> ofTopic(AccessRight right, Optional<Set<AclOperation>> allowed) {
        if (allowed == null) {
            return List.of();
        }
        if (allowed.isEmpty()) {
            return List.of(new AccessRight("DESCRIBE", "topic", right.name()), right);
        }
        return allowed.get().contains(AclOperation.fromString(right.operation())) ? List.of() : List.of(right);
    }

    /**
     * The operations that are allowed on topics. A topic that may not be described has no set of them; one of which
     * nothing is known is left out.
     */
    static Map<String, Optional<Set<AclOperation>>> allowed(Admin admin, Collection<String> topics) {
        Map<String, Optional<Set<AclOperation>>> allowed = new HashMap<>();
        Map<String, KafkaFuture<TopicDescription>> described = admin.describeTopics(
                        topics, new DescribeTopicsOptions().includeAuthorizedOperations(true))
                .topicNameValues();
        described.forEach((topic, future) -> {
            try {
                Set<AclOperation> operations =
                        future.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS).authorizedOperations();
                if (operations != null) {
                    allowed.put(topic, Optional.of(operations));
                }
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            } catch (TimeoutException e) {
                // Nothing is known of it.
            } catch (ExecutionException e) {
                if (e.getCause() instanceof AuthorizationException) {
                    allowed.put(topic, Optional.empty());
                }
            }
        });
        return allowed;
    }

    /** Whether an answer is that the question may not be asked, which a right to more would allow. */
    private static boolean isDenied(KafkaFuture<?> answer) {
        try {
            answer.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            return false;
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            return e.getCause() instanceof AuthorizationException;
        }
    }
}
