package io.calibrant.infra.commands;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.output.CalibrationWords;
import io.calibrant.infra.commands.output.EvaluationPrinter;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.PosteriorFields;
import io.calibrant.infra.evaluation.PairedAnswers;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PriorStructure;
import io.calibrant.schemas.reading.TopicReader;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "compare",
        description = {
            "Two fits of the same run side by side, at every checkpoint that both have: evidence, energy, prior"
                    + " precisions, and what labels decided.",
            "Where both have answered the same questions and labels are known, their metrics as served, and the"
                    + " differences with"
                    + " 95%% intervals (paired bootstrap). Questions for validation are left out: fits are calibrated"
                    + " on them."
        },
        footer = {
            "  calibrant compare default rank20",
            "  calibrant compare default rank20 --run news-1 --checkpoint step-400 --json"
        })
final class CompareCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "FIT", description = "One fit.")
    private String one;

    @Parameters(index = "1", paramLabel = "FIT", description = "The other.")
    private String other;

    @Option(names = "--run", paramLabel = "R", description = "Of this run only. Default: of all that both have.")
    private String run;

    @Option(names = "--checkpoint", paramLabel = "C", description = "At this checkpoint only. Default: at all of them.")
    private String checkpoint;

    @Option(names = "--json", description = "One object for each checkpoint.")
    private boolean json;

    @Mixin
    private ConnectionOptions connectionOptions;

    private record Pair(Posterior first, Posterior second) {}

    @Override
    public Integer call() {
        Connection connection = connectionOptions.reachable();
        Output output = new Output(spec);
        Collection<Posterior> posteriors = TopicReader.latest(
                        connection, connection.topics().posteriors(), Posterior.class, output::note)
                .values();
        for (Pair pair : pairs(posteriors)) {
            PairedAnswers answers =
                    PairedAnswers.read(connection, pair.first.getRunId(), pair.first.getCheckpoint(), one, other);
            if (json) {
                output.json(object(pair, answers));
            } else {
                print(output, pair, answers);
            }
        }
        return ExitCode.OK;
    }

    private List<Pair> pairs(Collection<Posterior> posteriors) {
        Map<String, Posterior> first = of(posteriors, one);
        Map<String, Posterior> second = of(posteriors, other);
        TreeSet<String> both = new TreeSet<>(first.keySet());
        both.retainAll(second.keySet());
        if (both.isEmpty()) {
            throw new IllegalArgumentException("fits '" + one + "' and '" + other + "' have no checkpoint in common: '"
                    + one + "' has " + first.keySet() + ", '" + other + "' has " + second.keySet());
        }
        return both.stream()
                .map(key -> new Pair(first.get(key), second.get(key)))
                .toList();
    }

    /** The posteriors of one fit, by run and checkpoint. */
    private Map<String, Posterior> of(Collection<Posterior> posteriors, String fit) {
        TreeSet<String> fits = new TreeSet<>();
        Map<String, Posterior> found = new TreeMap<>();
        for (Posterior each : posteriors) {
            if ((run == null || run.equals(each.getRunId()))
                    && (checkpoint == null || checkpoint.equals(each.getCheckpoint()))) {
                fits.add(each.getFit());
                if (each.getFit().equals(fit)) {
                    found.put(each.getRunId() + "/" + each.getCheckpoint(), each);
                }
            }
        }
        if (found.isEmpty()) {
            throw new ConfigurationException(
                    "FIT",
                    fit,
                    (fits.isEmpty() ? "a fit" : Require.choice(fits))
                            + (run == null ? "" : " of run '" + run + "'")
                            + (checkpoint == null ? "" : " at checkpoint '" + checkpoint + "'"));
        }
        return found;
    }

    private void print(Output output, Pair pair, PairedAnswers answers) {
        List<List<String>> rows = new ArrayList<>();
        row(rows, pair, "state", each -> each.getState().toString());
        row(rows, pair, "batches", PosteriorFields::batches);
        row(rows, pair, "prior", each -> each.getPrior() + " around " + each.getPriorMean());
        row(rows, pair, "residual", each -> each.getResidual() ? "on" : "off");
        row(rows, pair, "log evidence", each -> Output.number(each.getLogEvidence()));
        row(rows, pair, "effective parameters", each -> Output.number(each.getEffectiveParameters()));
        row(rows, pair, "captured energy", each -> Output.number(each.getCapturedEnergy()));
        row(rows, pair, "lambda", PosteriorFields::lambda);
        row(rows, pair, "temperature", each -> Output.number(each.getTemperature()));
        row(rows, pair, "variance scale", each -> Output.number(each.getVarianceScale()));
        row(rows, pair, "serves", CalibrationWords::of);
        if (pair.first.getPrior() == PriorStructure.LAYERWISE || pair.second.getPrior() == PriorStructure.LAYERWISE) {
            Map<String, Double> against = lambdas(pair.second);
            lambdas(pair.first)
                    .forEach((block, lambda) -> rows.add(
                            List.of("lambda " + block, Output.number(lambda), Output.number(against.get(block)))));
        }
        output.table(List.of(pair.first.getRunId() + "/" + pair.first.getCheckpoint(), one, other), rows);
        if (pair.first.getBatches() != pair.second.getBatches()) {
            output.line("note: they stand on different data, so their evidences do not compare");
        }
        if (answers.first().isEmpty()) {
            output.line(
                    "Metrics: there is no labelled question, not for validation, that both have answered; for example"
                            + " 'calibrant evaluate --questions FILE --fit " + one + "', then the same with --fit "
                            + other);
            return;
        }
        Metrics first = Metrics.of(answers.first());
        Metrics second = Metrics.of(answers.second());
        PairedBootstrap difference = PairedBootstrap.of(answers.second(), answers.first());
        output.line("");
        output.table(
                List.of(first.n() + " QUESTIONS", one, other, "DIFFERENCE", "95% INTERVAL"),
                List.of(
                        metric("ACC", first.accuracy(), second.accuracy(), difference.accuracy()),
                        metric("NLL", first.nll(), second.nll(), difference.nll()),
                        metric("ECE (" + first.bins() + " bins)", first.ece(), second.ece(), difference.ece()),
                        metric("Brier", first.brier(), second.brier(), difference.brier())));
    }

    private static void row(List<List<String>> rows, Pair pair, String name, Function<Posterior, String> value) {
        rows.add(List.of(name, value.apply(pair.first), value.apply(pair.second)));
    }

    private static List<String> metric(String name, double first, double second, PairedBootstrap.Interval interval) {
        return List.of(
                name,
                digits("%.4f", first),
                digits("%.4f", second),
                digits("%+.4f", interval.estimate()),
                interval.isKnown()
                        ? digits("%+.4f", interval.lower()) + " to " + digits("%+.4f", interval.upper())
                        : "needs " + PairedBootstrap.FEWEST_QUESTIONS + " questions");
    }

    private static String digits(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }

    private static Map<String, Double> lambdas(Posterior posterior) {
        Map<String, Double> lambdas = new LinkedHashMap<>();
        for (BlockPrecision block : posterior.getBlocks()) {
            lambdas.put(block.getBlock(), block.getLambda());
        }
        return lambdas;
    }

    private ObjectNode object(Pair pair, PairedAnswers answers) {
        ObjectNode object = Output.object();
        object.put("run", pair.first.getRunId());
        object.put("checkpoint", pair.first.getCheckpoint());
        object.set("fits", Output.json(List.of(one, other)));
        object.set("first", PosteriorFields.object(pair.first));
        object.set("second", PosteriorFields.object(pair.second));
        object.put("questions", answers.first().size());
        if (!answers.first().isEmpty()) {
            EvaluationPrinter.metrics(object.putObject("firstMetrics"), Metrics.of(answers.first()));
            EvaluationPrinter.metrics(object.putObject("secondMetrics"), Metrics.of(answers.second()));
            EvaluationPrinter.differences(
                    object.putObject("secondMinusFirst"), PairedBootstrap.of(answers.second(), answers.first()));
        }
        return object;
    }
}
