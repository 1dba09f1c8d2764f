package io.calibrant.infra.evaluation;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.reading.TopicReading;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Topic labels as the fitter joins it: by run and question, and by text where both are known. Of several that fit the
 * newest counts, and of those of one time the one that says more.
 */
final class TrueLabels {
    private final Map<String, List<Known>> byId = new HashMap<>();

    private record Known(String label, String run, String digest, long time) {
        boolean isOf(String otherRun, String otherDigest) {
            return (run == null || run.equals(otherRun))
                    && (digest == null || otherDigest == null || digest.equals(otherDigest));
        }

        int says() {
            return (run == null ? 0 : 2) + (digest == null ? 0 : 1);
        }
    }

    /** Of nothing yet. */
    TrueLabels() {}

    /**
     * Reads the topic as it is now.
     *
     * @param outages called once when the broker or the registry is away, and once when it is back
     */
    static TrueLabels read(Connection connection, Consumer<String> outages) {
        TrueLabels labels = new TrueLabels();
        TopicReading.of(connection)
                .records(connection.topics().labels(), Label.class, Objects::nonNull, record -> {
                    if (record.value() != null) {
                        labels.add(record.key(), record.value(), record.timestamp());
                    }
                })
                .throughOutages(outages)
                .readToEnd();
        return labels;
    }

    /** Adds a label, the last one of its kind that came. */
    void add(String questionId, Label label, long time) {
        List<Known> known = byId.computeIfAbsent(questionId, id -> new ArrayList<>());
        Known now = new Known(label.getLabel(), label.getRun(), label.getTextDigest(), time);
        known.removeIf(each -> Objects.equals(each.run, now.run) && Objects.equals(each.digest, now.digest));
        known.add(now);
    }

    /**
     * The true label of a question.
     *
     * @param textDigest of the answer or of the question; null where it is not known
     */
    Optional<String> of(String questionId, String run, String textDigest) {
        return byId.getOrDefault(questionId, List.of()).stream()
                .filter(each -> each.isOf(run, textDigest))
                .max(Comparator.comparingLong(Known::time).thenComparingInt(Known::says))
                .map(Known::label);
    }
}
