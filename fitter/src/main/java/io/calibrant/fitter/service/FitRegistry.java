package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.FactorCompression;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.PriorStructure;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.avro.Schema;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The registry of fits. A fit's factors, its consumer group and its internal topics go by its name, so one name must
 * always mean one set of settings: else results of two settings would be mixed. Topic {@code fits} records them, before
 * there is any posterior.
 */
public final class FitRegistry {
    /** How often taking a name is tried again when another process takes it at the same moment. */
    private static final int TRIES = 5;

    /** Fields that are not settings: names, times, what a refit found, and the topics. */
    private static final List<String> NO_SETTINGS = List.of("fit", "createdAt", "present", "topics");

    private static final String LIVE = "a live fit";

    private FitRegistry() {}

    /**
     * What a name stands for; nothing where it is free.
     *
     * @throws IllegalStateException if the topic of fits is missing
     */
    public static Optional<Fit> find(Connection connection, String name) {
        TopicAdmin.require(connection, connection.topics().fits());
        String topic = connection.topics().fits();
        Optional<byte[]> newest = TopicReading.of(connection).newest(topic, name);
        try (Deserializer<Fit> deserializer = connection.deserializer(Fit.class)) {
            return newest.map(value -> deserializer.deserialize(topic, value));
        } catch (BadRecordException e) {
            throw new IllegalStateException(
                    "what topic " + topic + " says of fit '" + name + "' cannot be read: " + e.getMessage()
                            + "; remove it with 'calibrant fits --delete " + name + "'",
                    e);
        }
    }

    /**
     * Checks that a name is free, or stands for these settings. Writes nothing.
     *
     * @return what is recorded already; nothing where the name is free
     * @throws IllegalStateException naming the first setting that differs, or who has the name
     */
    public static Optional<Fit> check(Connection connection, FitterSettings settings) {
        Optional<Fit> there = find(connection, settings.fit());
        if (there.isPresent()) {
            String run = there.get().getRun();
            if ((run != null) != settings.isRefit()) {
                throw refused(
                        settings, "a new name, not that of " + (run == null ? LIVE : "a refit of run '" + run + "'"));
            }
            String difference = difference(there.get(), record(settings));
            if (difference != null) {
                throw refused(settings, "a new name, or come with the settings it stands for (" + difference + ")");
            }
        } else if (settings.isRefit() && isUsed(connection, settings)) {
            throw refused(settings, "a new name, not that of " + LIVE);
        }
        return there;
    }

    /**
     * As {@link #check}, and takes the name where it is free. Of two that do so at the same moment one gets it.
     *
     * @return what is recorded now
     * @throws IllegalStateException as {@link #check}
     */
    static Fit take(Connection connection, FitterSettings settings) {
        for (int i = 0; i < TRIES; i++) {
            Optional<Fit> there = check(connection, settings);
            if (there.isPresent()) {
                return there.get();
            }
            Map<String, Object> configs = connection.producer();
            // Whoever comes later fences whoever came before and has not written yet.
            configs.put(
                    ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.applicationId(connection.topics()) + "-settings");
            try (KafkaProducer<String, Fit> producer =
                    new KafkaProducer<>(configs, new StringSerializer(), connection.serializer(Fit.class))) {
                producer.initTransactions();
                there = check(connection, settings);
                if (there.isPresent()) {
                    return there.get();
                }
                Fit ours = record(settings);
                ours.setCreatedAt(Instant.now());
                producer.beginTransaction();
                Future<RecordMetadata> sent =
                        producer.send(new ProducerRecord<>(connection.topics().fits(), settings.fit(), ours));
                producer.commitTransaction();
                sent.get();
                return ours;
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            } catch (ExecutionException e) {
                throw new KafkaException(e.getCause().getMessage(), e);
            } catch (ProducerFencedException | InvalidProducerEpochException | InvalidTxnStateException e) {
                // Another has it, or will have in a moment; the last is what a broker says where ours was ended
                // (KIP-890).
            }
        }
        throw new IllegalStateException(
                "fit '" + settings.fit() + "' is being started many times at once: start one, then the others");
    }

    /** Records the topics of a fit by their ids, where that is not what is recorded. */
    static void recordTopics(Connection connection, FitterSettings settings, Map<String, String> ids) {
        Fit there = find(connection, settings.fit()).orElse(null);
        if (there == null || there.getTopics().equals(ids)) {
            return; // deleted meanwhile, or nothing new
        }
        there.setTopics(new TreeMap<>(ids));
        try (KafkaProducer<String, Fit> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), connection.serializer(Fit.class))) {
            producer.send(new ProducerRecord<>(connection.topics().fits(), settings.fit(), there))
                    .get();
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    private static IllegalStateException refused(FitterSettings settings, String accepted) {
        return new IllegalStateException(
                Require.message(settings.isRefit() ? "--as" : "--fit", settings.fit(), accepted));
    }

    /** Whether a name that is not recorded has been used by a live fit. */
    private static boolean isUsed(Connection connection, FitterSettings settings) {
        if (settings.fit().equals(FitterSettings.DEFAULT_FIT)) {
            return true;
        }
        try (Admin admin = Admin.create(connection.admin())) {
            return !admin.listConsumerGroupOffsets(settings.applicationId(connection.topics()))
                    .partitionsToOffsetAndMetadata()
                    .get()
                    .isEmpty();
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    /** The settings as they are recorded. */
    static Fit record(FitterSettings settings) {
        StatisticsSelection selection = settings.selection();
        return Fit.newBuilder()
                .setFit(settings.fit())
                .setRun(selection.run())
                .setCheckpoint(selection.checkpoint())
                .setFrom(selection.from())
                .setTo(selection.to() == Long.MAX_VALUE ? null : selection.to())
                .setBefore(selection.before() == Long.MAX_VALUE ? null : Instant.ofEpochMilli(selection.before()))
                .setExcludedSources(new ArrayList<>(new TreeSet<>(selection.excludedSources())))
                .setRank(selection.rank())
                .setCompression(FactorCompression.valueOf(settings.compression().name()))
                .setPrior(PriorStructure.valueOf(settings.prior().structure().name()))
                .setPriorMean(settings.prior().mean())
                .setResidual(settings.prior().residual())
                .setObjective(settings.prior().objective())
                .setPresent(selection.present())
                .build();
    }

    /** The first difference in words; null where there is none. */
    private static String difference(Fit there, Fit here) {
        for (Schema.Field field : there.getSchema().getFields()) {
            Object before = there.get(field.pos());
            Object now = here.get(field.pos());
            if (!NO_SETTINGS.contains(field.name()) && !Objects.equals(before, now)) {
                return field.name() + " " + words(before) + ", not " + words(now);
            }
        }
        return null;
    }

    private static String words(Object value) {
        return value == null ? "nothing" : value.toString();
    }
}
