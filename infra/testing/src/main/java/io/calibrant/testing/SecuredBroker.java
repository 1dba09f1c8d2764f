package io.calibrant.testing;

import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import java.io.IOException;
import java.io.Reader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;

/**
 * A broker as a company runs it: TLS, a login by SCRAM, Kafka's own authorizer, and no right that no ACL gives. Beside
 * its good door it has others, each with one fault.
 */
public final class SecuredBroker implements AutoCloseable {
    private static final String HOST = "127.0.0.1";
    private static final String MECHANISM = "SCRAM-SHA-512";
    private static final int ITERATIONS = 4096;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Broker broker;
    private final Admin operator;
    private final Map<Listener, Integer> ports;
    private final Path keys;
    private final Path trust;

    /** Where clients come in. */
    public enum Listener {
        /** As it should be. */
        SECURED,
        /** As it should be, and clients must log in again every few seconds. */
        RENEWED,
        /** With a certificate that has expired. */
        EXPIRED,
        /** With the certificate of another host. */
        ELSEWHERE,
        /** Of the operator, who may do everything: no TLS, no login. */
        OPERATOR
    }

    private SecuredBroker(Broker broker, Map<Listener, Integer> ports, Path keys, Path trust) {
        this.broker = broker;
        this.ports = ports;
        this.keys = keys;
        this.trust = trust;
        this.operator = Admin.create(Map.of("bootstrap.servers", address(Listener.OPERATOR)));
    }

    /** Starts one; keys and certificates are made in the directory, too. */
    public static SecuredBroker start(Path dir) throws IOException {
        Certificates certificates = new Certificates(dir.resolve("certificates"));
        Path good = certificates.server("broker", "ip:" + HOST, "-1d", 20);
        Map<Listener, Path> stores = new EnumMap<>(Map.of(
                Listener.SECURED,
                good,
                Listener.RENEWED,
                good,
                Listener.EXPIRED,
                certificates.server("expired", "ip:" + HOST, "-10d", 5),
                Listener.ELSEWHERE,
                certificates.server("elsewhere", "dns:kafka.example", "-1d", 20)));
        Map<Listener, Integer> ports = new EnumMap<>(Listener.class);
        List<Integer> free = free(Listener.values().length + 1);
        for (Listener each : Listener.values()) {
            ports.put(each, free.remove(0));
        }
        Map<String, String> settings = settings(ports, free.get(0));
        stores.forEach((listener, store) -> {
            String prefix = "listener.name." + listener.name().toLowerCase(Locale.ROOT) + ".";
            settings.put(prefix + "ssl.keystore.location", store.toString());
            settings.put(prefix + "ssl.keystore.password", Certificates.PASSWORD);
            settings.put(prefix + "ssl.keystore.type", "PKCS12");
            String login = prefix + MECHANISM.toLowerCase(Locale.ROOT) + ".";
            settings.put(
                    login + "sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required;");
            if (listener == Listener.RENEWED) {
                settings.put(login + "connections.max.reauth.ms", "4000");
            }
        });
        Broker broker = Broker.start(dir.resolve("broker"), ports.get(Listener.SECURED), settings);
        return new SecuredBroker(broker, ports, good, certificates.trust());
    }

    private static Map<String, String> settings(Map<Listener, Integer> ports, int controller) {
        Map<String, String> settings = new HashMap<>();
        settings.put(
                "listeners",
                ports.entrySet().stream()
                                .map(each -> each.getKey() + "://" + HOST + ":" + each.getValue())
                                .collect(Collectors.joining(","))
                        + ",CONTROLLER://" + HOST + ":" + controller);
        settings.put(
                "listener.security.protocol.map",
                ports.keySet().stream()
                                .map(each -> each + (each == Listener.OPERATOR ? ":PLAINTEXT" : ":SASL_SSL"))
                                .collect(Collectors.joining(","))
                        + ",CONTROLLER:PLAINTEXT");
        settings.put("inter.broker.listener.name", Listener.OPERATOR.name());
        settings.put("controller.quorum.voters", "1@" + HOST + ":" + controller);
        settings.put("sasl.enabled.mechanisms", MECHANISM);
        settings.put("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
        settings.put("super.users", "User:ANONYMOUS"); // who comes through the operator's listener, and the broker
        return settings;
    }

    private static List<Integer> free(int count) throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            List<Integer> ports = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                sockets.add(socket);
                ports.add(socket.getLocalPort());
            }
            return ports;
        } finally {
            for (ServerSocket each : sockets) {
                each.close();
            }
        }
    }

    /** {@code 127.0.0.1:N}. */
    public String address(Listener listener) {
        return HOST + ":" + ports.get(listener);
    }

    /** The operator's connection. */
    public Connection operator(String registry, String prefix) {
        return new Connection(address(Listener.OPERATOR), registry, prefix, Map.of());
    }

    /** Adds a user, or gives one another password. */
    public void user(String name, String password) throws ExecutionException, InterruptedException {
        operator.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(
                        name, new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS), password)))
                .all()
                .get();
        awaitUser(name, true);
    }

    /** Takes a user's password away. */
    public void remove(String name) throws ExecutionException, InterruptedException {
        operator.alterUserScramCredentials(List.of(new UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512)))
                .all()
                .get();
        awaitUser(name, false);
    }

    private void awaitUser(String name, boolean known) {
        await("the broker knows its users")
                .atMost(PATIENCE)
                .until(() ->
                        operator.describeUserScramCredentials().users().get().contains(name) == known);
    }

    /** What a user's client must be told, in the order of a file. */
    public Map<String, String> settings(String user, String password) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("security.protocol", "SASL_SSL");
        settings.put("sasl.mechanism", MECHANISM);
        settings.put(
                "sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"" + user + "\" password=\""
                        + password + "\";");
        settings.put("ssl.truststore.location", trust.toString());
        settings.put("ssl.truststore.password", Certificates.PASSWORD);
        settings.put("ssl.truststore.type", "PKCS12");
        return settings;
    }

    /** A file for {@code --command-config} with these settings and the listener's address. */
    public Path file(Path file, Listener listener, Map<String, String> settings) throws IOException {
        Map<String, String> all = new TreeMap<>(settings);
        all.put("bootstrap.servers", address(listener));
        return Files.write(
                file,
                all.entrySet().stream()
                        .map(each -> each.getKey() + "=" + each.getValue())
                        .toList());
    }

    /** What such a file says. */
    public static Map<String, String> read(Path file) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        }
        Map<String, String> settings = new TreeMap<>();
        properties.stringPropertyNames().forEach(key -> settings.put(key, properties.getProperty(key)));
        return settings;
    }

    /** The store with its key, for another server on this machine. */
    public Path keys() {
        return keys;
    }

    /** The password of all stores, which nobody may ever show. */
    public static String storePassword() {
        return Certificates.PASSWORD;
    }

    /** Gives a user these rights and takes all others; returns once the broker goes by it. */
    public void allow(String user, Collection<AccessRight> rights) throws ExecutionException, InterruptedException {
        Set<AclBinding> wanted =
                rights.stream().map(right -> binding(user, right)).collect(Collectors.toSet());
        AclBindingFilter all = new AclBindingFilter(
                ResourcePatternFilter.ANY,
                new AccessControlEntryFilter("User:" + user, null, AclOperation.ANY, AclPermissionType.ANY));
        Collection<AclBinding> there = operator.describeAcls(all).values().get();
        List<AclBindingFilter> surplus = there.stream()
                .filter(each -> !wanted.contains(each))
                .map(AclBinding::toFilter)
                .toList();
        if (!surplus.isEmpty()) {
            operator.deleteAcls(surplus).all().get();
        }
        List<AclBinding> added =
                wanted.stream().filter(each -> !there.contains(each)).toList();
        if (!added.isEmpty()) {
            operator.createAcls(added).all().get();
        }
        await("the broker knows the rights")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .until(() ->
                        Set.copyOf(operator.describeAcls(all).values().get()).equals(wanted));
    }

    private static AclBinding binding(String user, AccessRight right) {
        boolean prefixed = right.name().endsWith("*");
        ResourceType type = switch (right.kind()) {
            case "topic" -> ResourceType.TOPIC;
            case "group" -> ResourceType.GROUP;
            case "transactional id" -> ResourceType.TRANSACTIONAL_ID;
            default -> throw new IllegalArgumentException(right.toString());
        };
        return new AclBinding(
                new ResourcePattern(
                        type,
                        prefixed ? right.name().substring(0, right.name().length() - 1) : right.name(),
                        prefixed ? PatternType.PREFIXED : PatternType.LITERAL),
                new AccessControlEntry(
                        "User:" + user, "*", AclOperation.fromString(right.operation()), AclPermissionType.ALLOW));
    }

    @Override
    public void close() {
        operator.close(Duration.ZERO);
        broker.close();
    }
}
