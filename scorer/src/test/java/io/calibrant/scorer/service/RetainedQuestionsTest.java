package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.scorer.serving.ServingSettings;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class RetainedQuestionsTest {
    private static final TopicPartition PARTITION = new TopicPartition("questions", 0);

    private final KnownGroups groups = new KnownGroups();
    private final Map<TopicPartition, OffsetAndMetadata> own = new HashMap<>();

    private RetainedQuestions assigned(ServingSettings serving) {
        RetainedQuestions retained = retained(serving);
        retained.assigned(List.of(PARTITION));
        retained.place(Set.of(PARTITION));
        return retained;
    }

    private RetainedQuestions retained(ServingSettings serving) {
        return new RetainedQuestions(serving, groups, partitions -> own, own::putAll, 1_000_000);
    }

    private static ServingSettings runs(String... runs) {
        return ServingSettings.of(runs[0], Path.of("model")).withRuns(List.of(runs));
    }

    @Test
    void shouldLeaveWhatWasAskedWithoutARunBeforeTheGroupBegan() {
        groups.since(7);
        RetainedQuestions retained = assigned(runs("r2"));
        assertThat(retained.isLeft(PARTITION, 6, null)).isTrue();
        assertThat(retained.isLeft(PARTITION, 7, null)).isFalse();
        assertThat(retained.isLeft(PARTITION, 6, "r2"))
                .as("it waits for its first scorer")
                .isFalse();
    }

    @Test
    void shouldLeaveWhatAnotherGroupWasAskedWithoutARun() {
        groups.since(2).at("r1", PARTITION, 6, "");
        RetainedQuestions retained = assigned(runs("r2"));
        assertThat(retained.isLeft(PARTITION, 5, null)).isTrue();
        assertThat(retained.isLeft(PARTITION, 6, null)).isFalse();
        assertThat(retained.isLeft(PARTITION, 5, "r2")).isFalse();
    }

    @Test
    void shouldLeaveWhatAGroupWithAnotherListOfRunsHasAnswered() {
        groups.at("r1", PARTITION, 6, "fit=default since=0");
        RetainedQuestions retained = assigned(runs("r1", "r2"));
        assertThat(retained.isLeft(PARTITION, 5, "r1")).isTrue();
        assertThat(retained.isLeft(PARTITION, 6, "r1")).isFalse();
        assertThat(retained.isLeft(PARTITION, 5, "r2")).isFalse();
        assertThat(retained.isLeft(PARTITION, 5, null)).isTrue();
    }

    @Test
    void shouldLeaveWhatAnotherListHasAnsweredMeanwhileWhereAnOldListComesBack() {
        own.put(PARTITION, new OffsetAndMetadata(3, "fit=default since=1"));
        groups.at("r1", PARTITION, 3, "").at("r1,r2", PARTITION, 9, "").at("r2", PARTITION, 20, "");
        RetainedQuestions retained = assigned(runs("r1"));
        assertThat(retained.isLeft(PARTITION, 8, "r1")).isTrue();
        assertThat(retained.isLeft(PARTITION, 8, null)).isTrue();
        assertThat(retained.isLeft(PARTITION, 9, "r1")).isFalse();
        assertThat(retained.isLeft(PARTITION, 9, null))
                .as("a backlog of its own")
                .isFalse();
    }

    @Test
    void shouldAnswerAgainWithAnotherFit() {
        groups.at("r1", PARTITION, 6, "fit=default since=0").at("r1,r9-x", PARTITION, 9, "fit=x since=0");
        RetainedQuestions other = assigned(runs("r1").withFit("by-labels"));
        assertThat(other.isLeft(PARTITION, 5, "r1")).isFalse();
        RetainedQuestions same = assigned(runs("r1", "r3"));
        assertThat(same.isLeft(PARTITION, 8, "r1")).as("r9-x is of fit x").isFalse();
        assertThat(same.isLeft(PARTITION, 5, "r1")).isTrue();
    }

    @Test
    void shouldKeepWhereItBeganInItsCommits() {
        groups.since(7);
        RetainedQuestions first = assigned(runs("r2"));
        Map<TopicPartition, OffsetAndMetadata> marked = first.marked(Map.of(PARTITION, new OffsetAndMetadata(3)));
        assertThat(marked.get(PARTITION).offset()).isEqualTo(3);
        own.putAll(marked);
        groups.since(1000);
        RetainedQuestions next = assigned(runs("r2"));
        assertThat(next.isLeft(PARTITION, 6, null)).isTrue();
        assertThat(next.isLeft(PARTITION, 7, null)).isFalse();
    }

    /** Where a question comes first, after a restart, it is the group's all the same. */
    @Test
    void shouldKeepWhereItBeganThoughItHasAnsweredNothing() {
        groups.since(7);
        assigned(runs("r2"));
        assertThat(own.get(PARTITION)).isEqualTo(new OffsetAndMetadata(0, "fit=default since=7"));
        groups.since(1000);
        RetainedQuestions next = assigned(runs("r2"));
        assertThat(next.isLeft(PARTITION, 6, null)).isTrue();
        assertThat(next.isLeft(PARTITION, 7, null)).isFalse();
    }

    @Test
    void shouldKeepWhereItBeginsWhileItWaitsForItsPosterior() {
        groups.since(7);
        retained(runs("r2")).begin();
        assertThat(groups.begun()).isEqualTo(Map.of(PARTITION, new OffsetAndMetadata(0, "fit=default since=7")));
        groups.begun().clear();
        groups.since(1000).at("r2", PARTITION, 0, "fit=default since=7");
        retained(runs("r2")).begin();
        assertThat(groups.begun()).as("it has begun").isEmpty();
    }

    @Test
    void shouldTakeNoQuestionUntilTheBrokerHasSaidWhichOnesAreLeft() {
        groups.since(7).down(true);
        RetainedQuestions retained = retained(runs("r2"));
        retained.assigned(List.of(PARTITION));
        assertThatThrownBy(() -> retained.place(Set.of(PARTITION))).isInstanceOf(TimeoutException.class);
        assertThat(retained.pending()).containsExactly(PARTITION);
        groups.down(false);
        retained.place(Set.of(PARTITION));
        assertThat(retained.pending()).isEmpty();
        assertThat(retained.isLeft(PARTITION, 6, null)).isTrue();
    }

    @Test
    void shouldLeaveAPartitionPendingWhereARebalanceRefusesItsCommit() {
        groups.since(7);
        RetainedQuestions retained = new RetainedQuestions(
                runs("r2"),
                groups,
                partitions -> own,
                offsets -> {
                    throw new CommitFailedException();
                },
                1_000_000);
        retained.assigned(List.of(PARTITION));
        retained.place(Set.of(PARTITION));
        assertThat(retained.pending()).containsExactly(PARTITION);
        retained.place(Set.of());
        assertThat(retained.pending()).as("it went to another").isEmpty();
    }
}
