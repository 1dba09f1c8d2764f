package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PriorStructure;
import io.calibrant.scorer.answering.Tier;
import java.util.DoubleSummaryStatistics;
import java.util.List;

/** The fields of a posterior as commands show them, to people and as JSON. */
public final class PosteriorFields {
    private PosteriorFields() {}

    /** The shards of a shared pass that have not finished. */
    public static String waiting(Posterior posterior) {
        List<String> shards = posterior.getWaitsFor();
        return shards.isEmpty()
                ? ""
                : ", waits for shard" + (shards.size() > 1 ? "s " : " ") + String.join(", ", shards);
    }

    /** Batches folded, and batches of the pass where their number is known. */
    public static String batches(Posterior posterior) {
        return posterior.getBatches() + "/"
                + (posterior.getBatchesExpected() == null ? "?" : posterior.getBatchesExpected());
    }

    /** The prior precision, or the range of them. */
    public static String lambda(Posterior posterior) {
        DoubleSummaryStatistics lambdas = posterior.getBlocks().stream()
                .mapToDouble(BlockPrecision::getLambda)
                .summaryStatistics();
        if (lambdas.getCount() == 0) {
            return "-";
        }
        return posterior.getPrior() == PriorStructure.SCALAR
                ? Output.number(lambdas.getMax())
                : Output.number(lambdas.getMin()) + ".." + Output.number(lambdas.getMax());
    }

    /** Batches folded / batches of the pass; null where a pass has no batches or no end. */
    private static Double coverage(Posterior posterior) {
        Long expected = posterior.getBatchesExpected();
        return expected == null || expected == 0 ? null : (Double) ((double) posterior.getBatches() / expected);
    }

    /** {@link #object(Posterior, TargetAccuracy)} for the usual target. */
    public static ObjectNode object(Posterior posterior) {
        return object(posterior, TargetAccuracy.DEFAULT);
    }

    /**
     * The fields of the contract, in its order, then what labels decided.
     *
     * @param target of the threshold at tier all
     */
    public static ObjectNode object(Posterior posterior, TargetAccuracy target) {
        Acceptance accepted = AcceptanceFields.of(posterior, Tier.ALL, target);
        ObjectNode object = Output.object();
        object.put("run", posterior.getRunId());
        object.put("checkpoint", posterior.getCheckpoint());
        object.put("fit", posterior.getFit());
        object.put("state", posterior.getState().toString());
        object.put("version", posterior.getVersion());
        object.put("batches", posterior.getBatches());
        object.put("batchesExpected", posterior.getBatchesExpected());
        if (posterior.getPrior() == PriorStructure.LAYERWISE) {
            ObjectNode lambdas = object.putObject("lambda");
            posterior.getBlocks().forEach(block -> lambdas.put(block.getBlock(), block.getLambda()));
        } else {
            object.put(
                    "lambda",
                    posterior.getBlocks().isEmpty()
                            ? null
                            : (Double) posterior.getBlocks().get(0).getLambda());
        }
        object.put("logEvidence", posterior.getLogEvidence());
        object.put("effectiveParameters", posterior.getEffectiveParameters());
        object.put("temperature", posterior.getTemperature());
        object.put("varianceScale", posterior.getVarianceScale());
        object.put("noise", noise(posterior));
        members(object.putObject("members"), posterior);
        object.put("threshold", AcceptanceFields.threshold(accepted));
        object.put("capturedEnergy", posterior.getCapturedEnergy());
        object.put("labels", posterior.getLabels());
        object.put("calibration", posterior.getCalibration().toString());
        object.put("varianceTemperature", posterior.getVarianceTemperature());
        object.put("temperatureNll", posterior.getTemperatureNll());
        object.put("varianceNll", posterior.getVarianceNll());
        object.put("objective", posterior.getObjective().toString());
        object.put("validationNll", posterior.getValidationNll());
        AcceptanceFields.put(object.putObject("selective"), accepted);
        object.put("labelFreeScale", posterior.getLabelFreeScale());
        object.put("logitVariance", posterior.getLogitVariance());
        object.put("logitVarianceQuestions", posterior.getLogitVarianceQuestions());
        ArrayNode waitsFor = object.putArray("waitsFor");
        posterior.getWaitsFor().forEach(waitsFor::add);
        object.put("coverage", coverage(posterior));
        return object;
    }

    /** The noise of a logit, sqrt(c0 v): what serves for a question's own covariance; null until it is known. */
    public static Double noise(Posterior posterior) {
        return posterior.getLabelFreeScale() == null || posterior.getLogitVariance() == null
                ? null
                : (Double) Math.sqrt(posterior.getLabelFreeScale() * posterior.getLogitVariance());
    }

    /** What is averaged, by tier. */
    private static void members(ObjectNode tiers, Posterior posterior) {
        posterior.getTiers().forEach(tier -> {
            ArrayNode members = tiers.putArray(tier.getTier());
            tier.getMembers().forEach(member -> {
                ObjectNode each = members.addObject();
                each.put("name", member.getName());
                each.put("temperature", member.getTemperature());
                each.put("scale", member.getScale());
                each.put("variance", member.getVariance());
                each.put("weight", member.getWeight());
                each.put("logLikelihood", member.getLogLikelihood());
            });
        });
    }
}
