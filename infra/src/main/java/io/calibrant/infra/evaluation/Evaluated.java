package io.calibrant.infra.evaluation;

import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.LearningCurve;
import io.calibrant.infra.assessment.Assessment;
import io.calibrant.infra.report.Evaluation;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoubleConsumer;

/**
 * An evaluation and where its answers came from.
 *
 * @param evaluation the figures
 * @param run what answered
 * @param posterior the posterior that answered, as it is on the topic now
 * @param refused reasons by question id, for the questions that were not answered
 * @param answers by question id
 * @param labelled answers of this posterior, evaluated and for validation, whose label is known
 */
public record Evaluated(
        Evaluation evaluation,
        Run run,
        Posterior posterior,
        Map<String, String> refused,
        Map<String, Answer> answers,
        List<LabelledContrasts> labelled) {
    /** Copies the reasons, keeping their order. */
    public Evaluated {
        refused = Collections.unmodifiableMap(new LinkedHashMap<>(refused));
        answers = Map.copyOf(answers);
        labelled = List.copyOf(labelled);
    }

    /**
     * The NLL of the average against the number of labels, on repeated subsamples of the labels that are known.
     *
     * @param splits how often each number of labels is drawn
     * @param progress is told the share of the work that is done, from any thread
     * @return empty where fewer than {@link LearningCurve#FEWEST} are known
     */
    public Optional<LearningCurve> learningCurve(int splits, DoubleConsumer progress) {
        return labelled.size() < LearningCurve.FEWEST
                ? Optional.empty()
                : Optional.of(LearningCurve.of(
                        labelled,
                        Comparison.labelFree(posterior),
                        !Comparison.restOnAllBlocks(answers.values()),
                        splits,
                        progress));
    }

    /** What the answers to these questions say, in sentences: what serves and why, and what would help. */
    public List<String> words() {
        return Assessment.sentences(
                posterior, served(posterior, answers), ObservedAnswers.of(evaluation.questions(), answers));
    }

    /** Without labels the scorer decides what serves, and its answers say so; else the posterior does. */
    static Calibration served(Posterior posterior, Map<String, Answer> answers) {
        Set<Calibration> found = EnumSet.noneOf(Calibration.class);
        answers.values().forEach(answer -> found.add(answer.getCalibration()));
        return posterior.getLabels() == 0 && found.size() == 1
                ? found.iterator().next()
                : posterior.getCalibration();
    }

    /** What was run, for the report: name and value. */
    public Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("In words", String.join(" ", words()));
        facts.put(
                "Run, checkpoint, fit",
                run.getRunId() + " / " + posterior.getCheckpoint() + " / " + posterior.getFit());
        facts.put("Model", run.getModelId());
        facts.put(
                "Adapter",
                String.format(
                        Locale.ROOT,
                        "LoRA rank %d, alpha %.0f, %d modules, %d weights",
                        run.getLoraRank(),
                        run.getLoraAlpha(),
                        run.getLoraTargets().size(),
                        posterior.getParameters()));
        facts.put("Training questions", Integer.toString(run.getTrainingQuestions()));
        facts.put(
                "Curvature",
                run.getKfac() + ", Fisher " + run.getFisher() + ", rank "
                        + (run.getRank() == null ? "full" : run.getRank().toString())
                        + String.format(
                                Locale.ROOT, ", %.1f%% of its energy kept", 100 * posterior.getCapturedEnergy()));
        facts.put(
                "Prior precision",
                posterior.getBlocks().stream()
                        .map(block -> String.format(Locale.ROOT, "%.4g", block.getLambda()))
                        .distinct()
                        .reduce((a, b) -> "one per block")
                        .orElse("none"));
        facts.put(
                "Evidence",
                String.format(
                        Locale.ROOT,
                        "log evidence %.1f; %.1f effective of %d parameters",
                        posterior.getLogEvidence(),
                        posterior.getEffectiveParameters(),
                        posterior.getParameters()));
        facts.put(
                "Posterior",
                "version " + posterior.getVersion() + ", " + posterior.getState() + ", " + posterior.getBatches()
                        + " batches");
        if (!run.getSettings().isEmpty()) {
            facts.put(
                    "Settings",
                    new java.util.TreeMap<>(run.getSettings())
                            .entrySet().stream()
                                    .map(entry -> entry.getKey() + " " + entry.getValue())
                                    .collect(java.util.stream.Collectors.joining(", ")));
        }
        if (!refused.isEmpty()) {
            facts.put("Not answered", refused.size() + " questions were refused");
        }
        return facts;
    }
}
