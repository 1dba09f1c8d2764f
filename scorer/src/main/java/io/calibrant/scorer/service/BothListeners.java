package io.calibrant.scorer.service;

import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.avro.Posterior;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;

/** Tells two listeners everything, one after the other. */
record BothListeners(ScorerListener first, ScorerListener second) implements ScorerListener {
    @Override
    public void waiting(String reason) {
        first.waiting(reason);
        second.waiting(reason);
    }

    @Override
    public void serving(Posterior posterior) {
        first.serving(posterior);
        second.serving(posterior);
    }

    @Override
    public void deadLetter(String topic, DeadLetterReason reason) {
        first.deadLetter(topic, reason);
        second.deadLetter(topic, reason);
    }

    @Override
    public void unavailable(String problem) {
        first.unavailable(problem);
        second.unavailable(problem);
    }

    @Override
    public void opened(Consumer<?, ?> questions) {
        first.opened(questions);
        second.opened(questions);
    }

    @Override
    public void opened(Producer<?, ?> answers) {
        first.opened(answers);
        second.opened(answers);
    }

    @Override
    public void closing() {
        first.closing();
        second.closing();
    }

    @Override
    public void polled(LongSupplier waiting) {
        first.polled(waiting);
        second.polled(waiting);
    }

    @Override
    public void took(Stage stage, long nanos) {
        first.took(stage, nanos);
        second.took(stage, nanos);
    }

    @Override
    public void committed(Committed poll) {
        first.committed(poll);
        second.committed(poll);
    }

    @Override
    public void measured(String run, int bytes) {
        first.measured(run, bytes);
        second.measured(run, bytes);
    }
}
