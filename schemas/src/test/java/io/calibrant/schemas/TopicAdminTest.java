package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.Test;

/** What is asked of a cluster before topics are created, with clusters that refuse. */
class TopicAdminTest {
    private static final List<TopicDefinition> DEFINITIONS = new Topics("t.").definitions();

    /** A cluster that is only asked; a topic is refused with what this gives, unless that is null. */
    private static TopicAdmin cluster(Function<NewTopic, KafkaException> refusal) {
        Admin admin = (Admin) Proxy.newProxyInstance(
                TopicAdminTest.class.getClassLoader(), new Class<?>[] {Admin.class}, (proxy, method, arguments) -> {
                    assertThat(method.getName()).isEqualTo("createTopics");
                    assertThat(((CreateTopicsOptions) arguments[1]).shouldValidateOnly())
                            .isTrue();
                    Map<String, KafkaFuture<CreateTopicsResult.TopicMetadataAndConfig>> answers = new HashMap<>();
                    for (Object each : (Collection<?>) arguments[0]) {
                        NewTopic topic = (NewTopic) each;
                        KafkaFutureImpl<CreateTopicsResult.TopicMetadataAndConfig> answer = new KafkaFutureImpl<>();
                        KafkaException failure = refusal.apply(topic);
                        if (failure == null) {
                            answer.complete(null);
                        } else {
                            answer.completeExceptionally(failure);
                        }
                        answers.put(topic.name(), answer);
                    }
                    return new Answers(answers);
                });
        return new TopicAdmin(admin);
    }

    /** Its constructor is for subclasses. */
    private static final class Answers extends CreateTopicsResult {
        Answers(Map<String, KafkaFuture<TopicMetadataAndConfig>> futures) {
            super(futures);
        }
    }

    private static TopicAdmin cappedAt(long bytes) {
        return cluster(topic -> Long.parseLong(topic.configs().getOrDefault("max.message.bytes", "0")) > bytes
                ? new PolicyViolationException("max.message.bytes is above the limit of " + bytes)
                : null);
    }

    private static Map<String, Optional<Long>> limits(List<TopicDefinition> definitions) {
        Map<String, Optional<Long>> limits = new HashMap<>();
        definitions.forEach(each -> limits.put(each.name(), each.maxRecordBytes()));
        return limits;
    }

    @Test
    void shouldTakeWhatAManagedClusterAllows() {
        assertThat(cappedAt(Long.MAX_VALUE).creatable(DEFINITIONS)).isEqualTo(DEFINITIONS);
        List<TopicDefinition> eight = cappedAt(8_388_608).creatable(DEFINITIONS);
        assertThat(limits(eight))
                .containsEntry("t.statistics", Optional.of(8_388_608L))
                .containsEntry("t.questions", Optional.empty());
        assertThat(TopicAdmin.limits(DEFINITIONS, eight))
                .singleElement()
                .asString()
                .contains("max.message.bytes=67108864", "at most 8388608 bytes go to", "t.statistics", "--rank");
        // Kafka's default is not a power of two.
        assertThat(limits(cappedAt(1_048_588).creatable(DEFINITIONS)))
                .containsEntry("t.factors", Optional.of(1_048_576L));
        assertThat(limits(cappedAt(1_000_000).creatable(DEFINITIONS)))
                .as("the cluster's own default")
                .containsEntry("t.factors", Optional.empty());
    }

    @Test
    void shouldTellATopicThatTakesLessThanTheClusterAllows() {
        TopicDefinition statistics = DEFINITIONS.stream()
                .filter(each -> each.name().equals("t.statistics"))
                .findFirst()
                .orElseThrow();
        Map<String, String> one = Map.of("max.message.bytes", "1048588", "retention.ms", "1000");
        Map<String, String> eight = Map.of("max.message.bytes", "8388608", "retention.ms", "1000");
        TopicDifference small = new TopicDifference(statistics, 4, 1, 1, one);
        assertThat(TopicAdmin.withinLimit(small, refusedAbove(8_388_608)).changes())
                .isEqualTo("max.message.bytes from 1048588 to 8388608, retention.ms from 1000 to 7776000000");
        assertThat(TopicAdmin.withinLimit(small, refusedAbove(Long.MAX_VALUE))).isEqualTo(small);
        for (TopicDifference largest : List.of(
                TopicAdmin.withinLimit(new TopicDifference(statistics, 4, 1, 1, eight), refusedAbove(8_388_608)),
                TopicAdmin.withinLimit(small, refusedAbove(1_048_588)),
                TopicAdmin.withinLimit(small, refusedAbove(1)))) {
            assertThat(largest.configs()).containsOnlyKeys("retention.ms");
        }
    }

    private static Predicate<TopicDefinition> refusedAbove(long bytes) {
        return definition -> definition.maxRecordBytes().orElseThrow() > bytes;
    }

    @Test
    void shouldNameTheTopicThatIsRefused() {
        TopicAdmin strict = cluster(topic ->
                topic.name().equals("t.labels") ? new PolicyViolationException("three partitions at most") : null);
        assertThatThrownBy(() -> strict.creatable(DEFINITIONS))
                .hasMessage("topic t.labels cannot be created, and none was: three partitions at most");
        TopicAdmin closed = cluster(topic -> new TopicAuthorizationException("Authorization failed."));
        assertThatThrownBy(() -> closed.creatable(DEFINITIONS))
                .isInstanceOf(AccessDeniedException.class)
                .hasMessage("CREATE on topic t.runs not allowed");
    }
}
