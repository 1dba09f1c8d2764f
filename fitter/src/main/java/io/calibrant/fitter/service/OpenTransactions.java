package io.calibrant.fitter.service;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeProducersResult.PartitionProducerState;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.common.TopicPartition;

/**
 * Hanging transactions: a broker that dies while it ends one may forget a partition of it. Consumers that read
 * committed records then get nothing written there afterwards, until an administrator aborts the transaction.
 */
final class OpenTransactions {
    private OpenTransactions() {}

    /**
     * The transaction that has been open longest, in words for the administrator who can abort it.
     *
     * @param topics those that do not exist are skipped
     * @param age above which a transaction counts as hanging
     * @return null where there is none
     */
    static String oldest(Admin admin, Collection<String> topics, Duration age)
            throws InterruptedException, ExecutionException {
        Set<String> there = admin.listTopics().names().get();
        List<TopicPartition> partitions = new ArrayList<>();
        admin.describeTopics(topics.stream().filter(there::contains).toList())
                .allTopicNames()
                .get()
                .forEach((topic, description) -> description
                        .partitions()
                        .forEach(partition -> partitions.add(new TopicPartition(topic, partition.partition()))));
        Map<TopicPartition, PartitionProducerState> states =
                admin.describeProducers(partitions).all().get();
        long latest = Instant.now().minus(age).toEpochMilli();
        String oldest = null;
        for (Map.Entry<TopicPartition, PartitionProducerState> state : states.entrySet()) {
            for (ProducerState producer : state.getValue().activeProducers()) {
                if (producer.currentTransactionStartOffset().isPresent() && producer.lastTimestamp() <= latest) {
                    latest = producer.lastTimestamp();
                    oldest = words(state.getKey(), producer);
                }
            }
        }
        return oldest;
    }

    private static String words(TopicPartition partition, ProducerState producer) {
        long start = producer.currentTransactionStartOffset().orElseThrow();
        return "topic " + partition.topic() + ", partition " + partition.partition() + ": a transaction of producer "
                + producer.producerId() + " is open since before " + Instant.ofEpochMilli(producer.lastTimestamp())
                + ", and what comes after it cannot be read until it ends: kafka-transactions.sh ... abort --topic "
                + partition.topic() + " --partition " + partition.partition() + " --start-offset " + start;
    }
}
