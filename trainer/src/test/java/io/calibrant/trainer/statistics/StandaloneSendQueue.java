package io.calibrant.trainer.statistics;

import java.util.Optional;

/** Send queues without a broker: what goes through them is the test's. */
public final class StandaloneSendQueue {
    private StandaloneSendQueue() {}

    /** One that is never full. */
    public static SendQueue open() {
        SendQueue.Receiver nobody = new SendQueue.Receiver() {
            @Override
            public String address() {
                return "nobody";
            }

            @Override
            public Optional<String> trouble() {
                return Optional.empty();
            }

            @Override
            public void giveUp() {}
        };
        return new SendQueue(Long.MAX_VALUE, nobody, () -> false, line -> {});
    }
}
