package io.calibrant.infra.watch;

import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.FitName;
import io.calibrant.infra.live.LiveReader;
import io.calibrant.infra.live.LiveRecords;
import io.calibrant.infra.live.LiveState;
import io.calibrant.infra.live.RunHistory;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Follows one run, or one checkpoint or fit of it, until told to stop. What is shown of several fits is the one that
 * changed last.
 */
public final class Watch {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final long FRAME_NANOS = Duration.ofMillis(500).toNanos();
    private static final long AGE_NANOS = Duration.ofSeconds(1).toNanos();

    /** A turn that takes longer than this was stopped meanwhile. */
    private static final long STOPPED_NANOS = Duration.ofSeconds(2).toNanos();

    private final Connection connection;
    private final String run;
    private final String checkpoint;
    private final String fit;
    private final BooleanSupplier stopped;
    private final Consumer<String> outages;
    private final LiveState state = new LiveState();

    /** Told of what happens to the run; returns whether to go on. */
    public interface Updates {
        /** A progress event of the trainer. */
        boolean progress(Progress progress);

        /**
         * A fold.
         *
         * @param lagSeconds how far the fit is behind the trainer, null where that is not known
         */
        boolean factors(FactorUpdate update, Double lagSeconds);

        /**
         * A posterior.
         *
         * @param trainer null where the trainer has said nothing
         */
        boolean posterior(Posterior posterior, FitHistory fit, RunHistory trainer);
    }

    /**
     * Watches nothing yet.
     *
     * @param checkpoint null for every one
     * @param fit null for every one
     * @param stopped asked a few times a second whether it is over
     * @param outages called once when the broker or the registry is away, and once when it is back; a table says so
     *     itself; and once where something is waited for
     */
    public Watch(
            Connection connection,
            String run,
            String checkpoint,
            String fit,
            BooleanSupplier stopped,
            Consumer<String> outages) {
        this.connection = connection;
        this.run = run;
        this.checkpoint = checkpoint;
        this.fit = fit;
        this.stopped = stopped;
        this.outages = outages;
    }

    /** Whether standard output is a terminal. */
    public static boolean onTerminal() {
        return Screen.onTerminal();
    }

    /** Whether nobody has asked for no colours (no-color.org), and the terminal knows them. */
    public static boolean wantsColours(Map<String, String> environment) {
        return environment.getOrDefault("NO_COLOR", "").isEmpty() && !"dumb".equals(environment.get("TERM"));
    }

    /**
     * Shows the table until stopped, on a terminal also until its reader presses q.
     *
     * <p>Waits for a run, checkpoint or fit that is not there yet, and says so once.
     *
     * @param colour whether to use colours
     * @throws IllegalStateException if a topic is missing
     */
    public void table(PrintWriter writer, boolean colour) {
        AtomicBoolean shown = new AtomicBoolean();
        Consumer<String> unlessShown = line -> {
            if (!shown.get()) {
                outages.accept(line);
            }
        };
        try (LiveReader reader = LiveReader.ofRuns(connection, unlessShown)) {
            catchUp(reader, state);
            shown.set(true);
            boolean terminal = Screen.onTerminal();
            Screen screen = new Screen(writer, terminal, colour);
            try (Keyboard keyboard = terminal ? Keyboard.open() : Keyboard.none()) {
                Wanted wanted = Wanted.DEFAULT;
                long version = -1;
                boolean silent = false;
                String problem = "";
                boolean away = false;
                long turn = System.nanoTime();
                long last = System.nanoTime() - FRAME_NANOS;
                while (!stopped.getAsBoolean() && !wanted.quit()) {
                    boolean inFront = keyboard.isInFront();
                    // Ctrl-Z and fg: something else is on the terminal since.
                    if (inFront && (away || System.nanoTime() - turn > STOPPED_NANOS)) {
                        keyboard.takeAgain();
                        screen.forget();
                    }
                    away = !inFront;
                    turn = System.nanoTime();
                    Instant now = Instant.now();
                    RunHistory trainer = state.progress(run);
                    boolean quiet = trainer != null && trainer.isSilent(now);
                    boolean changed = state.version() != version
                            || quiet != silent
                            || !reader.problem().equals(problem);
                    long since = System.nanoTime() - last;
                    // How long ago things were changes by itself; a file is not to fill up with that. From the
                    // background nothing is written between the lines of a shell.
                    if (inFront
                            && (wanted.isNew()
                                    || (changed && since >= FRAME_NANOS)
                                    || (terminal && since >= AGE_NANOS))) {
                        version = state.version();
                        silent = quiet;
                        problem = reader.problem();
                        last = System.nanoTime();
                        int[] size = screen.size();
                        WatchFrame frame = WatchFrame.of(
                                WatchView.of(state, run, newest(), problem, now),
                                new FrameLayout(
                                        size[1],
                                        size[0],
                                        keyboard.works() ? Wanted.KEYS : "",
                                        wanted.single(),
                                        wanted.scroll()));
                        wanted = wanted.shown(frame.scroll());
                        if (!screen.show(frame.lines(), size)) {
                            return;
                        }
                    }
                    reader.poll(POLL, state);
                    for (Keyboard.Key key : keyboard.pressed()) {
                        wanted = wanted.after(key);
                    }
                }
            } finally {
                screen.close();
            }
        }
    }

    /**
     * Hands on what is now, then every update as it comes, until stopped or not wanted any more; see {@link #table}.
     */
    public void updates(Updates updates) {
        try (LiveReader reader = LiveReader.ofRuns(connection, outages)) {
            catchUp(reader, state);
            if (!now(updates)) {
                return;
            }
            Handing handing = new Handing(updates);
            while (!stopped.getAsBoolean() && handing.wanted) {
                reader.poll(POLL, handing);
            }
        }
    }

    private void catchUp(LiveReader reader, LiveState into) {
        while (!reader.caughtUp() && !stopped.getAsBoolean()) {
            reader.poll(POLL, into);
        }
        String said = "";
        Missing missing = missing();
        while (missing != null && !stopped.getAsBoolean()) {
            if (!said.equals(missing.kind)) {
                outages.accept("waiting: " + missing.line);
                said = missing.kind;
            }
            reader.poll(POLL, into);
            missing = missing();
        }
    }

    /** What is not there yet, and a line that says so. */
    private record Missing(String kind, String line) {
        static Missing of(String kind, String name, String where, Set<String> known) {
            return new Missing(
                    kind,
                    "there is no " + kind + " '" + name + "' " + where + " yet, there "
                            + (known.isEmpty() ? "is none" : known.size() == 1 ? "is " + known : "are " + known));
        }
    }

    /** Null where everything is there. */
    private Missing missing() {
        RunHistory trainer = state.progress(run);
        Set<String> runs = new TreeSet<>(state.runs().keySet());
        state.fits().forEach(each -> runs.add(each.name().run()));
        if (!runs.contains(run) && trainer == null) {
            return Missing.of("run", run, "on topic " + connection.topics().runs(), runs);
        }
        Set<String> checkpoints =
                new TreeSet<>(trainer == null ? Set.of() : trainer.checkpoints().keySet());
        state.fits(run).forEach(each -> checkpoints.add(each.name().checkpoint()));
        if (checkpoint != null && !checkpoints.contains(checkpoint)) {
            return Missing.of("checkpoint", checkpoint, "of run '" + run + "'", checkpoints);
        }
        Set<String> fits = new TreeSet<>();
        state.fits(run).forEach(each -> fits.add(each.name().fit()));
        if (fit != null && !fits.contains(fit)) {
            return Missing.of("fit", fit, "of run '" + run + "'", fits);
        }
        return null;
    }

    private boolean wanted(FitName name) {
        return name.run().equals(run)
                && (checkpoint == null || name.checkpoint().equals(checkpoint))
                && (fit == null || name.fit().equals(fit));
    }

    private FitHistory newest() {
        return state.fits(run).stream()
                .filter(each -> wanted(each.name()))
                .max(Comparator.comparingLong(FitHistory::changed))
                .orElse(null);
    }

    private boolean now(Updates updates) {
        RunHistory trainer = state.progress(run);
        if (trainer != null && !updates.progress(trainer.latest())) {
            return false;
        }
        List<FitHistory> fits = state.fits(run).stream()
                .filter(each -> wanted(each.name()))
                .sorted(Comparator.comparing(FitHistory::changed))
                .toList();
        for (FitHistory each : fits) {
            Double lag = trainer == null ? null : trainer.lagSeconds(each);
            for (var block : each.blocks().values()) {
                if (!updates.factors(block.latest(), lag)) {
                    return false;
                }
            }
            if (each.posterior() != null && !updates.posterior(each.posterior(), each, trainer)) {
                return false;
            }
        }
        return true;
    }

    /** Takes each record into the state, then hands it on. */
    private final class Handing implements LiveRecords {
        private final Updates updates;
        private boolean wanted = true;

        private Handing(Updates updates) {
            this.updates = updates;
        }

        @Override
        public void run(String key, Run value, long timestamp) {
            state.run(key, value, timestamp);
        }

        @Override
        public void progress(Progress progress) {
            state.progress(progress);
            if (wanted && progress.getRunId().equals(run) && progress.getDeleted() == null) {
                wanted = updates.progress(progress);
            }
        }

        @Override
        public void factors(FactorUpdate update, long timestamp) {
            state.factors(update, timestamp);
            FitHistory of = state.fit(update.getRunId(), update.getCheckpoint(), update.getFit());
            if (wanted && of != null && wanted(of.name())) {
                RunHistory trainer = state.progress(run);
                wanted = updates.factors(update, trainer == null ? null : trainer.lagSeconds(of));
            }
        }

        @Override
        public void calibration(String key, CalibrationMetrics metrics) {
            state.calibration(key, metrics);
        }

        @Override
        public void posterior(String key, Posterior posterior, long timestamp) {
            state.posterior(key, posterior, timestamp);
            FitHistory of = posterior == null
                    ? null
                    : state.fit(posterior.getRunId(), posterior.getCheckpoint(), posterior.getFit());
            if (wanted && of != null && wanted(of.name())) {
                wanted = updates.posterior(posterior, of, state.progress(run));
            }
        }
    }
}
