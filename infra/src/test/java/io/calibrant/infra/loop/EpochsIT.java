package io.calibrant.infra.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.testing.SharedCluster;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.CurvatureSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.RowType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A trainer that goes through its questions several times, and what a fitter makes of it. */
class EpochsIT {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");

    @TempDir
    private static Path directory;

    private final Connection connection = SharedCluster.connection("epochs");

    @BeforeAll
    static void requireGolden() {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: trainer not run through the broker");
    }

    /** Else every epoch would count every question again. */
    @Test
    void shouldGiveThePosteriorOfOneEpochAfterThreeAtALearningRateOfZero() throws IOException {
        TopicAdmin.createMissing(connection);
        StreamingSettings streaming = new StreamingSettings(1, OptionalDouble.empty(), 1, RowType.F32, 64_000_000);
        Trainer.run(settings("one", 3, 0, 0, streaming, 0), connection, event -> {});
        Trainer.run(settings("three", 9, 0, 0, streaming, 0), connection, event -> {});

        FitterSettings fitting = FitterSettings.defaults().withStateDir(directory.resolve("state"));
        try (Fitter fitter = new Fitter(connection, fitting, posterior -> {})) {
            fitter.start();
            await().atMost(120, TimeUnit.SECONDS)
                    .until(() ->
                            posterior("one").filter(p -> p.getBatches() == 3).isPresent()
                                    && posterior("three")
                                            .filter(p -> p.getBatches() == 9)
                                            .isPresent());
        }

        Posterior one = posterior("one").orElseThrow();
        Posterior three = posterior("three").orElseThrow();
        System.out.printf(
                "lambda of one epoch %s, of three %s; log evidence %.6f, %.6f%n",
                lambdas(one).values(), lambdas(three).values(), one.getLogEvidence(), three.getLogEvidence());
        assertThat(one.getState()).isEqualTo(PosteriorState.LIVE);
        Map<String, Double> lambdas = lambdas(three);
        assertThat(lambdas).hasSize(14);
        lambdas(one)
                .forEach((block, lambda) ->
                        assertThat(lambdas.get(block)).as(block).isCloseTo(lambda, within(1e-5 * lambda)));
        assertThat(three.getLogLikelihood()).isCloseTo(one.getLogLikelihood(), within(1e-4));
        assertThat(three.getLogEvidence()).isCloseTo(one.getLogEvidence(), within(1e-3));
        assertThat(three.getEffectiveParameters())
                .isCloseTo(one.getEffectiveParameters(), within(1e-5 * one.getEffectiveParameters()));
    }

    private static Map<String, Double> lambdas(Posterior posterior) {
        Map<String, Double> lambdas = new HashMap<>();
        posterior.getBlocks().forEach(block -> lambdas.put(block.getBlock(), block.getLambda()));
        return lambdas;
    }

    private Optional<Posterior> posterior(String run) {
        return Optional.ofNullable(
                TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, line -> {})
                        .get(Keys.fit(run, Checkpoint.LIVE, "default")));
    }

    /** @param rank 0 for all */
    private static TrainerSettings settings(
            String run, int steps, double rate, int rank, StreamingSettings streaming, int checkpointEvery)
            throws IOException {
        List<String> lines = Files.readAllLines(GOLDEN.resolve("data_mcq").resolve("train.jsonl"));
        return TrainerSettings.of(
                        run,
                        GOLDEN.resolve("model"),
                        Files.write(directory.resolve("questions.jsonl"), lines.subList(0, 12)))
                .withAdapter(AdapterSettings.DEFAULT.withFrom(GOLDEN.resolve("adapter_mcq")))
                .withOptimisation(new OptimisationSettings(steps, 4, rate))
                .withCurvature(CurvatureSettings.DEFAULT
                        .withRank(rank == 0 ? Optional.empty() : Optional.of(rank))
                        .withCheckpointEvery(checkpointEvery))
                .withStreaming(streaming)
                .withExecution(ExecutionSettings.DEFAULT.creatingTopics());
    }
}
