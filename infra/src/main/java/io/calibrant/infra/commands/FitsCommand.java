package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.topics.FitRemoval;
import io.calibrant.infra.topics.TopicReader;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PriorStructure;
import io.calibrant.schemas.avro.Run;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "fits",
        description = "Shows runs, checkpoints and fits as they are now, or removes a fit.",
        footer = {
            "  calibrant fits --bootstrap-server HOST:9092 --schema-registry http://HOST:8081",
            "  calibrant fits --json | grep '\"state\":\"COMPLETE\"'",
            "  calibrant fits --delete rank20   # its posteriors and factors, in every run; stop its fitter first"
        })
final class FitsCommand implements Callable<Integer> {
    private static final List<String> HEADER = List.of(
            "RUN",
            "CHECKPOINT",
            "FIT",
            "STATE",
            "VERSION",
            "BATCHES",
            "LAMBDA",
            "LOG EVIDENCE",
            "EFF. PARAMETERS",
            "TEMPERATURE",
            "VARIANCE SCALE",
            "LABELS",
            "CALIBRATION",
            "CAPTURED ENERGY");

    @Spec
    private CommandSpec spec;

    @Option(names = "--delete", paramLabel = "NAME", description = "Remove the fit of this name from every run.")
    private String delete;

    @Option(names = "--json", description = "One object a fit.")
    private boolean json;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() {
        if (delete != null) {
            Keys.checkName("--delete", delete);
        }
        Output output = new Output(spec);
        Connection connection = connectionOptions.reachable();
        List<Posterior> posteriors = new ArrayList<>(
                TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, output::note)
                        .values());
        posteriors.sort(Comparator.comparing(Posterior::getRunId)
                .thenComparing(Posterior::getCheckpoint)
                .thenComparing(Posterior::getFit));
        if (delete != null) {
            return delete(output, connection, posteriors);
        }
        if (json) {
            posteriors.forEach(posterior -> output.json(object(posterior)));
        } else {
            table(output, connection, posteriors);
        }
        return ExitCode.OK;
    }

    private int delete(Output output, Connection connection, List<Posterior> posteriors) {
        List<Posterior> doomed = posteriors.stream()
                .filter(posterior -> posterior.getFit().equals(delete))
                .toList();
        if (doomed.isEmpty()) {
            throw new IllegalArgumentException("--delete: there is no fit '" + delete + "', there are "
                    + posteriors.stream().map(Posterior::getFit).collect(Collectors.toCollection(TreeSet::new)));
        }
        FitRemoval.remove(connection, doomed);
        doomed.forEach(posterior -> output.note(
                "removed " + Keys.fit(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit())));
        return ExitCode.OK;
    }

    private static void table(Output output, Connection connection, List<Posterior> posteriors) {
        List<List<String>> rows = new ArrayList<>();
        for (Posterior each : posteriors) {
            rows.add(List.of(
                    each.getRunId(),
                    each.getCheckpoint(),
                    each.getFit(),
                    each.getState().toString(),
                    Long.toString(each.getVersion()),
                    each.getBatches() + "/" + (each.getBatchesExpected() == null ? "?" : each.getBatchesExpected()),
                    lambda(each),
                    Output.number(each.getLogEvidence()),
                    Output.number(each.getEffectiveParameters()),
                    Output.number(each.getTemperature()),
                    Output.number(each.getVarianceScale()),
                    Long.toString(each.getLabels()),
                    CalibrationWords.of(each.getCalibration()),
                    Output.number(each.getCapturedEnergy())));
        }
        Map<String, Run> runs =
                TopicReader.latest(connection, connection.topics().runs(), Run.class, output::note);
        for (String run : runs.keySet()) {
            if (posteriors.stream().noneMatch(posterior -> posterior.getRunId().equals(run))) {
                rows.add(List.of(run, "-", "-", "no fit yet", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"));
            }
        }
        output.table(HEADER, rows);
    }

    private static String lambda(Posterior posterior) {
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

    /** The fields of the contract, in its order, then what labels decided. */
    static ObjectNode object(Posterior posterior) {
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
        object.put("capturedEnergy", posterior.getCapturedEnergy());
        object.put("labels", posterior.getLabels());
        object.put("calibration", posterior.getCalibration().toString());
        object.put("varianceTemperature", posterior.getVarianceTemperature());
        object.put("temperatureNll", posterior.getTemperatureNll());
        object.put("varianceNll", posterior.getVarianceNll());
        object.put("nllStandardError", posterior.getNllStandardError());
        object.put("objective", posterior.getObjective().toString());
        object.put("validationNll", posterior.getValidationNll());
        return object;
    }
}
