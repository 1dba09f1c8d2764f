package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.Test;

class TopicWatchTest {
    private final Map<String, Uuid> there = new HashMap<>();
    private boolean answering = true;
    private int partitions = 1;
    private long now;
    private final TopicWatch watch =
            new TopicWatch(this::describe, () -> {}, List.of("questions", "answers"), "score", () -> now);

    TopicWatchTest() {
        create("questions");
        create("answers");
        look();
    }

    @Test
    void shouldSayNothingWhileTheTopicsAreTheSame() {
        assertThatCode(this::look).doesNotThrowAnyException();
    }

    @Test
    void shouldNameATopicThatWasDeleted() {
        there.remove("questions");
        assertThatCode(this::look).as("a broker may once not know it").doesNotThrowAnyException();
        assertThatThrownBy(this::look)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("topic questions was deleted under a running 'calibrant score': create with 'calibrant"
                        + " topics --apply', then start it again");
    }

    @Test
    void shouldNameATopicThatWasCreatedAnew() {
        create("answers");
        assertThatThrownBy(this::look)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("topic answers was deleted and created anew under a running 'calibrant score'");
    }

    @Test
    void shouldNameATopicThatHasMorePartitionsThanBefore() {
        partitions = 2;
        assertThatThrownBy(this::look)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("topic answers had 1 partitions and has 2")
                .hasMessageEndingWith(": a running 'calibrant score' does not read the new ones; start it again");
    }

    @Test
    void shouldBearABrokerThatDoesNotAnswer() {
        answering = false;
        assertThatCode(this::look).doesNotThrowAnyException();
        assertThatCode(this::look).doesNotThrowAnyException();
        answering = true;
        assertThatCode(this::look).doesNotThrowAnyException();
    }

    private void create(String topic) {
        there.put(topic, Uuid.randomUuid());
    }

    private Map<String, KafkaFuture<TopicDescription>> describe(List<String> topics) {
        Map<String, KafkaFuture<TopicDescription>> answer = new HashMap<>();
        for (String topic : topics) {
            KafkaFutureImpl<TopicDescription> future = new KafkaFutureImpl<>();
            if (!answering) {
                future.completeExceptionally(new TimeoutException("no broker"));
            } else if (there.containsKey(topic)) {
                future.complete(new TopicDescription(
                        topic,
                        false,
                        Collections.nCopies(partitions, new TopicPartitionInfo(0, null, List.of(), List.of())),
                        Set.of(),
                        there.get(topic)));
            } else {
                future.completeExceptionally(new UnknownTopicOrPartitionException("no " + topic));
            }
            answer.put(topic, future);
        }
        return answer;
    }

    /** Asks, and looks at the answer. */
    private void look() {
        now += Duration.ofSeconds(3).toNanos();
        watch.check();
        watch.check();
    }
}
