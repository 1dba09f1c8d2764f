package io.calibrant.schemas.reading;

import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Question;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * When runs were deleted, of which topic {@code progress} tells. The questions that a deleted run was asked stay on
 * their topic until retention drops them, and are not those of a later run of its name.
 */
final class DeletedRuns {
    private final Map<String, Long> lastDeleted;

    /** @param lastDeleted milliseconds since the epoch, by run */
    DeletedRuns(Map<String, Long> lastDeleted) {
        this.lastDeleted = Map.copyOf(lastDeleted);
    }

    /**
     * All deletions that the topics still know.
     *
     * @param reading how they are read; nothing is to be read by it yet
     */
    static DeletedRuns read(TopicReading reading, Topics topics) {
        Map<String, Long> lastDeleted = new HashMap<>();
        reading.records(topics.progress(), Progress.class, Objects::nonNull, record -> {
                    Progress progress = record.value();
                    if (progress != null && progress.getDeleted() != null) {
                        lastDeleted.merge(progress.getRunId(), record.timestamp(), Math::max);
                    }
                })
                .readToEnd();
        return new DeletedRuns(lastDeleted);
    }

    /**
     * Whether a question was for a run that is deleted.
     *
     * @param timestamp of its record, milliseconds
     */
    boolean wereAsked(Question question, long timestamp) {
        Long deleted = question.getRun() == null ? null : lastDeleted.get(question.getRun());
        return deleted != null && timestamp <= deleted;
    }
}
