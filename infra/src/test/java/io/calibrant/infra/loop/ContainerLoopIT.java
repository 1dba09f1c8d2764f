package io.calibrant.infra.loop;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.dockerjava.api.exception.NotFoundException;
import io.calibrant.cluster.Registry;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import java.nio.file.Path;
import org.apache.kafka.common.utils.AppInfoParser;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.kafka.KafkaContainer;

/**
 * The whole loop on a Kafka in a container, where a Docker engine answers and has the image (nothing is pulled); the
 * system property {@code calibrant.kafka.image} names another one.
 */
class ContainerLoopIT extends WholeLoopTests {
    private static final String IMAGE =
            System.getProperty("calibrant.kafka.image", "apache/kafka:" + AppInfoParser.getVersion());

    @TempDir
    private static Path state;

    private static KafkaContainer kafka;
    private static Registry registry;

    /** Why there is no container; null where there is one. */
    private static String missing;

    @BeforeAll
    static void start() {
        missing = missing();
        if (missing != null) {
            return;
        }
        kafka = new KafkaContainer(IMAGE);
        kafka.start();
        registry = Registry.start(state, 0);
        registry.awaitReady();
        TopicAdmin.createMissing(connectionToBoth());
    }

    /** Not before all: a class that is given up there is reported as one that has no tests. */
    @BeforeEach
    void skipWithoutContainer() {
        assumeTrue(missing == null, missing);
    }

    private static String missing() {
        if (!DockerClientFactory.instance().isDockerAvailable()) {
            return "no Docker engine answers";
        }
        try {
            DockerClientFactory.lazyClient().inspectImageCmd(IMAGE).exec();
            return null;
        } catch (NotFoundException e) {
            return "the Docker engine does not have the image " + IMAGE;
        }
    }

    @AfterAll
    static void stop() {
        if (registry != null) {
            registry.close();
        }
        if (kafka != null) {
            kafka.stop();
        }
    }

    private static Connection connectionToBoth() {
        return Connection.to(kafka.getBootstrapServers(), registry.url());
    }

    @Override
    Connection connection() {
        return connectionToBoth();
    }
}
