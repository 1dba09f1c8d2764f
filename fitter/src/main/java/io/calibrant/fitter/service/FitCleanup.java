package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * Deletes what a fit leaves in Kafka and on this machine besides its results: its consumer group, its internal topics,
 * its state.
 */
public final class FitCleanup {
    private FitCleanup() {}

    /** How many members its consumer group has: stream threads that run, or that died less than six seconds ago. */
    public static int members(Connection connection, String fit) {
        String group = FitterSettings.applicationId(connection.topics(), fit);
        try (Admin admin = Admin.create(connection.admin())) {
            return admin.describeConsumerGroups(List.of(group))
                    .all()
                    .get()
                    .get(group)
                    .members()
                    .size();
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof GroupIdNotFoundException) {
                return 0;
            }
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    /** Whether internal topics of a fit are there, whatever topic fits says. */
    public static boolean isThere(Connection connection, String fit) {
        String application = FitterSettings.applicationId(connection.topics(), fit);
        try (Admin admin = Admin.create(connection.admin())) {
            Set<String> there = admin.listTopics().names().get();
            return StoreNames.changelogTopics(application).stream().anyMatch(there::contains);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    /**
     * What {@link #delete} asks for on the fit's own topics. Whoever may not describe those takes them for topics that
     * are not there, and would leave them.
     */
    public static List<AccessRight> rights(Connection connection, String fit) {
        String application = FitterSettings.applicationId(connection.topics(), fit);
        return AccessRight.topics("DELETE", internalTopics(application).toArray(String[]::new));
    }

    private static Stream<String> internalTopics(String application) {
        return Stream.concat(
                StoreNames.repartitionTopics(application).stream(), StoreNames.changelogTopics(application).stream());
    }

    /**
     * Removes them. No fitter of this fit may be running.
     *
     * @param stateDir where the fit's fitters had their state on this machine
     * @return what was there, in words
     * @throws KafkaException if the cluster refuses
     */
    public static List<String> delete(Connection connection, String fit, Path stateDir) {
        String application = FitterSettings.applicationId(connection.topics(), fit);
        List<String> removed = new ArrayList<>();
        try (Admin admin = Admin.create(connection.admin())) {
            Set<String> there = admin.listTopics().names().get();
            List<String> internal =
                    internalTopics(application).filter(there::contains).toList();
            admin.deleteTopics(internal).all().get();
            internal.forEach(topic -> removed.add("topic " + topic));
            boolean grouped = admin.listGroups().all().get().stream()
                    .anyMatch(group -> group.groupId().equals(application));
            if (grouped) {
                admin.deleteConsumerGroups(List.of(application)).all().get();
                removed.add("consumer group " + application);
            }
            String cluster = admin.describeCluster().clusterId().get();
            for (Path state : StateDirectory.of(stateDir.toAbsolutePath(), cluster, application)) {
                StateDirectory.delete(state);
                removed.add("state " + state);
            }
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
        return removed;
    }
}
