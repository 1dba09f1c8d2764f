package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.PriorObjective;
import java.util.ArrayList;
import java.util.List;

/** The rights that a fitter needs; those on internal topics can be checked once they exist. */
final class FitterRights {
    private FitterRights() {}

    /** All of them. */
    static List<AccessRight> all(Connection connection, FitterSettings settings) {
        List<AccessRight> rights = new ArrayList<>(ofService(connection, settings));
        rights.add(new AccessRight("CREATE", "topic", settings.applicationId(connection.topics()) + "-*"));
        rights.addAll(ofInternalTopics(connection, settings));
        return rights;
    }

    /**
     * Asks for what it needs whether it runs or not.
     *
     * @throws io.calibrant.schemas.AccessDeniedException naming what is missing
     */
    static void require(Connection connection, FitterSettings settings) {
        AccessCheck.require(connection, ofService(connection, settings));
        AccessCheck.require(connection, ofInternalTopics(connection, settings));
    }

    /** Before it starts. */
    static List<AccessRight> ofService(Connection connection, FitterSettings settings) {
        Topics topics = connection.topics();
        List<AccessRight> rights = new ArrayList<>(AccessRight.topics(
                "READ", topics.runs(), topics.fits(), topics.statistics(), topics.answers(), topics.labels()));
        if (settings.prior().objective() == PriorObjective.VALIDATION) {
            rights.addAll(AccessRight.topics("READ", topics.predictiveStatistics()));
        } else {
            rights.addAll(AccessRight.topics("DESCRIBE", topics.predictiveStatistics()));
        }
        rights.addAll(AccessRight.topics(
                "WRITE",
                topics.fits(),
                topics.factorUpdates(),
                topics.factors(),
                topics.posteriors(),
                topics.calibration(),
                topics.fitterDeadLetters()));
        String application = settings.applicationId(topics);
        rights.add(AccessRight.group(application));
        rights.add(AccessRight.transactionalIds(application + "-"));
        return rights;
    }

    /** On its own topics. Without DELETE those between its parts would grow for ever. */
    static List<AccessRight> ofInternalTopics(Connection connection, FitterSettings settings) {
        String application = settings.applicationId(connection.topics());
        List<AccessRight> rights = new ArrayList<>();
        for (String operation : new String[] {"READ", "WRITE", "DELETE"}) {
            rights.addAll(AccessRight.topics(
                    operation, StoreNames.repartitionTopics(application).toArray(String[]::new)));
        }
        for (String operation : new String[] {"READ", "WRITE"}) {
            rights.addAll(AccessRight.topics(
                    operation, StoreNames.changelogTopics(application).toArray(String[]::new)));
        }
        return rights;
    }
}
