package io.calibrant.infra.commands.output;

import io.calibrant.infra.report.AcceptanceWords;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.text.Printable;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.CalibratedPrediction;
import io.calibrant.scorer.answering.LabelFreeServing;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.service.ScorerListener;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;

/** Progress of a scorer as lines for people: what it serves, and how much it has answered. */
public final class ScoreProgress implements ScorerListener {
    private final Consumer<String> lines;
    private final AnsweringSettings answering;
    private final Set<String> measured = new HashSet<>();
    private boolean warned;
    private boolean waiting;
    private long answered;
    private long rejected;
    private long tokens;
    private long padding;

    /**
     * Nothing has happened yet.
     *
     * @param lines takes each line of text
     * @param answering tells the tier, what serves without labels, and the target of decisions
     */
    public ScoreProgress(Consumer<String> lines, AnsweringSettings answering) {
        this.lines = lines;
        this.answering = answering;
    }

    /** Once: what is missed changes with every record that comes, until all is there. */
    @Override
    public synchronized void waiting(String reason) {
        if (!waiting) {
            lines.accept("waiting: " + Printable.message(reason));
        }
        waiting = true;
    }

    @Override
    public synchronized void unavailable(String problem) {
        lines.accept(Printable.message(problem) + "; trying again");
    }

    @Override
    public synchronized void serving(Posterior posterior) {
        waiting = false;
        Calibration served = served(posterior);
        lines.accept("answering with run " + posterior.getRunId() + ", checkpoint " + posterior.getCheckpoint()
                + ", fit " + posterior.getFit() + ", posterior version " + posterior.getVersion()
                + CalibrationWords.partial(posterior) + ", "
                + CalibrationWords.of(posterior, served, answering));
        answering
                .target()
                .ifPresent(target -> lines.accept("decisions for " + AcceptanceWords.target(target) + ": "
                        + AcceptanceFields.sentence(posterior, answering.tier(), target)));
        boolean evidence = served == Calibration.EVIDENCE;
        if ((evidence || served == Calibration.LABEL_FREE) && !warned) {
            warned = true;
            lines.accept(evidence ? CalibrationWords.RISK : CalibrationWords.WITHOUT_LABELS);
        }
    }

    /** What questions get that name no tier. Without labels that is a choice of the scorer, not of the posterior. */
    private Calibration served(Posterior posterior) {
        Calibration calibration = posterior.getCalibration();
        if (calibration != Calibration.LABEL_FREE && calibration != Calibration.MAP) {
            return calibration;
        }
        Tier tier = answering.tier();
        if (answering.labelFree() == LabelFreeServing.EVIDENCE) {
            return tier.hasCovariance() ? Calibration.EVIDENCE : Calibration.MAP;
        }
        return CalibratedPrediction.members(posterior, tier).isEmpty() ? Calibration.MAP : calibration;
    }

    @Override
    public synchronized void committed(Committed poll) {
        answered += poll.answered();
        rejected += poll.rejected();
        tokens += poll.tokens();
        padding += poll.padding();
        if (poll.answered() + poll.rejected() > 0) {
            lines.accept(String.format(
                    Locale.ROOT,
                    "answered %d, dead letters %d, padding %.1f%% of the tokens",
                    answered,
                    rejected,
                    tokens == 0 ? 0 : 100.0 * padding / tokens));
        }
    }

    @Override
    public synchronized void measured(String run, int bytes) {
        if (measured.add(run)) {
            lines.accept(String.format(
                    Locale.ROOT,
                    "run %s: predictive statistics of a validation question take %.1f KB",
                    run,
                    bytes / 1024.0));
        }
    }
}
