package io.calibrant.scorer.service;

import io.calibrant.scorer.serving.ServingSettings;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which questions that the topic still has are not this group's to answer. A group reads the topic from its beginning,
 * so that a run's validation questions may wait for its first scorer. But a question that names no run is for the
 * scorers that run when it is asked; and what a group with another list of runs has answered is answered.
 *
 * <p>A group commits each partition before it takes a question of it, and the metadata of the offset keeps where the
 * group began. So that moment stays the same for those who come later, whether anything was answered or not. Not
 * thread-safe; confined to one thread.
 */
final class RetainedQuestions {
    private static final Logger LOG = LoggerFactory.getLogger(RetainedQuestions.class);

    /** A question may be asked in the moment in which the scorer is started. */
    private static final long MOMENT_MILLIS = 30_000;

    private static final Pattern METADATA = Pattern.compile("fit=(\\S+) since=(\\d+)");

    private final ServingSettings serving;
    private final ScorerGroups groups;
    private final Function<Set<TopicPartition>, Map<TopicPartition, OffsetAndMetadata>> own;
    private final Consumer<Map<TopicPartition, OffsetAndMetadata>> commit;
    private final long started;
    private final Map<TopicPartition, Bounds> bounds = new HashMap<>();
    private final Set<TopicPartition> pending = new HashSet<>();
    private boolean begun;

    /**
     * Questions before these offsets are left alone.
     *
     * @param since that name no run, since the group began
     * @param passed that name no run, and another group with the same first run has passed
     * @param byRun that name a run, and another group with this run has passed
     */
    private record Bounds(long since, long passed, Map<String, Long> byRun) {}

    /**
     * Knows nothing yet.
     *
     * @param own what the own group has committed, of partitions
     * @param commit for the own group, of partitions that are assigned
     * @param started when this process was started, milliseconds
     */
    RetainedQuestions(
            ServingSettings serving,
            ScorerGroups groups,
            Function<Set<TopicPartition>, Map<TopicPartition, OffsetAndMetadata>> own,
            Consumer<Map<TopicPartition, OffsetAndMetadata>> commit,
            long started) {
        this.serving = serving;
        this.groups = groups;
        this.own = own;
        this.commit = commit;
        this.started = started;
    }

    /**
     * Keeps where the group begins while it has no member and this scorer cannot answer yet: one that waits for its
     * posterior runs, too. Where the group has members they have done so.
     */
    void begin() {
        if (begun) {
            return;
        }
        Set<TopicPartition> partitions = groups.partitions();
        Map<String, Map<TopicPartition, OffsetAndMetadata>> others = new HashMap<>(groups.committed(partitions));
        Map<TopicPartition, OffsetAndMetadata> committed = others.remove(ScorerSettings.groupOf(serving));
        Map<TopicPartition, OffsetAndMetadata> first =
                beginnings(partitions, committed == null ? Map.of() : committed, others);
        if (!first.isEmpty()) {
            groups.begin(ScorerSettings.groupOf(serving), first);
        }
        begun = true;
    }

    /**
     * Notes partitions that were assigned. The broker is asked in {@link #place}: what fails in a consumer's callback
     * is not called again.
     */
    void assigned(Collection<TopicPartition> partitions) {
        pending.addAll(partitions);
        bounds.keySet().removeAll(partitions);
    }

    /** Partitions of which no question may be taken yet. */
    Set<TopicPartition> pending() {
        return Set.copyOf(pending);
    }

    /**
     * Looks at where this group and the others are on partitions that were assigned, and commits where it begins.
     *
     * @param assignment what is assigned now
     * @throws RuntimeException if the broker does not answer: the partitions stay {@link #pending}
     */
    void place(Set<TopicPartition> assignment) {
        pending.retainAll(assignment);
        if (pending.isEmpty()) {
            return;
        }
        Set<TopicPartition> partitions = pending();
        Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>(own.apply(partitions));
        committed.values().removeIf(offset -> offset == null);
        Map<String, Map<TopicPartition, OffsetAndMetadata>> others = new HashMap<>(groups.committed(partitions));
        others.remove(ScorerSettings.groupOf(serving));
        Map<TopicPartition, OffsetAndMetadata> first = beginnings(partitions, committed, others);
        if (!first.isEmpty()) {
            try {
                commit.accept(first);
            } catch (CommitFailedException | RebalanceInProgressException e) {
                LOG.debug("the group is being rebalanced: {}", e.getMessage());
                return; // the next poll takes part in it, and what is assigned then is looked at again
            }
            committed.putAll(first);
        }
        for (TopicPartition partition : partitions) {
            Map<String, Long> byRun = new HashMap<>();
            for (String run : serving.runs()) {
                byRun.put(run, farthest(others, partition, run, serving.fit()));
            }
            long since = since(committed.get(partition).metadata());
            bounds.put(partition, new Bounds(since, firstRuns(others, partition), byRun));
        }
        pending.removeAll(partitions);
    }

    /** The offsets with which the group begins on partitions where it has not committed any. */
    private Map<TopicPartition, OffsetAndMetadata> beginnings(
            Set<TopicPartition> partitions,
            Map<TopicPartition, OffsetAndMetadata> committed,
            Map<String, Map<TopicPartition, OffsetAndMetadata>> others) {
        Set<TopicPartition> uncommitted = new HashSet<>(partitions);
        uncommitted.removeAll(committed.keySet());
        if (uncommitted.isEmpty()) {
            return Map.of();
        }
        Map<TopicPartition, Long> moments = groups.since(uncommitted, started - MOMENT_MILLIS);
        Map<TopicPartition, Long> earliest = groups.beginnings(uncommitted);
        Map<TopicPartition, OffsetAndMetadata> first = new HashMap<>();
        for (TopicPartition partition : uncommitted) {
            long since = Math.max(moments.getOrDefault(partition, 0L), farthest(others, partition, null, null));
            if (since > 0) {
                LOG.info(
                        "partition {} of topic {}: what was asked before offset {} without a run is left to the"
                                + " scorers that ran then",
                        partition.partition(),
                        partition.topic(),
                        since);
            }
            first.put(partition, new OffsetAndMetadata(earliest.getOrDefault(partition, 0L), metadata(since)));
        }
        return first;
    }

    /**
     * Whether a question is left alone.
     *
     * @param run that it names; null for none
     */
    boolean isLeft(TopicPartition partition, long offset, String run) {
        Bounds of = bounds.get(partition);
        if (of == null) {
            return false;
        }
        return run == null ? offset < Math.max(of.since, of.passed) : offset < of.byRun.getOrDefault(run, 0L);
    }

    /** The offsets with what the next scorer of the group needs to know. */
    Map<TopicPartition, OffsetAndMetadata> marked(Map<TopicPartition, OffsetAndMetadata> offsets) {
        Map<TopicPartition, OffsetAndMetadata> marked = new HashMap<>();
        offsets.forEach((partition, offset) -> {
            Bounds of = bounds.get(partition);
            marked.put(
                    partition,
                    new OffsetAndMetadata(offset.offset(), offset.leaderEpoch(), metadata(of == null ? 0 : of.since)));
        });
        return marked;
    }

    private String metadata(long since) {
        return "fit=" + serving.fit() + " since=" + since;
    }

    private static long since(String metadata) {
        Matcher said = METADATA.matcher(metadata == null ? "" : metadata);
        return said.matches() ? Long.parseLong(said.group(2)) : 0;
    }

    /** The farthest offset of the groups that serve a run with a fit; of all groups where both are null. */
    private static long farthest(
            Map<String, Map<TopicPartition, OffsetAndMetadata>> others,
            TopicPartition partition,
            String run,
            String fit) {
        long farthest = 0;
        for (Map.Entry<String, Map<TopicPartition, OffsetAndMetadata>> each : others.entrySet()) {
            OffsetAndMetadata offset = each.getValue().get(partition);
            if (offset != null
                    && (run == null
                            || runs(each.getKey(), offset.metadata(), fit).contains(run))) {
                farthest = Math.max(farthest, offset.offset());
            }
        }
        return farthest;
    }

    /** The farthest offset of the groups that answer with the same run where none is named. */
    private long firstRuns(Map<String, Map<TopicPartition, OffsetAndMetadata>> others, TopicPartition partition) {
        long farthest = 0;
        for (Map.Entry<String, Map<TopicPartition, OffsetAndMetadata>> each : others.entrySet()) {
            OffsetAndMetadata offset = each.getValue().get(partition);
            if (offset != null) {
                List<String> runs = runs(each.getKey(), offset.metadata(), serving.fit());
                if (!runs.isEmpty() && runs.get(0).equals(serving.runs().get(0))) {
                    farthest = Math.max(farthest, offset.offset());
                }
            }
        }
        return farthest;
    }

    /** The runs of a group that answers with a fit; none where it answers with another. */
    private static List<String> runs(String group, String metadata, String fit) {
        Matcher said = METADATA.matcher(metadata == null ? "" : metadata);
        if (said.matches() && !said.group(1).equals(fit)) {
            return List.of();
        }
        String end = fit.equals(ServingSettings.DEFAULT_FIT) ? "" : "-" + fit;
        return group.endsWith(end)
                ? List.of(group.substring(0, group.length() - end.length()).split(",", -1))
                : List.of();
    }
}
