package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** The groups as the broker knows them. One that this scorer may not see is none to it. */
final class BrokerScorerGroups implements ScorerGroups {
    private final Connection connection;

    BrokerScorerGroups(Connection connection) {
        this.connection = connection;
    }

    @Override
    public Set<TopicPartition> partitions() {
        String topic = connection.topics().questions();
        return ask(
                ofQuestions(),
                admin -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().stream()
                        .map(info -> new TopicPartition(topic, info.partition()))
                        .collect(Collectors.toSet()));
    }

    @Override
    public Map<String, Map<TopicPartition, OffsetAndMetadata>> committed(Set<TopicPartition> partitions) {
        String prefix = connection.topicPrefix() + ScorerSettings.GROUP;
        ListConsumerGroupOffsetsSpec of = new ListConsumerGroupOffsetsSpec().topicPartitions(partitions);
        return ask("groups of the scorers", admin -> {
            List<String> names = admin.listGroups(ListGroupsOptions.forConsumerGroups()).valid().get().stream()
                    .map(GroupListing::groupId)
                    .filter(group -> group.startsWith(prefix))
                    .toList();
            Map<String, Map<TopicPartition, OffsetAndMetadata>> committed = new HashMap<>();
            for (String name : names) {
                try {
                    Map<TopicPartition, OffsetAndMetadata> offsets = admin.listConsumerGroupOffsets(Map.of(name, of))
                            .partitionsToOffsetAndMetadata(name)
                            .get();
                    offsets.values().removeIf(offset -> offset == null);
                    committed.put(name.substring(prefix.length()), offsets);
                } catch (ExecutionException e) {
                    if (!(e.getCause() instanceof AuthorizationException)) {
                        throw e;
                    }
                }
            }
            return committed;
        });
    }

    @Override
    public Map<TopicPartition, Long> since(Set<TopicPartition> partitions, long time) {
        return ask(ofQuestions(), admin -> since(spec -> offsets(admin, partitions, spec), time));
    }

    /** The offsets of partitions; asked one after the other, while questions come. */
    interface Offsets {
        Map<TopicPartition, Long> of(OffsetSpec spec) throws InterruptedException, ExecutionException;
    }

    static Map<TopicPartition, Long> since(Offsets offsets, long time) throws InterruptedException, ExecutionException {
        // The ends first: a question that comes between the two is found by its time, and not left alone.
        Map<TopicPartition, Long> ends = offsets.of(OffsetSpec.latest());
        Map<TopicPartition, Long> since = new HashMap<>(offsets.of(OffsetSpec.forTimestamp(time)));
        since.replaceAll((partition, offset) -> offset < 0 ? ends.get(partition) : offset);
        return since;
    }

    @Override
    public Map<TopicPartition, Long> beginnings(Set<TopicPartition> partitions) {
        return ask(ofQuestions(), admin -> offsets(admin, partitions, OffsetSpec.earliest()));
    }

    @Override
    public void begin(String group, Map<TopicPartition, OffsetAndMetadata> offsets) {
        String name = connection.topicPrefix() + ScorerSettings.GROUP + group;
        ask("group " + name, admin -> {
            try {
                return admin.alterConsumerGroupOffsets(name, offsets).all().get();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof UnknownMemberIdException) {
                    // Another scorer of the group has begun.
                    return null;
                }
                throw e;
            }
        });
    }

    private String ofQuestions() {
        return "topic " + connection.topics().questions();
    }

    /** What is asked of the brokers. */
    private interface Call<T> {
        T of(Admin admin) throws InterruptedException, ExecutionException;
    }

    private <T> T ask(String what, Call<T> call) {
        try (Admin admin = Admin.create(connection.admin())) {
            return call.of(admin);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(what + ": " + e.getCause().getMessage(), e);
        }
    }

    private static Map<TopicPartition, Long> offsets(Admin admin, Set<TopicPartition> partitions, OffsetSpec spec)
            throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> asked =
                partitions.stream().collect(Collectors.toMap(Function.identity(), partition -> spec));
        Map<TopicPartition, Long> offsets = new HashMap<>();
        for (Map.Entry<TopicPartition, ListOffsetsResult.ListOffsetsResultInfo> each :
                admin.listOffsets(asked).all().get().entrySet()) {
            offsets.put(each.getKey(), each.getValue().offset());
        }
        return offsets;
    }
}
