package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.MathThreads;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.prompts.SpecialTokens;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The independent float64 references beside the project, from question file to Kronecker sums, in float32. */
class GoldenCurvatureTest {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");
    private static final double TOLERANCE = 1e-4;
    private static final String HEAD = "lm_head.";

    private static LanguageModel llama;
    private static AdaptedModel model;
    private static SafetensorsReader inputs;
    private static SafetensorsReader kfac;
    private static SafetensorsReader supplement;
    private static List<EncodedPrompt> prompts;
    private static int[] classIds;
    private static int pad;

    @BeforeAll
    static void open() {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: reference values not compared");
        Path directory = GOLDEN.resolve("model");
        List<Question> questions = QuestionFile.read(GOLDEN.resolve("data_mcq").resolve("train.jsonl"));
        SpecialTokens special = SpecialTokens.read(directory);
        pad = special.pad();
        try (PromptTokenizer tokenizer = PromptTokenizer.load(directory)) {
            PromptEncoder encoder = PromptEncoder.paper(tokenizer, special.eos());
            ClassTokens classes = ClassTokens.of(encoder.encode(questions));
            classIds = classes.ids();
            prompts = classes.place(encoder.encode(questions));
        }
        llama = LanguageModel.load(directory, TestDevice.get());
        model = new AdaptedModel(llama, Peft.read(GOLDEN.resolve("adapter_mcq"), llama.config(), classIds));
        inputs = SafetensorsReader.open(GOLDEN.resolve("mcq_inputs.safetensors"));
        kfac = SafetensorsReader.open(GOLDEN.resolve("mcq_kfac.safetensors"));
        supplement = SafetensorsReader.open(GOLDEN.resolve("mcq_supplement.safetensors"));
    }

    @AfterAll
    static void close() {
        if (model != null) {
            supplement.close();
            kfac.close();
            inputs.close();
            model.close();
            llama.close();
        }
    }

    @Test
    void shouldEncodeAndPadTheStoredBatches() {
        assertThat(classIds).containsExactly(267, 275, 266, 283);
        for (int b = 0; b < 8; b++) {
            TokenBatch batch = TokenBatch.leftPadded(
                    prompts.subList(4 * b, 4 * b + 4).stream()
                            .map(EncodedPrompt::ids)
                            .toList(),
                    pad);
            assertThat(batch.ids()).isEqualTo(inputs.longs("train.b" + b + ".input_ids"));
            long[] mask = inputs.longs("train.b" + b + ".attention_mask");
            for (int i = 0; i < mask.length; i++) {
                assertThat(batch.isReal(i / batch.tokens(), i % batch.tokens())).isEqualTo(mask[i] == 1);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "EXPAND, EXACT", "EXPAND, MC", "EXPAND, EMPIRICAL",
        "LAST, EXACT", "LAST, MC", "LAST, EMPIRICAL",
        "REDUCE, EXACT", "REDUCE, MC", "REDUCE, EMPIRICAL"
    })
    void shouldSumUpToTheStoredFactors(KfacApproximation convention, FisherType fisher) {
        Sums sums = measure(convention, fisher, null, 32, 4);

        String name = convention.name().toLowerCase(java.util.Locale.ROOT);
        assertThat(sums.blocks).hasSize(14);
        assertThat(sums.logLikelihood).isCloseTo(-7.94643785, within(1e-4));
        for (String block : sums.blocks.keySet()) {
            // the head is evaluated at the last token only: its sums are those of LAST under every convention
            String stored = block.startsWith(HEAD) ? "last" : name;
            if (!stored.equals("reduce")) { // there the stored inputs are summed, ours are averaged: see below
                check(block + " A", sums.inputs(block), kfac.doubles(stored + ".A." + block));
            }
            check(
                    block + " S",
                    sums.gradients(block),
                    kfac.doubles(stored + ".S." + fisher.name().toLowerCase(java.util.Locale.ROOT) + "." + block));
            boolean perToken = convention == KfacApproximation.EXPAND && !block.startsWith(HEAD);
            assertThat(sums.blocks.get(block).n).isEqualTo(perToken ? 1318 : 32);
        }
    }

    /** The second moment of what attention reads at the last token, by layer, over all training questions. */
    @Test
    void shouldSumUpTheLastInputsOfEveryLayer() {
        int d = 64;
        double[][] sums = new double[3][d * d];
        double[] examples = new double[3];
        KfacEstimator estimator = new KfacEstimator(KfacApproximation.LAST, FisherType.EMPIRICAL, 2, "r", 0);
        for (int from = 0; from < 200; from += 20) {
            List<BlockStatistics> inputs = estimator
                    .measure(model, prompts.subList(from, from + 20), pad, from)
                    .inputs();
            assertThat(inputs).hasSize(3);
            for (int layer = 0; layer < 3; layer++) {
                BlockStatistics input = inputs.get(layer);
                assertThat(input.block()).isEqualTo(ModelConfig.lastInput(layer));
                assertThat(input.rows().count())
                        .as("a row an example, whatever the rank")
                        .isEqualTo(20);
                examples[layer] += input.n();
                float[] rows = input.rows().values();
                for (int row = 0; row < 20; row++) {
                    for (int i = 0; i < d * d; i++) {
                        sums[layer][i] += (double) rows[row * d + i / d] * rows[row * d + i % d];
                    }
                }
            }
        }
        assertThat(examples).containsExactly(200, 200, 200);
        try (SafetensorsReader stored = SafetensorsReader.open(GOLDEN.resolve("mcq_familiarity.safetensors"))) {
            double[] expected = stored.doubles("second_moment");
            for (int layer = 0; layer < 3; layer++) {
                check("input " + layer, sums[layer], Arrays.copyOfRange(expected, layer * d * d, (layer + 1) * d * d));
            }
        }
    }

    @Test
    void shouldReduceAs200QuestionsDo() {
        Sums sums = measure(KfacApproximation.REDUCE, FisherType.EXACT, null, 200, 4);

        SafetensorsReader last = SafetensorsReader.open(GOLDEN.resolve("mcq_fit200.safetensors"));
        for (String block : sums.blocks.keySet()) {
            String key = "reduce.A." + block;
            check(
                    block + " A",
                    sums.inputs(block),
                    block.startsWith(HEAD) ? last.doubles("last.A." + block) : supplement.doubles(key));
            check(block + " S", sums.gradients(block), supplement.doubles("reduce.S." + block));
        }
        last.close();
    }

    @Test
    void shouldNotDependOnHowQuestionsAreBatched() {
        Sums fours = measure(KfacApproximation.EXPAND, FisherType.EXACT, null, 32, 4);

        for (int size : new int[] {1, 5, 32}) {
            Sums other = measure(KfacApproximation.EXPAND, FisherType.EXACT, null, 32, size);
            assertThat(other.logLikelihood).isCloseTo(fours.logLikelihood, within(1e-4));
            for (String block : fours.blocks.keySet()) {
                assertThat(Sums.distance(other.inputs(block), fours.inputs(block)))
                        .isLessThan(1e-5);
                assertThat(Sums.distance(other.gradients(block), fours.gradients(block)))
                        .isLessThan(1e-4);
            }
        }
    }

    @Test
    void shouldKeepNearlyAllThatTheBestRowsKeep() {
        int k = 10;
        double worst = 1;
        double total = 0;
        int counted = 0;
        for (int b = 0; b < 8; b++) {
            List<EncodedPrompt> batch = prompts.subList(4 * b, 4 * b + 4);
            BatchCurvature full =
                    curvature(KfacApproximation.EXPAND, FisherType.EXACT, null).measure(model, batch, pad, b);
            BatchCurvature reduced =
                    curvature(KfacApproximation.EXPAND, FisherType.EXACT, k).measure(model, batch, pad, b);
            for (int i = 0; i < full.blocks().size(); i++) {
                FactorRows all = full.blocks().get(i).rows();
                FactorRows few = reduced.blocks().get(i).rows();
                assertThat(few.count()).isLessThanOrEqualTo(2 * k);
                assertThat(few.trace()).isCloseTo(all.trace(), within(1e-5 * all.trace()));
                assertThat(reduced.blocks().get(i).small())
                        .isEqualTo(full.blocks().get(i).small());
                double best = best(all, 2 * k);
                double captured = energy(few) / best;
                if (all.width() > 2 * k) {
                    worst = Math.min(worst, captured);
                    total += captured;
                    counted++;
                }
                assertThat(captured).as(full.blocks().get(i).block()).isBetween(0.98, 1 + 1e-5);
            }
        }
        System.out.printf(
                "reduced rows against the best %d: energy %.5f on average, %.5f at worst%n",
                2 * k, total / counted, worst);
    }

    @Test
    void shouldRepeatABatchByteForByte() {
        List<EncodedPrompt> batch = prompts.subList(0, 4);
        KfacEstimator curvature = curvature(KfacApproximation.EXPAND, FisherType.EXACT, 10);

        BatchCurvature first = curvature.measure(model, batch, pad, 3);
        BatchCurvature again = curvature.measure(model, batch, pad, 3);
        BatchCurvature otherNumber = curvature.measure(model, batch, pad, 4);

        String reduced = "model.layers.0.self_attn.q_proj.lora_A";
        for (int i = 0; i < first.blocks().size(); i++) {
            assertThat(again.blocks().get(i).rows().values())
                    .isEqualTo(first.blocks().get(i).rows().values());
            if (first.blocks().get(i).block().equals(reduced)) {
                assertThat(otherNumber.blocks().get(i).rows().values())
                        .isNotEqualTo(first.blocks().get(i).rows().values());
            }
        }
    }

    @Test
    void shouldTakeTheEmpiricalFisherFromATrainingPassUndoingItsMean() {
        KfacEstimator curvature = curvature(KfacApproximation.EXPAND, FisherType.EMPIRICAL, null);
        Sums live = new Sums();
        for (int b = 0; b < 8; b++) {
            live.add(ofTraining(b, curvature).get(0));
        }

        for (String block : live.blocks.keySet()) {
            String stored = block.startsWith(HEAD) ? "last" : "expand";
            check(block, live.inputs(block), kfac.doubles(stored + ".A." + block));
            check(block, live.gradients(block), kfac.doubles(stored + ".S.empirical." + block));
        }
    }

    @Test
    void shouldKeepNearlyAllOfATrainingPassWithOnePowerStep() {
        double worst = 1;
        for (int b = 0; b < 8; b++) {
            List<BatchCurvature> measured = ofTraining(
                    b,
                    curvature(KfacApproximation.EXPAND, FisherType.EMPIRICAL, null),
                    curvature(KfacApproximation.EXPAND, FisherType.EMPIRICAL, 10));
            for (int i = 0; i < measured.get(0).blocks().size(); i++) {
                BlockStatistics full = measured.get(0).blocks().get(i);
                BlockStatistics reduced = measured.get(1).blocks().get(i);
                assertThat(reduced.n()).isEqualTo(full.n());
                assertThat(reduced.small())
                        .as(full.block())
                        .containsExactly(full.small(), within(1e-6 * full.small()[0]));
                assertThat(reduced.rows().count()).isLessThanOrEqualTo(20);
                assertThat(reduced.rows().trace())
                        .as("padding enters no row of %s", full.block())
                        .isCloseTo(
                                full.rows().trace(), within(1e-5 * full.rows().trace()));
                double captured = energy(reduced.rows()) / best(full.rows(), 20);
                worst = Math.min(worst, captured);
                assertThat(captured).as(full.block()).isBetween(0.95, 1 + 1e-5);
            }
        }
        System.out.printf(
                "rows of a training pass, one power step, against the best 20: energy %.5f at worst%n", worst);
    }

    @Test
    void shouldGiveTheSameBytesByHoweverManyThreads() {
        KfacEstimator curvature = curvature(KfacApproximation.EXPAND, FisherType.EMPIRICAL, 10);
        try (MathThreads two = new MathThreads(2);
                MathThreads three = new MathThreads(3)) {
            List<BlockStatistics> byTwo = ofTraining(3, two, curvature).get(0).blocks();
            List<BlockStatistics> byThree =
                    ofTraining(3, three, curvature).get(0).blocks();

            assertThat(byTwo).isNotEmpty();
            for (int i = 0; i < byTwo.size(); i++) {
                assertThat(byThree.get(i).block()).isEqualTo(byTwo.get(i).block());
                assertThat(byThree.get(i).rows().values())
                        .isEqualTo(byTwo.get(i).rows().values());
                assertThat(byThree.get(i).small()).isEqualTo(byTwo.get(i).small());
            }
        }
    }

    private static List<BatchCurvature> ofTraining(int number, KfacEstimator... curvatures) {
        try (MathThreads threads = MathThreads.on(TestDevice.get())) {
            return ofTraining(number, threads, curvatures);
        }
    }

    /** One batch's training pass without dropout (the stored adapter has none) over the mean loss, measured by each. */
    private static List<BatchCurvature> ofTraining(int number, MathThreads threads, KfacEstimator... curvatures) {
        List<EncodedPrompt> batch = prompts.subList(4 * number, 4 * number + 4);
        TokenBatch tokens =
                TokenBatch.leftPadded(batch.stream().map(EncodedPrompt::ids).toList(), pad);
        try (Pass pass = model.forward(tokens, Mode.TRAINING_PROBED)) {
            ClassProbabilities p = ClassProbabilities.of(pass.logits(), batch);
            int[] labels = batch.stream()
                    .mapToInt(prompt -> prompt.question().answerIndex().orElseThrow())
                    .toArray();
            float[] start = p.lossCotangent(labels, 1.0 / labels.length);
            pass.backward(pass.manager().create(start, pass.logits().getShape()), false);
            return Arrays.stream(curvatures)
                    .map(each -> each.ofTraining(pass, model.weights(), batch, number, threads))
                    .toList();
        } finally {
            model.weights().setTrainable(false);
        }
    }

    private static Sums measure(KfacApproximation convention, FisherType fisher, Integer rank, int count, int size) {
        KfacEstimator curvature = curvature(convention, fisher, rank);
        long[] stored = inputs.longs("train.mc_labels");
        Sums sums = new Sums();
        for (int start = 0; start < count; start += size) {
            List<EncodedPrompt> batch = prompts.subList(start, Math.min(start + size, count));
            if (fisher != FisherType.MC) {
                sums.add(curvature.measure(model, batch, pad, start / size));
                continue;
            }
            int[] drawn = Arrays.stream(stored, start, start + batch.size())
                    .mapToInt(Math::toIntExact)
                    .toArray();
            int[] labels = batch.stream()
                    .mapToInt(prompt -> prompt.question().answerIndex().orElseThrow())
                    .toArray();
            TokenBatch tokens =
                    TokenBatch.leftPadded(batch.stream().map(EncodedPrompt::ids).toList(), pad);
            try (StackedPass pass = model.stacked(tokens)) {
                sums.add(curvature.measure(
                        pass, model, ClassProbabilities.of(pass.logits(), batch), labels, drawn, start / size));
            }
        }
        return sums;
    }

    private static KfacEstimator curvature(KfacApproximation convention, FisherType fisher, Integer rank) {
        return new KfacEstimator(convention, fisher, rank, "golden", 0);
    }

    private static void check(String what, double[] actual, double[] expected) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        assertThat(Sums.distance(actual, expected)).as(what).isLessThan(TOLERANCE);
    }

    private static double energy(FactorRows rows) {
        double sum = 0;
        for (float value : rows.values()) {
            sum += (double) value * value;
        }
        return sum;
    }

    private static double best(FactorRows rows, int count) {
        int d = rows.width();
        double[] gram = new double[d * d];
        float[] values = rows.values();
        for (int m = 0; m < rows.count(); m++) {
            for (int i = 0; i < d; i++) {
                for (int j = 0; j < d; j++) {
                    gram[i * d + j] += (double) values[m * d + i] * values[m * d + j];
                }
            }
        }
        var eigen = org.ejml.dense.row.factory.DecompositionFactory_DDRM.eig(d, false, true);
        eigen.decompose(org.ejml.data.DMatrixRMaj.wrap(d, d, gram));
        double[] values2 = new double[d];
        for (int i = 0; i < d; i++) {
            values2[i] = -eigen.getEigenvalue(i).getReal();
        }
        Arrays.sort(values2);
        return -Arrays.stream(values2).limit(count).sum();
    }
}
