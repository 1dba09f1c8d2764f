package io.calibrant.infra.commands;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.Endpoint;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.server.authorizer.AclCreateResult;
import org.apache.kafka.server.authorizer.AclDeleteResult;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;
import org.apache.kafka.server.authorizer.Authorizer;
import org.apache.kafka.server.authorizer.AuthorizerServerInfo;

/**
 * An authorizer of a broker in this JVM: a client whose id begins with {@value #CLIENT} may do what a test has granted,
 * every other one everything. Public because Kafka instantiates it by name.
 */
public final class GrantedRights implements Authorizer {
    /** Begins the id of a client that is watched. */
    static final String CLIENT = "svc";

    private static final Set<Grant> GRANTED = ConcurrentHashMap.newKeySet();

    /** For Kafka. */
    public GrantedRights() {}

    /**
     * A right.
     *
     * @param name ends with {@code *} where all that begin so are meant
     */
    record Grant(AclOperation operation, ResourceType type, String name) {
        private static final Set<AclOperation> WITH_DESCRIBE =
                Set.of(AclOperation.READ, AclOperation.WRITE, AclOperation.DELETE);

        /** Whether it allows to describe this topic without a right of its own for that. */
        boolean impliesDescribing(String topic) {
            return WITH_DESCRIBE.contains(operation) && name.equals(topic);
        }

        private boolean allows(AclOperation wanted, ResourceType kind, String resource) {
            boolean covers =
                    operation == wanted || (wanted == AclOperation.DESCRIBE && WITH_DESCRIBE.contains(operation));
            return covers
                    && type == kind
                    && (name.endsWith("*")
                            ? resource.startsWith(name.substring(0, name.length() - 1))
                            : resource.equals(name));
        }
    }

    /** What is granted from now on, instead of what was before. */
    static void set(List<Grant> grants) {
        GRANTED.clear();
        GRANTED.addAll(grants);
    }

    @Override
    public List<AuthorizationResult> authorize(AuthorizableRequestContext request, List<Action> actions) {
        List<AuthorizationResult> results = new ArrayList<>();
        for (Action action : actions) {
            boolean allowed = !isWatched(request)
                    || GRANTED.stream()
                            .anyMatch(grant -> grant.allows(
                                    action.operation(),
                                    action.resourcePattern().resourceType(),
                                    action.resourcePattern().name()));
            results.add(allowed ? AuthorizationResult.ALLOWED : AuthorizationResult.DENIED);
        }
        return results;
    }

    @Override
    public AuthorizationResult authorizeByResourceType(
            AuthorizableRequestContext request, AclOperation operation, ResourceType type) {
        boolean allowed = !isWatched(request)
                || GRANTED.stream().anyMatch(grant -> grant.operation() == operation && grant.type() == type);
        return allowed ? AuthorizationResult.ALLOWED : AuthorizationResult.DENIED;
    }

    private static boolean isWatched(AuthorizableRequestContext request) {
        return request.clientId() != null && request.clientId().startsWith(CLIENT);
    }

    @Override
    public Map<Endpoint, ? extends CompletionStage<Void>> start(AuthorizerServerInfo server) {
        Map<Endpoint, CompletableFuture<Void>> started = new ConcurrentHashMap<>();
        server.endpoints().forEach(endpoint -> started.put(endpoint, CompletableFuture.completedFuture(null)));
        return started;
    }

    @Override
    public List<? extends CompletionStage<AclCreateResult>> createAcls(
            AuthorizableRequestContext request, List<AclBinding> bindings) {
        throw new UnsupportedOperationException("tests grant rights themselves");
    }

    @Override
    public List<? extends CompletionStage<AclDeleteResult>> deleteAcls(
            AuthorizableRequestContext request, List<AclBindingFilter> filters) {
        throw new UnsupportedOperationException("tests grant rights themselves");
    }

    @Override
    public Iterable<AclBinding> acls(AclBindingFilter filter) {
        return List.of();
    }

    @Override
    public void configure(Map<String, ?> configs) {}

    @Override
    public void close() {}
}
