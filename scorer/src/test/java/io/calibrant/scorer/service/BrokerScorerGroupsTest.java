package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class BrokerScorerGroupsTest {
    private static final TopicPartition PARTITION = new TopicPartition("calibrant.questions", 0);

    @Test
    void shouldBeginWithAQuestionThatComesBetweenItsTwoLooksAtTheTopic() throws Exception {
        List<Long> times = new ArrayList<>(List.of(100L, 200L));
        BrokerScorerGroups.Offsets growing = spec -> {
            Map<TopicPartition, Long> found = Map.of(PARTITION, offset(times, spec, 900));
            times.add(1000L);
            return found;
        };

        assertThat(BrokerScorerGroups.since(growing, 900)).containsExactly(Map.entry(PARTITION, 2L));
    }

    @Test
    void shouldBeginAtTheEndOfATopicOfWhichEveryQuestionIsOlder() throws Exception {
        List<Long> times = List.of(100L, 200L);

        assertThat(BrokerScorerGroups.since(spec -> Map.of(PARTITION, offset(times, spec, 900)), 900))
                .containsExactly(Map.entry(PARTITION, 2L));
        assertThat(BrokerScorerGroups.since(spec -> Map.of(PARTITION, offset(times, spec, 150)), 150))
                .containsExactly(Map.entry(PARTITION, 1L));
    }

    /** As a broker says it: -1 where no record is of that time or later. */
    private static long offset(List<Long> times, OffsetSpec spec, long from) {
        if (spec instanceof OffsetSpec.LatestSpec) {
            return times.size();
        }
        for (int i = 0; i < times.size(); i++) {
            if (times.get(i) >= from) {
                return i;
            }
        }
        return -1;
    }
}
