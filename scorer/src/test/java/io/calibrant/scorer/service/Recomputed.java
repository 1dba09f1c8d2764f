package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.Run;
import io.calibrant.scorer.TinyRun;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.SpecialTokens;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What one posterior says of questions, computed from the records of its run without the service. */
final class Recomputed {
    private static final double TOLERANCE = 1e-5;

    private Recomputed() {}

    /** Mean, covariance and novelty, in the order of the questions. */
    static List<Predictive> predictives(
            Path model, LanguageModel llama, TinyRun run, Posterior posterior, List<Question> asked) {
        List<io.calibrant.trainer.prompts.Question> questions = new ArrayList<>();
        for (Question each : asked) {
            questions.add(new io.calibrant.trainer.prompts.Question(
                    "q",
                    each.getStem(),
                    each.getContext(),
                    each.getChoices().stream()
                            .map(choice -> new Choice(choice.getLabel(), choice.getText()))
                            .toList(),
                    null));
        }
        try (PromptTokenizer tokenizer = PromptTokenizer.load(model)) {
            PromptEncoder encoder =
                    PromptEncoder.paper(tokenizer, SpecialTokens.read(model).eos());
            ClassTokens tokens = ClassTokens.of(encoder.encode(questions));
            try (AdaptedModel adapted = new AdaptedModel(llama, adapter(llama, run, tokens.ids()));
                    Predictor predictor = new Predictor(adapted, blocks(run, posterior))) {
                List<Predictive> predictives = new ArrayList<>();
                for (io.calibrant.trainer.prompts.Question question : questions) {
                    EncodedPrompt prompt = tokens.place(encoder.encode(question));
                    predictives.addAll(predictor.predict(List.of(prompt)));
                }
                return predictives;
            }
        }
    }

    private static Adapter adapter(LanguageModel llama, TinyRun of, int[] tokens) {
        Run run = of.run("");
        Map<String, AdapterBlock> blocks = of.adapter();
        List<LoraMatrices> matrices = new ArrayList<>();
        for (LinearShape linear : llama.config().linears()) {
            if (run.getLoraTargets().contains(linear.path())) {
                matrices.add(new LoraMatrices(
                        linear,
                        run.getLoraRank(),
                        Tensors.floats(blocks.get(linear.path() + ".lora_A").getWeight()),
                        Tensors.floats(blocks.get(linear.path() + ".lora_B").getWeight())));
            }
        }
        LoraSettings settings = new LoraSettings(
                run.getLoraRank(), run.getLoraAlpha(), 0, false, new LoraTargets(run.getLoraTargets(), ""));
        return Adapter.of(llama.config(), settings, tokens, matrices);
    }

    private static List<BlockPosterior> blocks(TinyRun run, Posterior posterior) {
        return run.factors().values().stream()
                .map(factor -> FactorRecords.posterior(factor, posterior))
                .toList();
    }

    /** An answer is what was computed, with so many points of the link. */
    static void assertSame(Answer answer, Posterior posterior, Predictive expected, int points) {
        double[] mean = expected.mean();
        double[][] covariance = expected.covariance();
        double[] probabilities = posterior.getTemperature() == null
                ? new Link(LinkFunction.MC, points, 0).predict(mean, covariance).probabilities()
                : TemperatureScaling.probabilities(Arrays.copyOf(mean, mean.length + 1), posterior.getTemperature());
        for (int c = 0; c < mean.length; c++) {
            assertThat(answer.getContrastMean().get(c)).isEqualTo(mean[c], within(TOLERANCE * (1 + Math.abs(mean[c]))));
            for (int e = 0; e < mean.length; e++) {
                double scale = Math.sqrt(covariance[c][c] * covariance[e][e]);
                assertThat(answer.getContrastCovariance().get(c).get(e))
                        .isEqualTo(covariance[c][e], within(TOLERANCE * (1 + scale)));
            }
        }
        assertThat(answer.getProbabilities().stream()
                        .mapToDouble(Double::doubleValue)
                        .toArray())
                .containsExactly(probabilities, within(TOLERANCE));
        assertThat(answer.getProbabilities().stream()
                        .mapToDouble(Double::doubleValue)
                        .sum())
                .isEqualTo(1, within(1e-6));
        assertThat(answer.getNovelty()).isEqualTo(expected.novelty(), within(TOLERANCE));
    }
}
