package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.TaskType;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.curvature.FactorRows;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

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
        Optional<ClassifierHead> head = run.adapter().classifier();
        List<Block> saved = new ArrayList<>();
        head.ifPresent(score -> (score.isBlock() ? blocks : saved)
                .add(new Block(ModelConfig.SCORE, score.classes(), score.width(), Side.INPUT)));
        List<Block> inputs = new ArrayList<>();
        for (int layer = 0; layer < run.layers(); layer++) {
            inputs.add(new Block(ModelConfig.lastInput(layer), 1, run.width(), Side.INPUT));
        }
        return Run.newBuilder()
                .setRunId(run.runId())
                .setModelId(run.modelId())
                .setModelDigest(run.modelDigest())
                .setTaskType(head.isPresent() ? TaskType.SEQ_CLS : TaskType.CAUSAL_LM)
                .setLoraRank(run.adapter().settings().rank())
                .setLoraAlpha(alpha(run.adapter().settings()))
                .setLoraDropout(run.adapter().settings().dropout())
                .setLoraTargets(List.copyOf(run.adapter().matrices().keySet()))
                .setScalings(scalings(run.adapter()))
                .setBlocks(blocks)
                .setSavedWeights(saved)
                .setInputs(inputs)
                .setClassTokens(run.classTokens().tokens().stream()
                        .map(token -> new ClassToken(token.label(), token.tokenId()))
                        .toList())
                .setPromptTemplate(run.prompt().template())
                .setLabelSeparator(run.prompt().labelSeparator().orElse(null))
                .setSpecialTokens(io.calibrant.schemas.avro.SpecialTokensRule.valueOf(
                        run.prompt().specialTokens().name()))
                .setLabelTokens(io.calibrant.schemas.avro.LabelTokens.valueOf(
                        run.prompt().labelTokens().name()))
                .setMaxLength(run.maxLength())
                .setKfac(io.calibrant.schemas.avro.KfacApproximation.valueOf(
                        run.kfac().name()))
                .setFisher(io.calibrant.schemas.avro.FisherType.valueOf(
                        run.fisher().name()))
                .setRank(run.rank())
                .setTrainingQuestions(run.trainingQuestions())
                .setSeed(run.seed())
                .setSettings(new TreeMap<>(run.settings()))
                .setTrainingTexts(run.trainingTexts().bytes())
                .setGeneration(run.generation())
                .build();
    }

    /** The alpha of which alpha / r is the scaling, also where the adapter is scaled by alpha / sqrt(r) (rsLoRA). */
    static double alpha(LoraSettings settings) {
        return settings.rootScaling() ? settings.scaling() * settings.rank() : settings.alpha();
    }

    /** Of the maps whose rank or scaling is not that of the adapter. */
    static Map<String, Double> scalings(Adapter adapter) {
        LoraSettings settings = adapter.settings();
        Map<String, Double> own = new TreeMap<>();
        for (String path : adapter.matrices().keySet()) {
            if (settings.rank(path) != settings.rank() || settings.scaling(path) != settings.scaling()) {
                own.put(path, settings.scaling(path));
            }
        }
        return own;
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
                    path + ".lora_B",
                    new Weight(
                            matrices.b(),
                            matrices.linear().outputs(),
                            matrices.rank(),
                            matrices.magnitude().orElse(null)));
        }
        adapter.classifier()
                .filter(ClassifierHead::isBlock)
                .ifPresent(head -> weights.put(ModelConfig.SCORE, weight(head)));
        return weights;
    }

    /** Weights by name that are on topic adapters and no blocks: see {@code savedWeights} of the run. */
    static Map<String, Weight> saved(Adapter adapter) {
        return adapter.classifier()
                .filter(head -> !head.isBlock())
                .map(head -> Map.of(ModelConfig.SCORE, weight(head)))
                .orElse(Map.of());
    }

    private static Weight weight(ClassifierHead head) {
        return new Weight(head.weight(), head.classes(), head.width());
    }

    /**
     * One matrix on the host.
     *
     * @param magnitude of a DoRA's lora_B, m [outputs]; null for any other
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody; private to this package
    record Weight(float[] values, int outputs, int inputs, float[] magnitude) {
        Weight(float[] values, int outputs, int inputs) {
            this(values, outputs, inputs, null);
        }

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
                .setMagnitude(weight.magnitude() == null ? null : Tensors.of(weight.magnitude(), weight.outputs()))
                .build();
    }

    /** @param id under which it is asked */
    static io.calibrant.schemas.avro.Question question(String runId, String id, Question question, Purpose purpose) {
        return io.calibrant.schemas.avro.Question.newBuilder()
                .setStem(question.question())
                .setContext(question.context())
                .setChoices(question.ownChoices().stream()
                        .map(choice -> new Choice(choice.label(), choice.text()))
                        .toList())
                .setPurpose(purpose)
                .setRun(runId)
                .setQuestionId(id)
                .setPrompt(question.prompt())
                .build();
    }

    /** The process that sends: its shard, when it started (milliseconds), how it sends rows. */
    record Source(String shard, long epoch, RowType rowType) {}

    /**
     * At which weights statistics were taken: the checkpoint's name, and by block how large and how far from where it
     * started.
     */
    record Origin(String checkpoint, Map<String, Double> squaredNorms, Map<String, Double> squaredDistances) {}

    /**
     * One record for the blocks that read the same input, named after the first of them; each made when it is asked
     * for.
     */
    static Stream<Statistics> statistics(
            String runId, Source source, Origin origin, BatchRange batches, CurvatureSum curvature) {
        return sharing(curvature.all()).stream()
                .map(blocks -> statistics(runId, source, origin, batches, curvature, blocks));
    }

    private static Statistics statistics(
            String runId,
            Source source,
            Origin origin,
            BatchRange batches,
            CurvatureSum curvature,
            List<BlockStatistics> sharing) {
        Map<String, Double> norms = origin.squaredNorms();
        Map<String, Double> distances = origin.squaredDistances();
        BlockStatistics block = sharing.get(0);
        FactorRows rows = block.rows();
        return Statistics.newBuilder()
                .setRunId(runId)
                .setCheckpoint(origin.checkpoint())
                .setBlock(block.block())
                .setBatch(batches.first())
                .setBatches(curvature.batches())
                .setStride(batches.stride())
                .setForgetting(curvature.forgetting())
                .setBatchesExpected(batches.expected())
                .setSource(source.shard())
                .setEpoch(source.epoch())
                .setRows(rows(curvature, block, source))
                .setSmall(small(block))
                .setN(block.n())
                .setExamples(curvature.examples())
                .setTrace(rows.trace())
                .setLogLikelihood(curvature.logLikelihood())
                .setSquaredNorm(norms.getOrDefault(block.block(), 0.0))
                // An input has no weight: where distances are known its own is 0, so that INITIAL misses nothing.
                .setSquaredDistance(distances.getOrDefault(block.block(), distances.isEmpty() ? null : 0.0))
                .setShared(sharing.stream()
                        .skip(1)
                        .map(other -> new SharedInput(
                                other.block(), small(other), norms.get(other.block()), distances.get(other.block())))
                        .toList())
                .build();
    }

    /**
     * Rows as they go over the wire. Those of an input as they are: the layers in which all questions end alike show by
     * rows that are the same to the last bit.
     */
    private static Tensor rows(CurvatureSum curvature, BlockStatistics block, Source source) {
        FactorRows rows = block.rows();
        RowType type = curvature.inputs().contains(block) ? RowType.F32 : source.rowType();
        return type.tensor(rows.values(), rows.count(), rows.width());
    }

    /** What a record of statistics is sent under. */
    static String key(Statistics record) {
        return Keys.block(record.getRunId(), record.getCheckpoint(), record.getBlock());
    }

    /** Blocks that hold the same rows, together, in the order of the forward pass. */
    static List<List<BlockStatistics>> sharing(List<BlockStatistics> blocks) {
        IdentityHashMap<FactorRows, List<BlockStatistics>> byRows = new IdentityHashMap<>();
        List<List<BlockStatistics>> sharing = new ArrayList<>();
        for (BlockStatistics block : blocks) {
            List<BlockStatistics> together = byRows.get(block.rows());
            if (together == null) {
                together = new ArrayList<>();
                byRows.put(block.rows(), together);
                sharing.add(together);
            }
            together.add(block);
        }
        return sharing;
    }

    private static Tensor small(BlockStatistics block) {
        return Tensors.of(block.small(), block.smallWidth(), block.smallWidth());
    }
}
