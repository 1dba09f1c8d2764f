package io.calibrant.fitter.topology;

import io.calibrant.schemas.Connection;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** The topics that others write: their timestamps are checked, and their records come to the task of their key. */
final class Inputs {
    private final StreamsBuilder builder;
    private final Connection connection;
    private final TimestampExtractor timestamps;

    Inputs(StreamsBuilder builder, Connection connection, TimestampExtractor timestamps) {
        this.builder = builder;
        this.connection = connection;
        this.timestamps = timestamps;
    }

    /**
     * The records of a topic, all of a key in one task, whichever partitioner their clients have.
     *
     * @param name the start of the names of its nodes
     * @param repartition the repartition topic of those that lie elsewhere
     * @param partitions of the topic
     */
    <V extends SpecificRecord> KStream<String, V> byKey(
            String topic, Class<V> type, String name, String repartition, int partitions) {
        Serde<V> serde = connection.serde(type);
        KStream<String, V> all = source(topic, serde, name);
        KStream<String, V> moved = all.process(() -> new Elsewhere<V>(partitions), Named.as(name + "-elsewhere"))
                .repartition(Repartitioned.with(Serdes.String(), serde)
                        .withName(repartition)
                        .withNumberOfPartitions(partitions));
        return all.process(() -> new InPlace<V>(partitions), Named.as(name + "-in-place"))
                .merge(moved, Named.as(name + "-by-key"));
    }

    /** The records of a topic in whichever partition they lie. */
    <V extends SpecificRecord> KStream<String, V> anyhow(String topic, Class<V> type, String name) {
        return source(topic, connection.serde(type), name)
                .process(() -> new InPlace<V>(InPlace.ANYWHERE), Named.as(name + "-timely"));
    }

    private <V> KStream<String, V> source(String topic, Serde<V> serde, String name) {
        return builder.stream(
                topic,
                Consumed.with(Serdes.String(), serde)
                        .withTimestampExtractor(timestamps)
                        .withName(name + "-source"));
    }
}
