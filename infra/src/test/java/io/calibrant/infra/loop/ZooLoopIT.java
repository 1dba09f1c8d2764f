package io.calibrant.infra.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.infra.zoo.ZooMember;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.testing.SharedCluster;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.CurvatureSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Adapters of the zoo through the topics: curvature pass, fit, answers. MAP stays what Python computes. */
class ZooLoopIT {
    private static Connection connection;
    private static Fitter fitter;

    @TempDir
    private static Path state;

    @TempDir
    private Path directory;

    @BeforeAll
    static void start() {
        assumeTrue(Files.isDirectory(ZooMember.ZOO), ZooMember.ZOO + " is not here: nothing compared with Python");
        connection = SharedCluster.connection("zoo");
        TopicAdmin.createMissing(connection);
        fitter = Services.fitter(connection, state).service();
    }

    @AfterAll
    static void stop() {
        if (fitter != null) {
            fitter.close();
        }
    }

    static Stream<ZooMember> members() {
        return Stream.of(ZooMember.adapted("gemma2"), ZooMember.adapted("phi3"), ZooMember.form("dora"));
    }

    @ParameterizedTest
    @MethodSource("members")
    void shouldAnswerWithTheProbabilitiesOfPython(ZooMember member) throws IOException {
        String run = member.name().replace('/', '-');
        Path model = member.modelDirectory(directory);
        try (Services services = Services.start(connection, run, model, 256)) {
            services.train(TrainerSettings.of(run, model, ZooMember.questions())
                    .withAdapter(AdapterSettings.DEFAULT.withFrom(ZooMember.ZOO.resolve(member.adapter())))
                    .withOptimisation(new OptimisationSettings(0, 4, 5e-5))
                    .withCurvature(CurvatureSettings.DEFAULT)
                    .withExecution(ExecutionSettings.DEFAULT.creatingTopics()));
            double[][] probabilities = member.probabilities();
            List<Question> questions = QuestionFile.read(ZooMember.questions()).subList(0, probabilities.length);

            Map<String, Answer> answers = services.ask(questions);

            for (int q = 0; q < probabilities.length; q++) {
                Answer answer = answers.get(questions.get(q).id());
                assertThat(answer.getMapProbabilities().stream()
                                .mapToDouble(Double::doubleValue)
                                .toArray())
                        .containsExactly(probabilities[q], within(1e-4));
                assertThat(answer.getProbabilities()).isNotEqualTo(answer.getMapProbabilities());
            }
        }
    }
}
