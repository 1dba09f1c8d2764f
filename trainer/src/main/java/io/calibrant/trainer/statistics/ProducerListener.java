package io.calibrant.trainer.statistics;

import org.apache.kafka.clients.producer.Producer;

/** Hears of the producer of a {@link Publisher}, which is replaced after an outage. Called by the thread that sends. */
@FunctionalInterface
public interface ProducerListener {
    /** Nobody hears. */
    ProducerListener SILENT = producer -> {};

    /**
     * From now on this one sends; the one before it is closed.
     *
     * @param producer null: none sends any more
     */
    void opened(Producer<?, ?> producer);
}
