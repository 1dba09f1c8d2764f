package io.calibrant.cluster;

import io.calibrant.schemas.Topics;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/** A real Kafka broker in this JVM, KRaft with both roles, on loopback. */
public final class Broker implements AutoCloseable {
    private static final String HOST = "127.0.0.1";
    private static final int NODE = 1;

    private final KafkaRaftServer server;
    private final String bootstrapServers;

    private Broker(KafkaRaftServer server, String bootstrapServers) {
        this.server = server;
        this.bootstrapServers = bootstrapServers;
    }

    /**
     * Starts a broker and returns once it serves.
     *
     * @param dir holds the logs; what is there from an earlier start is opened again
     * @param port 0 for a free one
     * @throws ClusterException if it does not start
     */
    public static Broker start(Path dir, int port) {
        return start(dir, port, Map.of());
    }

    /**
     * As {@link #start(Path, int)}, with settings that this project has no need of: a broker as others run it.
     *
     * @param settings in Kafka's own keys; they win over those that it has otherwise
     * @throws ClusterException if it does not start
     */
    public static Broker start(Path dir, int port, Map<String, String> settings) {
        int brokerPort = Ports.check("broker", port);
        int controllerPort = Ports.check("controller", 0);
        KafkaRaftServer server = null;
        try {
            Path logs = Files.createDirectories(dir).toAbsolutePath();
            if (!Files.exists(logs.resolve("meta.properties"))) {
                format(logs);
            }
            Map<String, String> configs = configs(logs, brokerPort, controllerPort);
            configs.putAll(settings);
            server = new KafkaRaftServer(new KafkaConfig(configs, false), Time.SYSTEM);
            server.startup();
            return new Broker(server, HOST + ":" + brokerPort);
        } catch (Exception e) {
            if (server != null) {
                server.shutdown();
            }
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new ClusterException("broker in " + dir + " does not start: " + cause.getMessage(), e);
        }
    }

    private static void format(Path logs) throws Exception {
        new Formatter()
                .setPrintStream(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8))
                .setClusterId(Uuid.randomUuid().toString())
                .setNodeId(NODE)
                .addDirectory(logs.toString())
                .setMetadataLogDirectory(logs.toString())
                .setControllerListenerName("CONTROLLER")
                .setReleaseVersion(MetadataVersion.LATEST_PRODUCTION)
                .run();
    }

    private static Map<String, String> configs(Path logs, int port, int controllerPort) {
        Map<String, String> configs = new HashMap<>();
        configs.put("process.roles", "broker,controller");
        configs.put("node.id", Integer.toString(NODE));
        configs.put("controller.quorum.voters", NODE + "@" + HOST + ":" + controllerPort);
        configs.put("controller.listener.names", "CONTROLLER");
        configs.put("listeners", "PLAINTEXT://" + HOST + ":" + port + ",CONTROLLER://" + HOST + ":" + controllerPort);
        configs.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
        configs.put("log.dirs", logs.toString());
        configs.put("auto.create.topics.enable", "false");
        configs.put("message.max.bytes", Integer.toString(Topics.MAX_RECORD_BYTES));
        configs.put("group.initial.rebalance.delay.ms", "0");
        // One broker: nothing is replicated, and the internal topics stay small.
        configs.put("default.replication.factor", "1");
        configs.put("offsets.topic.replication.factor", "1");
        configs.put("offsets.topic.num.partitions", "4");
        configs.put("transaction.state.log.replication.factor", "1");
        configs.put("transaction.state.log.min.isr", "1");
        configs.put("transaction.state.log.num.partitions", "4");
        configs.put("share.coordinator.state.topic.replication.factor", "1");
        configs.put("share.coordinator.state.topic.min.isr", "1");
        configs.put("share.coordinator.state.topic.num.partitions", "1");
        // 128 MB at start otherwise.
        configs.put("log.cleaner.dedupe.buffer.size", "2097152");
        configs.put("num.network.threads", "2");
        configs.put("num.io.threads", "4");
        return configs;
    }

    /** {@code 127.0.0.1:N}. */
    public String bootstrapServers() {
        return bootstrapServers;
    }

    @Override
    public void close() {
        server.shutdown();
        server.awaitShutdown();
    }
}
