package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.util.function.Consumer;

/** Who is away at present; says so once, and once when it is back. Not thread-safe. */
final class Outages {
    private final Connection connection;
    private final Consumer<String> lines;
    private String broker = "";
    private String registry = "";

    /** @param lines null: outages are not waited for, and not spoken of */
    Outages(Connection connection, Consumer<String> lines) {
        this.connection = connection;
        this.lines = lines;
    }

    boolean areWaitedFor() {
        return lines != null;
    }

    void brokerAway() {
        if (broker.isEmpty()) {
            broker = "Kafka at " + connection.bootstrapServers() + " does not answer";
            say(broker + "; waiting for it");
        }
    }

    void brokerBack() {
        if (!broker.isEmpty()) {
            broker = "";
            say("Kafka at " + connection.bootstrapServers() + " answers again");
        }
    }

    boolean isBrokerAway() {
        return !broker.isEmpty();
    }

    void registryAway(String problem) {
        if (registry.isEmpty()) {
            say(problem + "; waiting for it");
        }
        registry = problem;
    }

    void registryBack() {
        if (!registry.isEmpty()) {
            registry = "";
            say("registry " + connection.shownRegistry() + " answers again");
        }
    }

    private void say(String line) {
        if (lines != null) {
            lines.accept(line);
        }
    }

    /** In one line; empty while all is well. */
    String problem() {
        return broker.isEmpty() ? registry : broker;
    }
}
