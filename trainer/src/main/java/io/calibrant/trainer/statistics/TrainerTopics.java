package io.calibrant.trainer.statistics;

import io.calibrant.schemas.AccessDeniedException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.Topics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;

/** The topics that a trainer writes to. */
final class TrainerTopics {
    /** A topic that was just created is not known to every broker at once. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final long POLL_MILLIS = 100;

    private TrainerTopics() {}

    /**
     * Makes sure that all of them are there, before a producer waits for them in vain.
     *
     * @throws PublishingException naming the address if the broker does not answer, or the topics that are missing
     */
    static void require(Connection connection) {
        Topics topics = connection.topics();
        List<String> needed = List.of(
                topics.runs(),
                topics.adapters(),
                topics.progress(),
                topics.statistics(),
                topics.questions(),
                topics.labels());
        try (Admin admin = Admin.create(connection.admin())) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            List<String> missing = missing(admin, needed);
            while (!missing.isEmpty() && System.nanoTime() < deadline) {
                Thread.sleep(POLL_MILLIS);
                missing = missing(admin, needed);
            }
            TopicAdmin.requireNone(missing);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (AccessDeniedException e) {
            throw e; // says all that there is to say
        } catch (KafkaException e) {
            throw new PublishingException("broker " + connection.bootstrapServers() + ": " + e.getMessage(), e);
        } catch (IllegalStateException e) {
            throw new PublishingException(e.getMessage(), e);
        }
    }

    private static List<String> missing(Admin admin, List<String> needed) {
        return new TopicAdmin(admin)
                .partitions(needed).entrySet().stream()
                        .filter(topic -> topic.getValue() == 0)
                        .map(Map.Entry::getKey)
                        .toList();
    }
}
