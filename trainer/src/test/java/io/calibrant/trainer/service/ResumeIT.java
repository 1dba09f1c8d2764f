package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.TopicEnds;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.StateSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.Publisher;
import io.calibrant.trainer.statistics.RunDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

/** A trainer that is stopped, resumes by the same settings, and finds itself done. */
class ResumeIT extends GoldenTraining {
    private static final int QUESTIONS = 32;
    private static final String RUN = "r";

    /** Half a record would overlap with the whole one that the next process sends. */
    @Test
    void shouldGoOnWhereItWasStoppedByHandAndFindItselfDoneAfterTheEnd() throws Exception {
        TrainerSettings settings = stopped(directory.resolve("by-hand"));
        List<String> lines = new ArrayList<>();
        for (int step : new int[] {4, 5}) { // between two records, and in the middle of one
            Trainer[] self = new Trainer[1];
            try (Trainer trainer = new Trainer(settings, connection, new Lines(lines, event -> {
                if (event.phase() == ProgressListener.Phase.FINE_TUNING && event.done() == step) {
                    self[0].close();
                }
            }))) {
                self[0] = trainer;
                assertThat(trainer.run()).isFalse();
            }
        }

        Trainer.run(settings, connection, new Lines(lines, event -> {}));
        List<Long> ends = TopicEnds.of(connection);
        Files.delete(settings.adapter().output().orElseThrow().resolve("adapter_model.safetensors"));
        Trainer.run(settings, connection, new Lines(lines, event -> {}));

        Path state = directory.resolve("by-hand").resolve("r-0-of-1.safetensors");
        assertThat(lines)
                .containsExactly(
                        "no state of run 'r' in " + state + " yet: starting at step 0",
                        "resuming run 'r' at step 4 of 7 (state " + state + ")",
                        "resuming run 'r' at step 4 of 7 (state " + state + ")",
                        "run 'r' is complete, nothing is left to do: remove " + state + " to start it over");
        assertThat(TopicEnds.of(connection))
                .as("a run that is done sends nothing")
                .isEqualTo(ends);
        assertThat(settings.adapter().output().orElseThrow().resolve("adapter_model.safetensors"))
                .exists();
        assertThat(statistics(connection).stream()
                        .map(ConsumerRecord::value)
                        .filter(each -> each.getCheckpoint().equals(Checkpoint.LIVE))
                        .map(each -> each.getBatch() + "+" + each.getBatches())
                        .collect(Collectors.toSet()))
                .containsExactlyInAnyOrder("0+2", "2+2", "4+2", "6+1");

        List<Long> before = TopicEnds.of(connection);
        assertThatThrownBy(() -> Trainer.run(
                        settings.withOptimisation(new OptimisationSettings(7, 4, 1e-4))
                                .withExecution(settings.execution().replacingTheRun()),
                        connection,
                        event -> {}))
                .hasMessageStartingWith("--state-dir: " + state + ": is of other settings: ");
        assertThat(TopicEnds.of(connection))
                .as("what is refused has deleted nothing")
                .isEqualTo(before);

        Connection anew = connection();
        assertThatThrownBy(() -> Trainer.run(settings, anew, event -> {}))
                .hasMessageStartingWith("--state-dir: " + state + ": is of other settings: statisticsTopic is "
                        + connection.topics().statistics() + " ")
                .hasMessageEndingWith("; remove this file to start the run over");
        assertThat(TopicEnds.of(anew)).as("nothing is sent").allMatch(end -> end == 0);
    }

    /** Batches that it has sent are without inputs: with them no fold of an input would ever be complete. */
    @Test
    void shouldGoOnWithARunFromBeforeInputsWithoutThem() throws IOException {
        TrainerSettings settings =
                stopped(directory.resolve("before")).withOptimisation(new OptimisationSettings(1, 4, 1e-3));
        ModelConfig config = ModelConfig.read(settings.model());
        TrainingSet set = TrainingSet.read(settings, config, note -> {});
        Adapter initial = Adapter.initialise(
                config, settings.adapter().lora(), set.classTokens().ids(), settings.seed());
        RunDescription before = RunDescriptions.describe(settings, initial, set).withInputs(0, 0);
        TopicAdmin.createMissing(connection);
        try (Publisher publisher = Publisher.open(
                connection,
                before,
                settings.curvature().shard().toString(),
                settings.streaming().rowType())) {
            publisher.run();
        }
        List<String> lines = new ArrayList<>();

        Trainer.run(settings, connection, new Lines(lines, event -> {}));

        assertThat(lines)
                .contains("run 'r' was begun before familiarity: it goes on without, and its answers have none");
        assertThat(statistics(connection))
                .isNotEmpty()
                .noneMatch(record -> record.key().contains("last_input"));
        assertThat(CommittedRecords.of(connection, connection.topics().runs(), Run.class))
                .hasSizeGreaterThan(1)
                .allSatisfy(run -> assertThat(run.value().getInputs()).isEmpty());
    }

    private static TrainerSettings stopped(Path states) throws IOException {
        return TrainerSettings.of(RUN, GOLDEN.resolve("model"), questions())
                .withQuestions(QuestionSettings.of(questions()).withValidation(ValidationSource.heldOut(0.2)))
                .withAdapter(AdapterSettings.DEFAULT
                        .withTargets(LoraTargets.parse("q_proj,v_proj"))
                        .withOutput(states.resolve("adapter")))
                .withOptimisation(new OptimisationSettings(7, 4, 1e-3))
                .withStreaming(StreamingSettings.DEFAULT.withBatchesPerRecord(2))
                .withExecution(ExecutionSettings.DEFAULT
                        .creatingTopics()
                        .withState(new StateSettings(states, Duration.ofHours(1))));
    }

    private record Lines(List<String> lines, Consumer<ProgressListener.Event> events) implements ProgressListener {
        @Override
        public void progressed(Event event) {
            events.accept(event);
        }

        @Override
        public void warned(String line) {
            lines.add(line);
        }
    }

    private static List<ConsumerRecord<String, Statistics>> statistics(Connection connection) {
        return CommittedRecords.of(connection, connection.topics().statistics(), Statistics.class);
    }

    private static Path questions() throws IOException {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("data_mcq").resolve("train.jsonl"));
        return Files.write(directory.resolve("questions.jsonl"), lines.subList(0, QUESTIONS));
    }
}
