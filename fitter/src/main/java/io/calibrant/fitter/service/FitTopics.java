package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.TopicIdentity;
import io.calibrant.schemas.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
    /** How often to look, {@link #AGAIN} apart, for a topic that is gone: a broker just started may not know it yet. */
    static final int LOOKS_FOR_ABSENT = 30;

    /** The same before anything runs: whoever starts a fitter waits for its word. */
    static final int LOOKS_AT_THE_START = 8;

    static final Duration AGAIN = Duration.ofSeconds(1);

    private final Topics topics;
    private final String fit;
    private final String application;

    /** Asks a cluster what the topics are now. */
    @FunctionalInterface
    interface Look {
        Map<String, TopicIdentity> now() throws InterruptedException, ExecutionException;
    }

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

    /**
     * What they are once all internal topics are there that were recorded, or have not been for long enough to be gone.
     *
     * @param pause between two looks
     */
    Map<String, TopicIdentity> awaited(Map<String, String> recorded, Look look, Duration pause)
            throws InterruptedException, ExecutionException {
        Map<String, TopicIdentity> now = look.now();
        for (int looks = 1; looks < LOOKS_AT_THE_START && absent(recorded, now).isPresent(); looks++) {
            Thread.sleep(pause.toMillis());
            now = look.now();
        }
        return now;
    }

    private Optional<String> absent(Map<String, String> recorded, Map<String, TopicIdentity> now) {
        return internal().stream()
                .filter(topic -> recorded.containsKey(topic) && !now.containsKey(topic))
                .findFirst();
    }

    /** The ids alone, as they are recorded; one that the broker does not say is left out. */
    static Map<String, String> ids(Map<String, TopicIdentity> topics) {
        Map<String, String> ids = new TreeMap<>();
        topics.forEach((topic, identity) -> {
            if (identity.hasId()) {
                ids.put(topic, identity.id());
            }
        });
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
        absent(recorded, now).ifPresent(topic -> {
            throw refused("topic " + topic + " is gone, and with it what fit '" + fit + "' kept there");
        });
        List<String> lines = new ArrayList<>();
        now.forEach((topic, identity) -> {
            if (!recorded.containsKey(topic) || !identity.isOtherThan(recorded.get(topic))) {
                return;
            }
            String anew = "topic " + topic + " was deleted and created anew";
            if (!replaced().contains(topic)) {
                throw refused(anew + ", and the state of fit '" + fit + "' is of the old one");
            }
            lines.add(anew + " since fit '" + fit + "' last ran: what it held stays counted; to begin anew, "
                    + howToBeginAnew());
        });
        requirePartitions(now, StoreNames.factorsChangelog(application), topics.statistics());
        requirePartitions(now, StoreNames.questionsChangelog(application), topics.answers());
        return lines;
    }

    /**
     * What has become, while the fitter runs, of topics that are there.
     *
     * @return one line with what to do; null where nothing has changed
     */
    String change(Map<String, TopicIdentity> before, Map<String, TopicIdentity> now) {
        Map<String, TopicIdentity> was = new TreeMap<>(before);
        was.keySet().retainAll(now.keySet());
        try {
            compare(ids(was), now);
        } catch (IllegalStateException e) {
            return e.getMessage();
        }
        Map<String, TopicIdentity> own = new TreeMap<>(was);
        own.keySet().retainAll(internal());
        String ofOwn = TopicIdentity.change(own, now);
        if (ofOwn != null) {
            return ofOwn + ", and the state of fit '" + fit + "' is of before: " + howToBeginAnew();
        }
        String ofOther = TopicIdentity.change(was, now);
        return ofOther == null ? null : ofOther + ": start the fitter again";
    }

    /**
     * The first topic that is no longer there.
     *
     * @return one line with what to do; null where all are there
     */
    String gone(Map<String, TopicIdentity> before, Map<String, TopicIdentity> now) {
        for (String topic : new TreeMap<>(before).keySet()) {
            if (!now.containsKey(topic)) {
                String deleted = "topic " + topic + " was deleted";
                return replaced().contains(topic)
                        ? deleted + ": create it with 'calibrant topics --apply', and start the fitter again"
                        : deleted + ", and the state of fit '" + fit + "' is of it: " + howToBeginAnew();
            }
        }
        return null;
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
