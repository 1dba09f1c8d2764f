package io.calibrant.testing;

import io.calibrant.schemas.Connection;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;

/** Where the topics of a connection end, transactions that are open or aborted included. */
public final class TopicEnds {
    private TopicEnds() {}

    /** The end of every partition of every topic with the prefix of the connection, in order. */
    public static List<Long> of(Connection connection) throws Exception {
        try (Admin admin = Admin.create(connection.admin())) {
            List<Long> ends = new ArrayList<>();
            Map<TopicPartition, OffsetSpec> asked = new LinkedHashMap<>();
            for (String topic : new TreeSet<>(admin.listTopics().names().get())) {
                if (topic.startsWith(connection.topicPrefix())) {
                    for (TopicPartitionInfo partition : admin.describeTopics(List.of(topic))
                            .allTopicNames()
                            .get()
                            .get(topic)
                            .partitions()) {
                        asked.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest());
                    }
                }
            }
            Map<TopicPartition, ListOffsetsResultInfo> found =
                    admin.listOffsets(asked).all().get();
            asked.keySet().forEach(partition -> ends.add(found.get(partition).offset()));
            return ends;
        }
    }
}
