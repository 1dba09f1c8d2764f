package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The trainer's objects as the contract's records. */
final class Records {
    private Records() {}

    /** {@code createdAt} stays 0: shards describe one run byte for byte the same, and Kafka stamps every record. */
    static Run run(RunDescription run) {
        List<Block> blocks = new ArrayList<>();
        for (LoraMatrices matrices : run.adapter().matrices().values()) {
            String path = matrices.linear().path();
            blocks.add(new Block(
                    path + ".lora_A", matrices.rank(), matrices.linear().inputs(), Side.INPUT));
            blocks.add(new Block(path + ".lora_B", matrices.linear().outputs(), matrices.rank(), Side.GRADIENT));
        }
        return Run.newBuilder()
                .setRunId(run.runId())
                .setModelId(run.modelId())
                .setModelDigest(run.modelDigest())
                .setLoraRank(run.adapter().settings().rank())
                .setLoraAlpha(alpha(run.adapter().settings()))
                .setLoraDropout(run.adapter().settings().dropout())
                .setLoraTargets(List.copyOf(run.adapter().matrices().keySet()))
                .setBlocks(blocks)
                .setClassTokens(run.classTokens().tokens().stream()
                        .map(token -> new ClassToken(token.label(), token.tokenId()))
                        .toList())
                .setPromptTemplate(run.promptTemplate())
                .setMaxLength(run.maxLength())
                .setKfac(io.calibrant.schemas.avro.KfacApproximation.valueOf(
                        run.kfac().name()))
                .setFisher(io.calibrant.schemas.avro.FisherType.valueOf(
                        run.fisher().name()))
                .setRank(run.rank())
                .setTrainingQuestions(run.trainingQuestions())
                .setSeed(run.seed())
                .setSettings(new TreeMap<>(run.settings()))
                .build();
    }

    /** The alpha of which alpha / R is the scaling, also where the adapter is scaled by alpha / sqrt(R) (rsLoRA). */
    static double alpha(LoraSettings settings) {
        return settings.rootScaling() ? settings.scaling() * settings.rank() : settings.alpha();
    }

    /** The weights of every block by name, in the order of the forward pass: row-major [outputs, inputs]. */
    static Map<String, Weight> weights(Adapter adapter) {
        Map<String, Weight> weights = new LinkedHashMap<>();
        for (LoraMatrices matrices : adapter.matrices().values()) {
            String path = matrices.linear().path();
            weights.put(
                    path + ".lora_A",
                    new Weight(matrices.a(), matrices.rank(), matrices.linear().inputs()));
            weights.put(
                    path + ".lora_B", new Weight(matrices.b(), matrices.linear().outputs(), matrices.rank()));
        }
        return weights;
    }

    /** One matrix on the host. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody; private to this package
    record Weight(float[] values, int outputs, int inputs) {
        double squaredNorm() {
            double sum = 0;
            for (float value : values) {
                sum += (double) value * value;
            }
            return sum;
        }

        double squaredDistance(Weight other) {
            double sum = 0;
            for (int i = 0; i < values.length; i++) {
                double difference = (double) values[i] - other.values[i];
                sum += difference * difference;
            }
            return sum;
        }
    }

    /** @param initial null where it is not known */
    static AdapterBlock adapterBlock(String runId, String checkpoint, String block, Weight weight, Weight initial) {
        return AdapterBlock.newBuilder()
                .setRunId(runId)
                .setCheckpoint(checkpoint)
                .setBlock(block)
                .setWeight(Tensors.of(weight.values(), weight.outputs(), weight.inputs()))
                .setInitialWeight(
                        initial == null ? null : Tensors.of(initial.values(), initial.outputs(), initial.inputs()))
                .build();
    }

    static io.calibrant.schemas.avro.Question validation(String runId, Question question) {
        return io.calibrant.schemas.avro.Question.newBuilder()
                .setStem(question.question())
                .setContext(question.context())
                .setChoices(question.choices().stream()
                        .map(choice -> new Choice(choice.label(), choice.text()))
                        .toList())
                .setPurpose(Purpose.VALIDATION)
                .setRun(runId)
                .build();
    }
}
