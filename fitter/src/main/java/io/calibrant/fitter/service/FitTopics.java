package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.TopicIdentity;
import io.calibrant.schemas.Topics;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;

/**
 * The topics that a fit's state was made from and is kept in, by their ids. They are recorded with the fit's name, so
 * that a fitter that starts sees where one of them was deleted meanwhile: it would skip what it believes to have
 * folded, or go on without what it had.
 */
final class FitTopics {
    private final Topics topics;
    private final String fit;
    private final String application;

    FitTopics(Topics topics, FitterSettings settings) {
        this.topics = topics;
        this.fit = settings.fit();
        this.application = settings.applicationId(topics);
    }

    /** Those of which the state says what has been read or sent: without them it is wrong. */
    private List<String> foldedOrSent() {
        return List.of(topics.statistics(), topics.factors(), topics.posteriors());
    }

    /** Those whose records replace what was there before them: the state stays right, and is told of. */
    private List<String> replaced() {
        return List.of(
                topics.runs(),
                topics.answers(),
                topics.labels(),
                topics.predictiveStatistics(),
                topics.calibration(),
                topics.factorUpdates());
    }

    /** The topics of the contract that this fit reads or writes. */
    List<String> ofTheContract() {
        List<String> all = new ArrayList<>(foldedOrSent());
        all.addAll(replaced());
        return all;
    }

    private List<String> internal() {
        List<String> all = new ArrayList<>(StoreNames.changelogTopics(application));
        all.addAll(StoreNames.repartitionTopics(application));
        return all;
    }

    /** What they are now; those that do not exist are left out. */
    Map<String, TopicIdentity> now(Admin admin) throws InterruptedException, ExecutionException {
        List<String> all = ofTheContract();
        all.addAll(internal());
        return TopicIdentity.of(admin, all);
    }

    /** The ids alone, as they are recorded. */
    static Map<String, String> ids(Map<String, TopicIdentity> topics) {
        Map<String, String> ids = new TreeMap<>();
        topics.forEach((topic, identity) -> ids.put(topic, identity.id()));
        return ids;
    }

    /**
     * Compares what was recorded with what is there.
     *
     * @param recorded ids when the fit last ran; empty where nothing is known
     * @return a line for each topic that is another one and costs nothing
     * @throws IllegalStateException naming a topic without which the state is wrong, and what to do
     */
    List<String> compare(Map<String, String> recorded, Map<String, TopicIdentity> now) {
        for (String topic : internal()) {
            if (recorded.containsKey(topic) && !now.containsKey(topic)) {
                throw refused("topic " + topic + " is gone, and with it what fit '" + fit + "' kept there");
            }
        }
        List<String> lines = new ArrayList<>();
        now.forEach((topic, identity) -> {
            if (!recorded.containsKey(topic) || recorded.get(topic).equals(identity.id())) {
                return;
            }
            String anew = "topic " + topic + " was deleted and created anew since fit '" + fit + "' last ran";
            if (!replaced().contains(topic)) {
                throw refused(anew + ", and its state is of the old one");
            }
            lines.add(anew + ": what it held stays counted; to begin anew, " + howToBeginAnew());
        });
        requirePartitions(now, StoreNames.factorsChangelog(application), topics.statistics());
        requirePartitions(now, StoreNames.questionsChangelog(application), topics.answers());
        return lines;
    }

    private void requirePartitions(Map<String, TopicIdentity> now, String changelog, String input) {
        if (now.containsKey(changelog)
                && now.containsKey(input)
                && now.get(changelog).partitions() != now.get(input).partitions()) {
            throw refused("topic " + input + " has " + now.get(input).partitions()
                    + " partitions, fit '" + fit + "' began with "
                    + now.get(changelog).partitions() + ", and keys have moved");
        }
    }

    /**
     * Refuses to begin where internal topics of the fit are there though its name is free: topic fits is another one
     * than it was.
     *
     * @param there what was there before the name was looked for
     */
    void requireNothingOfAnUnknownFit(Map<String, TopicIdentity> there) {
        for (String topic : StoreNames.changelogTopics(application)) {
            if (there.containsKey(topic)) {
                throw refused("topic " + topics.fits() + " says nothing of fit '" + fit + "', but its topic " + topic
                        + " is there: the topics were deleted and created anew under it");
            }
        }
    }

    /** Refuses a changelog of which records were deleted: it can no longer restore the state. */
    void requireWholeChangelogs(Admin admin, Map<String, TopicIdentity> now)
            throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (String topic : StoreNames.changelogTopics(application)) {
            int partitions = now.containsKey(topic) ? now.get(topic).partitions() : 0;
            for (int partition = 0; partition < partitions; partition++) {
                asked.put(new TopicPartition(topic, partition), OffsetSpec.earliest());
            }
        }
        admin.listOffsets(asked).all().get().forEach((partition, first) -> {
            if (first.offset() > 0) {
                throw refused("topic " + partition.topic() + ", partition " + partition.partition()
                        + " begins at offset " + first.offset() + ": records of the state of fit '" + fit
                        + "' were deleted");
            }
        });
    }

    private IllegalStateException refused(String why) {
        return new IllegalStateException(why + ": " + howToBeginAnew());
    }

    /** In words for the user. */
    String howToBeginAnew() {
        return "delete the fit with 'calibrant fits --delete " + fit + " --force', and start it again: it folds what"
                + " the topics hold";
    }
}
