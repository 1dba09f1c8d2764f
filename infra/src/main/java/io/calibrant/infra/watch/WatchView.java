package io.calibrant.infra.watch;

import io.calibrant.infra.assessment.Assessment;
import io.calibrant.infra.assessment.Observed;
import io.calibrant.infra.live.Age;
import io.calibrant.infra.live.BlockHistory;
import io.calibrant.infra.live.Blocks;
import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.LiveState;
import io.calibrant.infra.live.PosteriorPoint;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What is to be seen of a run: words and figures, and its blocks by layer. Everything that came from a topic is free of
 * control characters.
 *
 * @param facts short pieces of text, in lines
 * @param layers blocks by layer, both in the order of the model
 * @param losses of fine-tuning
 */
record WatchView(List<List<String>> facts, Map<String, List<BlockRow>> layers, Losses losses) {
    private static final String PROBLEM = "! ";
    private static final String SILENT = "SILENT for ";

    /**
     * The view of a fit.
     *
     * @param fit null where there is none yet
     * @param problem empty while all is well
     * @param now for how long ago things were
     */
    static WatchView of(LiveState state, String runName, FitHistory fit, String problem, Instant now) {
        Run run = state.runs().get(runName);
        RunHistory trainer = state.progress(runName);
        List<List<String>> facts = new ArrayList<>();
        List<String> names = new ArrayList<>();
        names.add("run " + plain(runName) + (run == null ? "" : " (" + plain(run.getModelId()) + ")"));
        if (fit != null) {
            names.add("checkpoint " + plain(fit.name().checkpoint()));
            names.add("fit " + plain(fit.name().fit()));
            names.add(
                    fit.posterior() == null
                            ? "no posterior yet"
                            : fit.posterior().getState().toString());
        }
        facts.add(names);
        facts.add(training(trainer, now));
        if (fit == null) {
            facts.add(List.of("nothing folded yet: is 'calibrant fit' running?"));
        } else {
            facts.add(coverage(fit, trainer, now));
            facts.add(posterior(fit));
            if (fit.posterior() != null) {
                Assessment.sentences(fit.posterior(), Observed.of(fit.total()))
                        .forEach(sentence -> facts.add(List.of(plain(sentence))));
            }
        }
        if (!problem.isEmpty()) {
            facts.add(List.of(PROBLEM + plain(problem)));
        }
        Map<String, List<BlockRow>> layers = new LinkedHashMap<>();
        if (fit != null) {
            fit.blocks()
                    .forEach((name, block) -> layers.computeIfAbsent(Blocks.group(name), group -> new ArrayList<>())
                            .add(row(name, block)));
        }
        return new WatchView(facts, layers, Losses.of(trainer));
    }

    /** Whether a line of facts is one to act on. No name from a topic stands where this looks. */
    boolean isAlarm(List<String> pieces) {
        return pieces.get(0).startsWith(PROBLEM)
                || pieces.get(0).startsWith("Alarm: ")
                || pieces.stream().anyMatch(piece -> piece.startsWith(SILENT));
    }

    private static List<String> training(RunHistory trainer, Instant now) {
        if (trainer == null) {
            return List.of("the trainer has said nothing yet");
        }
        Progress word = trainer.latest();
        List<String> facts = new ArrayList<>();
        facts.add(
                switch (word.getPhase()) {
                    case FINE_TUNING -> "fine-tuning";
                    case CURVATURE -> "curvature pass";
                    case DONE -> "done";
                });
        facts.add("step " + word.getStep() + "/" + word.getSteps());
        Progress step = trainer.latestStep();
        if (step != null) {
            facts.add("loss " + number(step.getLoss()));
            if (step.getLearningRate() != null) {
                facts.add("learning rate " + number(step.getLearningRate()));
            }
        }
        String age = Age.of(trainer.age(now));
        facts.add(trainer.isSilent(now) ? SILENT + age + ": has the trainer ended?" : age + " ago");
        return facts;
    }

    private static List<String> coverage(FitHistory fit, RunHistory trainer, Instant now) {
        List<String> facts = new ArrayList<>();
        long batches = fit.batches();
        Long expected = fit.batchesExpected();
        facts.add("coverage " + batches + " of " + (expected == null ? "?" : expected) + " batches"
                + (expected == null || expected == 0 ? "" : " (" + 100 * batches / expected + "%)"));
        Double lag = trainer == null ? null : trainer.lagSeconds(fit);
        facts.add("lag " + (lag == null ? "-" : String.format(Locale.ROOT, "%.1f s", lag)));
        facts.add(Age.of(Duration.between(Instant.ofEpochMilli(fit.changed()), now)) + " ago");
        return facts;
    }

    private static List<String> posterior(FitHistory fit) {
        if (fit.posterior() == null) {
            return List.of("lambda -", "log evidence -", "effective parameters -");
        }
        PosteriorPoint point = PosteriorPoint.of(fit.posterior());
        String lambda = number(point.lambdaMin());
        if (point.lambdaMax() != point.lambdaMin()) {
            lambda += ".." + number(point.lambdaMax());
        }
        return List.of(
                "lambda " + lambda,
                "log evidence " + number(fit.posterior().getLogEvidence()),
                "effective parameters " + number(fit.posterior().getEffectiveParameters()) + " of "
                        + fit.posterior().getParameters());
    }

    private static BlockRow row(String name, BlockHistory block) {
        return new BlockRow(
                plain(Blocks.shortName(name)),
                1,
                block.spectrum(),
                block.latest().getTrace(),
                block.latest().getCapturedEnergy(),
                block.latest().getDelta(),
                block.latest().getN(),
                block.latest().getBatches());
    }

    /** Without control characters: a terminal obeys them, whoever sent them. */
    static String plain(String text) {
        return text.replaceAll("[\\p{Cntrl}\\p{Cf}]", "?");
    }

    /** A number in few characters. */
    static String number(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }
}
