package io.calibrant.infra.live;

import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the topics have said so far. Bounded: every series is thinned to some hundred points, of answers and dead
 * letters the newest are kept, and of fits the {@value #FITS} that changed last. Not thread-safe.
 */
public final class LiveState implements LiveRecords {
    static final int FITS = 30;
    private static final int UNMET = 1000;
    private static final int DEAD_LETTERS = 200;

    private static final Comparator<DeadLetter> BY_TIME = Comparator.comparingLong(DeadLetter::time)
            .thenComparing(DeadLetter::topic)
            .thenComparingInt(DeadLetter::partition)
            .thenComparingLong(DeadLetter::offset);

    /** Characters of a run, checkpoint, fit or block; a record with a longer one is nobody's and is not kept. */
    private static final int NAME = 1000;

    private final Map<String, Run> runs = new TreeMap<>();
    private final Map<String, Instant> described = new HashMap<>();
    private final Map<String, RunHistory> progress = new HashMap<>();
    private final QuestionPlaces questions = new QuestionPlaces();
    private final Map<String, AnswerHistory> answers = new HashMap<>();
    private final Map<FitName, FitHistory> fits = new TreeMap<>();
    private final Map<FitName, Long> removed = new HashMap<>();

    /** What names no checkpoint, by the key of its record. */
    private final Map<String, CalibrationMetrics> unmet = new HashMap<>();

    private final TreeSet<FitName> leftOut = new TreeSet<>();
    private final TreeSet<DeadLetter> deadLetters = new TreeSet<>(BY_TIME);
    private final Map<String, Long> deadLetterCounts = new LinkedHashMap<>();
    private long unreadable;
    private String unreadableLast = "";
    private long version;

    @Override
    public void run(String key, Run run, long timestamp) {
        version++;
        if (run == null) {
            runs.remove(key);
            described.remove(key);
        } else {
            runs.put(run.getRunId(), run);
            described.put(run.getRunId(), Instant.ofEpochMilli(timestamp));
        }
    }

    private static void requireNames(String... names) {
        for (String name : names) {
            if (name != null && name.length() > NAME) {
                throw new IllegalArgumentException(
                        "a name must have at most " + NAME + " characters, got " + name.length());
            }
        }
    }

    @Override
    public void progress(Progress next) {
        requireNames(next.getRunId(), next.getCheckpoint());
        version++;
        if (next.getDeleted() != null) {
            progress.remove(next.getRunId());
            return;
        }
        progress.computeIfAbsent(next.getRunId(), run -> new RunHistory()).add(next);
    }

    @Override
    public void factors(FactorUpdate update, long timestamp) {
        requireNames(update.getRunId(), update.getCheckpoint(), update.getFit(), update.getBlock());
        FitName name = new FitName(update.getRunId(), update.getCheckpoint(), update.getFit());
        if (timestamp > removed.getOrDefault(name, Long.MIN_VALUE)) {
            version++;
            fit(name).factors(update, timestamp);
        }
    }

    @Override
    public void posterior(String key, Posterior posterior, long timestamp) {
        version++;
        if (posterior == null) {
            FitName name = FitName.ofKey(key);
            if (name != null) {
                fits.remove(name);
                leftOut.remove(name);
                removed.put(name, timestamp);
            }
            return;
        }
        requireNames(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit());
        fit(new FitName(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit()))
                .posterior(posterior, timestamp);
    }

    @Override
    public void calibration(String key, CalibrationMetrics metrics) {
        version++;
        int window = key == null ? -1 : key.lastIndexOf('/');
        if (metrics == null) {
            unmet.remove(key);
            FitName name = window < 0 ? null : FitName.ofKey(key.substring(0, window));
            FitHistory fit = name == null ? null : fits.get(name);
            if (fit != null) {
                fit.calibrationRemoved(key.substring(window + 1));
            }
        } else if (metrics.getCheckpoint().isEmpty()) {
            requireNames(metrics.getRunId(), metrics.getCheckpoint(), metrics.getFit(), metrics.getWindow());
            if (unmet.size() < UNMET || unmet.containsKey(key)) {
                unmet.put(key, metrics);
            }
        } else {
            requireNames(metrics.getRunId(), metrics.getCheckpoint(), metrics.getFit(), metrics.getWindow());
            fit(new FitName(metrics.getRunId(), metrics.getCheckpoint(), metrics.getFit()))
                    .calibration(metrics);
        }
    }

    /** Labels of a run that no answer with the fit has met, and what was refused there; null for none. */
    public CalibrationMetrics unmet(FitName fit) {
        return unmet.get(Keys.calibration(fit.run(), "", fit.fit(), "total"));
    }

    /** An answer; one that was asked for the noise of a logit alone counts nowhere else. */
    @Override
    public void answer(Answer answer, long timestamp, int partition, long offset) {
        requireNames(answer.getRunId(), answer.getCheckpoint(), answer.getFit());
        if (answer.getPurpose() == Purpose.NOISE) {
            return;
        }
        version++;
        answers.computeIfAbsent(answer.getRunId(), run -> new AnswerHistory())
                .add(answer, timestamp, partition, offset);
    }

    @Override
    public void question(String key, int partition, long offset) {
        questions.put(key, partition, offset);
    }

    @Override
    public void deadLetter(DeadLetter letter) {
        version++;
        deadLetters.add(letter);
        if (deadLetters.size() > DEAD_LETTERS) {
            deadLetters.pollFirst();
        }
        deadLetterCounts.merge(letter.topic(), 1L, Long::sum);
    }

    @Override
    public void unreadable(String line) {
        version++;
        unreadable++;
        unreadableLast = line;
    }

    private FitHistory fit(FitName name) {
        FitHistory fit = fits.get(name);
        if (fit == null) {
            fit = new FitHistory(name);
            fits.put(name, fit);
            if (fits.size() > FITS) {
                FitHistory kept = fit;
                fits.values().stream()
                        .filter(each -> each != kept)
                        .min(Comparator.comparingLong(FitHistory::changed))
                        .ifPresent(oldest -> {
                            fits.remove(oldest.name());
                            leftOut.add(oldest.name());
                        });
            }
            leftOut.remove(name);
        }
        return fit;
    }

    /** Grows with everything that has come. */
    public long version() {
        return version;
    }

    /** What runs are, by name. */
    public Map<String, Run> runs() {
        return Collections.unmodifiableMap(runs);
    }

    /** The names of the runs whose trainers have spoken. */
    public Set<String> trainers() {
        return Collections.unmodifiableSet(progress.keySet());
    }

    /** When a run was described; null where it was not. */
    public Instant described(String run) {
        return described.get(run);
    }

    /** When the trainer of a run spoke first, or the run was described; null where neither is known. */
    public Instant started(String run) {
        RunHistory trainer = progress.get(run);
        Instant first = trainer == null ? null : trainer.started();
        Instant description = described.get(run);
        if (first == null || description == null) {
            return first == null ? description : first;
        }
        return first.isBefore(description) ? first : description;
    }

    /** Where the newest questions are. */
    public QuestionPlaces questions() {
        return questions;
    }

    /** How the trainer of a run does; null where nothing is known. */
    public RunHistory progress(String run) {
        return progress.get(run);
    }

    /** The answers of a run; null where there are none. */
    public AnswerHistory answers(String run) {
        return answers.get(run);
    }

    /** The fit of this name; null where there is none. */
    public FitHistory fit(String run, String checkpoint, String fit) {
        return fits.get(new FitName(run, checkpoint, fit));
    }

    /** All fits, by name; those with calibration figures only are not complete and have no blocks. */
    public Collection<FitHistory> fits() {
        return Collections.unmodifiableCollection(fits.values());
    }

    /** The fits of a run, those that changed last first. */
    public List<FitHistory> fits(String run) {
        List<FitHistory> of = new ArrayList<>(fits.values());
        of.removeIf(fit -> !fit.name().run().equals(run));
        of.sort(Comparator.comparingLong(FitHistory::changed).reversed());
        return of;
    }

    /** How many fits were left out because more than {@value #FITS} are on the topics. */
    public int leftOut() {
        return leftOut.size();
    }

    /** The newest {@value #DEAD_LETTERS}, the oldest of them first. */
    public Collection<DeadLetter> deadLetters() {
        return Collections.unmodifiableCollection(deadLetters);
    }

    /** How many dead letters there are, by topic. */
    public Map<String, Long> deadLetterCounts() {
        return Collections.unmodifiableMap(deadLetterCounts);
    }

    /** How many records could not be read. */
    public long unreadable() {
        return unreadable;
    }

    /** Which record could not be read last, and why; empty for none. */
    public String unreadableLast() {
        return unreadableLast;
    }
}
