package io.calibrant.testing;

import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/** Who shares the work of a consumer group. */
public final class GroupMembers {
    private GroupMembers() {}

    /** Waits until the group is stable with so many members, each with its part. */
    public static void awaitStable(Admin admin, String group, int count, Duration patience) {
        await(count + " members of " + group).atMost(patience).until(() -> {
            ConsumerGroupDescription description;
            try {
                description = admin.describeConsumerGroups(List.of(group))
                        .describedGroups()
                        .get(group)
                        .get();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof GroupIdNotFoundException) {
                    return false;
                }
                throw e;
            }
            Collection<MemberDescription> members = description.members();
            return description.groupState() == GroupState.STABLE
                    && members.size() == count
                    && members.stream()
                            .noneMatch(member ->
                                    member.assignment().topicPartitions().isEmpty());
        });
    }
}
