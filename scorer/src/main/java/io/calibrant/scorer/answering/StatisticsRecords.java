package io.calibrant.scorer.answering;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.scorer.predictive.ContrastProjections;
import io.calibrant.scorer.predictive.Predictive;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Writes what a question's covariance needs of the model, for the fitter to choose the prior precision by. */
final class StatisticsRecords {
    private StatisticsRecords() {}

    /** The record that belongs to an answer. */
    static PredictiveStatistics of(Answer answer, Posterior posterior, Predictive predictive) {
        Map<String, Long> batches = new HashMap<>();
        for (BlockPrecision block : posterior.getBlocks()) {
            batches.put(block.getBlock(), block.getBatches());
        }
        List<BlockProjections> blocks = new ArrayList<>();
        for (ContrastProjections block : predictive.projections()) {
            blocks.add(new BlockProjections(
                    block.block(),
                    batches.get(block.block()),
                    Tensors.of(block.projections(), block.contrasts(), block.small(), block.kept()),
                    Tensors.of(block.rest(), block.restRows(), block.contrasts(), block.contrasts())));
        }
        return new PredictiveStatistics(
                answer.getQuestionId(),
                answer.getRunId(),
                answer.getCheckpoint(),
                answer.getFit(),
                answer.getPosteriorVersion(),
                answer.getLabels(),
                answer.getContrastMean(),
                blocks);
    }
}
