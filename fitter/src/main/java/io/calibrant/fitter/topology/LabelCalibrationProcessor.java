package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.CalibrationInput;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.posteriors.CalibrationSet;
import io.calibrant.fitter.posteriors.LabelCalibration;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calibrates each posterior that has all its batches on the answers for validation that it has made, and publishes it
 * under the next version where that changes something. The clock decides when: half a second to a second after the last
 * label, so that a file of labels makes one version and not hundreds. It never decides what.
 *
 * <p>The computation takes seconds on thousands of labels, and a stream thread that does not poll for so long loses its
 * transaction. So it runs on an executor, on a copy of the state, and the thread collects the result.
 */
final class LabelCalibrationProcessor implements Processor<String, CalibrationInput, String, Posterior> {
    private static final Logger LOG = LoggerFactory.getLogger(LabelCalibrationProcessor.class);

    static final Duration LOOK_EVERY = Duration.ofMillis(500);

    /** While labels keep coming, calibration is put off for at most this many looks. */
    private static final int MOST_LOOKS = 20;

    /** As many looks as the longest commit interval has. */
    private static final int IDLE_LOOKS = 1;

    private final PriorObjective objective;
    private final LabelCalibration calibration;
    private final Executor executor;
    private final PendingCalibrations pending;
    private final FitterListener listener;
    private ProcessorContext<String, Posterior> context;
    private KeyValueStore<String, Posterior> posteriors;
    private KeyValueStore<String, Posterior> bases;
    private KeyValueStore<String, CalibrationAnswer> answers;
    private KeyValueStore<String, FactorUpdate> spectra;

    /** Null where labels do not choose the prior. */
    private KeyValueStore<String, PredictiveStatistics> statistics;

    /** Fits to be calibrated, with the number of looks that they have waited. */
    private final Map<String, Integer> waiting = new LinkedHashMap<>();

    /** Those of them of which more has changed than scores of unfamiliar questions. */
    private final Set<String> refits = new HashSet<>();

    /** Fits with new input since the last look. */
    private final Set<String> changedSinceLook = new HashSet<>();

    private Job job;

    /** Looks since there was nothing to do; after more than {@link #IDLE_LOOKS} the last result is committed. */
    private int idle;

    /** Entries that were taken out of the stores and are not yet in the dead-letter topic. */
    private final Queue<UnusableEntryException> unusable = new ArrayDeque<>();

    private record Job(String key, CalibrationSet set, CompletableFuture<LabelCalibration.Outcome> result) {}

    LabelCalibrationProcessor(
            PriorObjective objective,
            LabelCalibration calibration,
            Executor executor,
            PendingCalibrations pending,
            FitterListener listener) {
        this.objective = objective;
        this.calibration = calibration;
        this.executor = executor;
        this.pending = pending;
        this.listener = listener;
    }

    @Override
    public void init(ProcessorContext<String, Posterior> context) {
        this.context = context;
        posteriors = context.getStateStore(StoreNames.POSTERIORS);
        bases = context.getStateStore(StoreNames.BASES);
        answers = context.getStateStore(StoreNames.LABELLED_ANSWERS);
        spectra = context.getStateStore(StoreNames.SPECTRA);
        if (objective == PriorObjective.VALIDATION) {
            statistics = context.getStateStore(StoreNames.PREDICTIVE);
        }
        // A process that died may not have calibrated these; where it had, nothing changes.
        try (KeyValueIterator<String, CalibrationAnswer> all = answers.all()) {
            while (all.hasNext()) {
                waiting.put(fitOf(all.next().key), 0);
            }
        }
        refits.addAll(waiting.keySet());
        context.schedule(LOOK_EVERY, PunctuationType.WALL_CLOCK_TIME, now -> look());
        pending.set(this, true);
    }

    @Override
    public void process(Record<String, CalibrationInput> record) {
        String fit = record.key();
        if (record.value() instanceof QuestionChange.OfAnswer change) {
            if (!put(fit, change)) {
                return;
            }
        } else if (record.value() instanceof CalibrationInput.OfPredictive predictive) {
            statistics.put(fit + '/' + predictive.statistics().getQuestionId(), predictive.statistics());
            refits.add(fit);
        } else if (record.value() instanceof CalibrationInput.OfPosterior made) {
            if (made.posterior().getState() == PosteriorState.LIVE) {
                if (bases.get(fit) != null) {
                    bases.delete(fit);
                }
                return;
            }
            bases.put(fit, made.posterior());
            refits.add(fit);
        }
        waiting.putIfAbsent(fit, 0);
        changedSinceLook.add(fit);
        idle = 0;
        pending.set(this, true);
    }

    /**
     * A training question that was asked for its noise takes the place of no question for validation, nor does one that
     * was labelled for its familiarity alone: its id was forgotten and asked again. What can no longer count is not
     * kept.
     *
     * @return whether anything has changed
     */
    private boolean put(String fit, QuestionChange.OfAnswer change) {
        String key = fit + '/' + change.questionId();
        CalibrationAnswer before = answers.get(key);
        CalibrationAnswer answer = change.answer() == null || isPast(fit, change.answer()) ? null : change.answer();
        boolean forNoise = change.answer() != null && change.answer().isForNoise();
        boolean forFamiliarity = change.answer() != null && change.answer().isForFamiliarity();
        if (Objects.equals(before, answer)
                || (forNoise && before != null && !before.isForNoise())
                || (forFamiliarity && before != null && before.isLabelled())) {
            return false;
        }
        answers.put(key, answer);
        if (!isOfFamiliarityAtMost(before) || !isOfFamiliarityAtMost(answer)) {
            refits.add(fit);
        }
        return true;
    }

    private boolean isPast(String fit, CalibrationAnswer answer) {
        if (answer.isLabelled()) {
            return false;
        }
        Posterior base = bases.get(fit);
        Posterior last = base == null ? posteriors.get(fit) : base;
        return last != null && LabelCalibration.isPast(answer, last);
    }

    private static boolean isOfFamiliarityAtMost(CalibrationAnswer answer) {
        return answer == null || answer.isForFamiliarity();
    }

    private void look() {
        finish();
        for (String fit : List.copyOf(waiting.keySet())) { // one that fails at once waits again
            if (job == null && (!changedSinceLook.contains(fit) || waiting.get(fit) >= MOST_LOOKS)) {
                waiting.remove(fit);
                start(fit);
                finish();
            }
        }
        waiting.replaceAll((fit, looks) -> looks + 1);
        changedSinceLook.clear();
        idle = waiting.isEmpty() && job == null && unusable.isEmpty() ? idle + 1 : 0;
        pending.set(this, idle <= IDLE_LOOKS);
        if (!unusable.isEmpty()) {
            throw unusable.remove(); // one a look: the handler makes its dead letter, and what was done stays done
        }
    }

    @Override
    public void close() {
        pending.set(this, false);
    }

    private void start(String fit) {
        Posterior base = bases.get(fit);
        if (base == null) {
            return; // its arrival triggers the calibration
        }
        Map<String, CalibrationAnswer> known = prefixed(answers, fit + '/');
        for (String question : LabelCalibration.superfluous(known, base)) {
            known.remove(question);
            answers.delete(fit + '/' + question);
        }
        if (!refits.contains(fit)) {
            Posterior last = posteriors.get(fit);
            start(
                    fit,
                    new CalibrationSet(base, known, List.of(), Map.of()),
                    set -> calibration.familiarityAlone(set, last));
            return;
        }
        List<FactorUpdate> blocks = new ArrayList<>();
        for (BlockPrecision block : base.getBlocks()) {
            FactorUpdate spectrum = spectra.get(fit + '/' + block.getBlock());
            if (spectrum == null) {
                LOG.warn("{} is not calibrated: the spectrum of its block {} is lost", fit, block.getBlock());
                return;
            }
            blocks.add(spectrum);
        }
        refits.remove(fit);
        start(
                fit,
                new CalibrationSet(
                        base, known, blocks, statistics == null ? Map.of() : prefixed(statistics, fit + '/')),
                calibration::attempt);
    }

    private void start(String fit, CalibrationSet set, Function<CalibrationSet, LabelCalibration.Outcome> calibrate) {
        job = new Job(fit, set, CompletableFuture.supplyAsync(() -> timed(set, calibrate), executor));
    }

    private LabelCalibration.Outcome timed(
            CalibrationSet set, Function<CalibrationSet, LabelCalibration.Outcome> calibrate) {
        long begin = System.nanoTime();
        LabelCalibration.Outcome outcome = calibrate.apply(set);
        listener.took(FitterListener.Stage.CALIBRATION, System.nanoTime() - begin);
        return outcome;
    }

    private void finish() {
        if (job == null || !job.result.isDone()) {
            return;
        }
        Job done = job;
        job = null;
        Posterior base = bases.get(done.key);
        if (base == null || base.getVersion() != done.set.base().getVersion()) {
            again(done.key); // other factors came in between
            return;
        }
        LabelCalibration.Outcome outcome = result(done);
        if (outcome.failure() != null) {
            takeOut(done.key, outcome);
            return;
        }
        Posterior last = posteriors.get(done.key);
        Posterior calibrated = outcome.posterior();
        if (LabelCalibration.same(last, calibrated)) {
            return;
        }
        calibrated.setVersion(last.getVersion() + 1);
        posteriors.put(done.key, calibrated);
        if (!LabelCalibration.samePrior(base, calibrated)) {
            bases.put(done.key, LabelCalibration.uncalibrated(calibrated));
        }
        context.forward(
                new Record<>(done.key, calibrated, calibrated.getTimestamp().toEpochMilli()));
        context.commit();
        listener.accept(calibrated);
    }

    /** Takes what made a calibration fail out of the stores, so that the next one goes without it. */
    private void takeOut(String fit, LabelCalibration.Outcome outcome) {
        String why = String.valueOf(outcome.failure().getMessage());
        if (outcome.unusable().isEmpty()) {
            LOG.warn("{} is not calibrated, its posterior stays as it was: {}", fit, why);
            return;
        }
        for (String question : outcome.unusable()) {
            String key = fit + '/' + question;
            // The statistics first: an answer has passed more checks, and is tried without them.
            Object entry = statistics == null ? null : statistics.delete(key);
            String what = entry == null ? "the answer and the label" : "the predictive statistics";
            entry = entry == null ? answers.delete(key) : entry;
            unusable.add(new UnusableEntryException(
                    what + " of question '" + question + "' make the calibration of " + fit + " fail, which goes on"
                            + " without them: " + why,
                    key.getBytes(StandardCharsets.UTF_8),
                    String.valueOf(entry).getBytes(StandardCharsets.UTF_8),
                    outcome.failure()));
        }
        again(fit);
    }

    private void again(String fit) {
        waiting.putIfAbsent(fit, 0);
        refits.add(fit);
    }

    private static LabelCalibration.Outcome result(Job done) {
        try {
            return done.result.join();
        } catch (CompletionException e) {
            throw new IllegalStateException(
                    "calibration of " + done.key + ": " + e.getCause().getMessage(), e.getCause());
        }
    }

    /** What a store holds under a prefix, by the rest of the key. */
    private static <V> Map<String, V> prefixed(KeyValueStore<String, V> store, String prefix) {
        Map<String, V> found = new HashMap<>();
        try (StringSerializer keys = new StringSerializer();
                KeyValueIterator<String, V> all = store.prefixScan(prefix, keys)) {
            all.forEachRemaining(each -> found.put(each.key.substring(prefix.length()), each.value));
        }
        return found;
    }

    /** run/checkpoint/fit of run/checkpoint/fit/question; no name has a '/', a question may. */
    private static String fitOf(String key) {
        int slash = -1;
        for (int i = 0; i < 3; i++) {
            slash = key.indexOf('/', slash + 1);
        }
        return key.substring(0, slash);
    }
}
