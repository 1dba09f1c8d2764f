package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.AnswerPrinter;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "answers",
        description = {
            "Prints answers as they come, without end unless --count or --timeout set one, or until nobody reads"
                    + " them any more.",
            "Only committed answers, each once; exit code 1 if fewer than --count came within --timeout."
        },
        footer = {
            "  calibrant answers --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant answers --from-beginning --count 100 --timeout 300 --json > answers.jsonl"
        })
final class AnswersCommand implements Callable<Integer> {
    private static final Duration POLL = Duration.ofMillis(200);

    @Spec
    private CommandSpec spec;

    @Option(names = "--from-beginning", description = "Also the answers that are there. Default: those from now on.")
    private boolean fromBeginning;

    @Option(names = "--count", paramLabel = "N", description = "Stop after N answers.")
    private Long count;

    @Option(names = "--timeout", paramLabel = "SECONDS", description = "Stop after this time, however many came.")
    private Double timeout;

    @Option(
            names = "--with-validation",
            description = "Also the answers to validation questions (train and validate ask these).")
    private boolean withValidation;

    @Option(names = "--json", description = "One object an answer.")
    private boolean json;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        Usage.check(spec, () -> {
            Require.that(count == null || count >= 1, "--count", count, "1 or more");
            Require.that(timeout == null || timeout >= 0, "--timeout", timeout, "0 seconds or more");
        });
        long start = System.nanoTime();
        Connection connection = connectionOptions.reachable();
        Output output = new Output(spec);
        AtomicBoolean interrupted = new AtomicBoolean();
        AnswerPrinter printer = new AnswerPrinter(output, json);
        long[] printed = new long[1];
        TopicReading reading = TopicReading.of(connection)
                .records(connection.topics().answers(), Answer.class, record -> {
                    Answer answer = record.value();
                    boolean enough = count != null && printed[0] == count;
                    if (answer != null
                            && !enough
                            && !output.broken()
                            && (answer.getPurpose() == Purpose.ANSWER
                                    || (withValidation && answer.getPurpose() == Purpose.VALIDATION))) {
                        printer.print(answer);
                        printed[0]++;
                    }
                })
                .badRecords(output::note)
                .throughOutages(output::note);
        try (TopicReader reader = (fromBeginning ? reading : reading.fromNow()).follow()) {
            CountDownLatch ended = new CountDownLatch(1);
            AutoCloseable stop = () -> {
                interrupted.set(true);
                ended.await();
            };
            UntilInterrupted.Body body = () -> {
                try {
                    return read(reader, printed, output, start, interrupted);
                } finally {
                    ended.countDown();
                }
            };
            return count == null
                    ? UntilInterrupted.run(stop, body)
                    : UntilInterrupted.job(
                            stop,
                            body,
                            () -> printed[0] == count
                                    ? Optional.empty()
                                    : Optional.of("interrupted after " + printed[0] + " of " + count + " answers"),
                            line -> output.note(spec.qualifiedName() + ": " + line));
        }
    }

    private int read(TopicReader reader, long[] printed, Output output, long start, AtomicBoolean interrupted) {
        while (!interrupted.get() && !output.broken()) {
            reader.poll(POLL);
            if (count != null && printed[0] == count) {
                return ExitCode.OK;
            }
            boolean late = timeout != null && System.nanoTime() - start > timeout * 1e9;
            // Records from before the start are read even where the timeout is shorter than one poll.
            if (late && (!fromBeginning || reader.hasReachedTheEnd())) {
                break;
            }
        }
        if (count != null && !interrupted.get() && !output.broken()) {
            output.note(spec.qualifiedName() + ": " + printed[0] + " of " + count + " answers came within " + timeout
                    + " s");
            return ExitCode.SOFTWARE;
        }
        return ExitCode.OK;
    }
}
