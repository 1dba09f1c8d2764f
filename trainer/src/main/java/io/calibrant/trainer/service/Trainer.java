package io.calibrant.trainer.service;

import ai.djl.Device;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.ReachabilityCheck;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.finetuning.FineTuning;
import io.calibrant.trainer.finetuning.FineTuningListener;
import io.calibrant.trainer.finetuning.FineTuningSettings;
import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.BaseWeights;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.StateSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.state.PassProgress;
import io.calibrant.trainer.state.StateFile;
import io.calibrant.trainer.state.StateKeeper;
import io.calibrant.trainer.state.TrainerState;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.ProducerListener;
import io.calibrant.trainer.statistics.PublishedRun;
import io.calibrant.trainer.statistics.Publisher;
import io.calibrant.trainer.statistics.RunDescription;
import io.calibrant.trainer.statistics.SendQueue;
import io.calibrant.trainer.statistics.Unsent;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * From files to records: loads model, adapter and questions, fine-tunes and streams the statistics of its steps, writes
 * the adapter, measures the curvature at every checkpoint in evaluation mode, and publishes all of it. Nothing is
 * published before every file has been read and checked. Where it keeps its state it resumes from the last one.
 */
public final class Trainer implements AutoCloseable {
    /** Progress records of fine-tuning are sent at every so many steps, and at the last. */
    private static final int STEPS_PER_RECORD = 5;

    private final TrainerSettings settings;
    private final Connection connection;
    private final StoppedTraining listener;
    private final Pulse pulse;
    private volatile ProducerListener producers = ProducerListener.SILENT;
    private volatile SendQueue sending;
    private volatile boolean stopping;

    /** Prepares a trainer; {@link #run()} does the work in the caller's thread. */
    public Trainer(TrainerSettings settings, Connection connection, ProgressListener listener) {
        this.settings = settings;
        this.connection = connection;
        this.pulse = new Pulse(listener, System::nanoTime);
        this.listener = new StoppedTraining(settings, pulse);
    }

    /** Runs a trainer to its end; see {@link #run()}. */
    public static void run(TrainerSettings settings, Connection connection, ProgressListener listener) {
        try (Trainer trainer = new Trainer(settings, connection, listener)) {
            trainer.run();
        }
    }

    /**
     * Does everything, or as much as there is time for until {@link #close()} is called by another thread.
     *
     * @return whether all was done
     * @throws RuntimeException whose message is one line: a file that is missing, damaged or does not fit, a question
     *     that cannot be asked, a broker that does not answer
     */
    public boolean run() {
        event(Phase.LOADING, 0, 1, OptionalDouble.empty(), Optional.empty());
        AdapterOutput.check(settings);
        ModelConfig config = ModelConfig.read(settings.model());
        TrainingSet set = TrainingSet.read(settings, config, listener::warned);
        Adapter initial = adapter(config, set);
        settings.adapter()
                .from()
                .ifPresent(from -> BaseWeights.requireUnchanged(from, initial.saved(), settings.model()));
        Device device = settings.execution().device().resolve();
        ReachabilityCheck.check(connection);
        if (settings.execution().createTopics()) {
            TopicAdmin.createMissing(connection).forEach(listener::warned);
        }
        RunDescription described = RunDescriptions.describe(settings, initial, set);
        Publisher.requireAccess(
                connection,
                described.runId(),
                settings.curvature().shard().toString(),
                isAsking(set),
                !set.validation().isEmpty());
        PublishedRun.Name name = PublishedRun.requireSame(
                connection, described, settings.execution().replaceRun());
        ValidationIds.requireFree(
                connection, settings, set.validation(), name.replaced().isPresent());
        if (set.seen() > 0) {
            listener.warned(set.seen() + " of " + (set.seen() + set.validation().size())
                    + " validation questions are training questions by their text: refused, the others are sent");
        }
        if (name.withoutInputs()) {
            listener.warned("run '" + described.runId()
                    + "' was begun before familiarity: it goes on without, and its answers have none");
        }
        RunDescription run = name.of(described);
        Optional<StateFile> file = stateFile(run);
        Optional<TrainerState> from = file.flatMap(f -> f.read(initial));
        PublishedRun.take(connection, run.runId(), name, listener::warned);
        file.ifPresent(f -> {
            f.prepare();
            listener.warned(StateFile.describe(settings, f.path(), from));
        });
        if (from.isPresent() && from.get().complete()) {
            write(from.get().tuning().adapter(), config);
            event(Phase.DONE, 1, 1, OptionalDouble.empty(), Optional.empty());
            return true;
        }
        try (LanguageModel base = LanguageModel.load(
                        settings.model(),
                        device,
                        settings.base(),
                        initial.saved().weights());
                AdaptedModel model = new AdaptedModel(
                        base, from.map(state -> state.tuning().adapter()).orElse(initial))) {
            event(Phase.LOADING, 1, 1, OptionalDouble.empty(), Optional.empty());
            try (Publisher publisher = Publisher.open(
                    connection,
                    run,
                    settings.curvature().shard().toString(),
                    settings.streaming().rowType(),
                    producers)) {
                publisher.run();
                try (SendQueue queue =
                        publisher.queue(settings.streaming().sendBuffer(), () -> stopping, listener::warned)) {
                    sending = queue;
                    StateKeeper keeper = new StateKeeper(
                            file,
                            settings.execution()
                                    .state()
                                    .map(StateSettings::every)
                                    .orElse(Duration.ZERO),
                            queue,
                            () -> stopping);
                    listener.keptBy(() -> keeper.kept().or(() -> from));
                    return publish(model, initial, set, run, publisher, queue, keeper, from);
                }
            }
        }
    }

    private boolean publish(
            AdaptedModel model,
            Adapter initial,
            TrainingSet set,
            RunDescription run,
            Publisher publisher,
            SendQueue queue,
            StateKeeper keeper,
            Optional<TrainerState> from) {
        CurvaturePass pass =
                new CurvaturePass(settings, model, set, publisher, queue, keeper, listener, () -> stopping);
        if (!tune(model, initial, set, publisher, queue, pass, keeper, from)) {
            return false;
        }
        Adapter now = settings.optimisation().steps() > 0 ? model.weights().snapshot() : initial;
        write(now, model.model().config());
        FineTuningState end = FineTuningState.last(settings.optimisation().steps(), now);
        PassProgress passed = from.filter(state ->
                        state.tuning().step() == settings.optimisation().steps())
                .map(TrainerState::pass)
                .orElse(PassProgress.NONE);
        Checkpoint checkpoint = new Checkpoint(settings.checkpoint(), now, initialIfKnown(initial));
        if (!pass.run(checkpoint, true, passed, () -> end) || !queue.flush()) {
            return false;
        }
        if (isAsking(set)) {
            if (!new FitWait(
                                    settings,
                                    connection,
                                    Keys.checkpoint(run.generation(), settings.checkpoint()),
                                    listener,
                                    () -> stopping)
                            .await(set.prompts().size())
                    || !queue.send(0, () -> ask(publisher, set))) {
                return false;
            }
        }
        keeper.keep(end, PassProgress.NONE, true);
        if (!queue.flush()) {
            return false;
        }
        event(Phase.DONE, 1, 1, OptionalDouble.empty(), Optional.empty());
        return true;
    }

    /** Whether this process sends questions at its end: of several shards the first one does. */
    private boolean isAsking(TrainingSet set) {
        return settings.curvature().shard().index() == 0
                && !(set.validation().isEmpty() && set.forNoise().isEmpty());
    }

    private static void ask(Publisher publisher, TrainingSet set) {
        if (!set.validation().isEmpty()) {
            publisher.validation(set.validation());
        }
        if (!set.forNoise().isEmpty()) {
            publisher.noise(set.forNoise());
        }
    }

    private void write(Adapter adapter, ModelConfig config) {
        settings.adapter()
                .output()
                .ifPresent(directory ->
                        Peft.write(directory, adapter, config, settings.model().toString(), settings.run()));
    }

    private Optional<StateFile> stateFile(RunDescription run) {
        return settings.execution().state().map(keeping -> {
            Map<String, String> all = new LinkedHashMap<>();
            all.put("run", settings.run());
            all.put("shard", settings.curvature().shard().toString());
            all.putAll(PublishedRun.place(connection));
            all.putAll(PublishedRun.settings(run));
            if (run.generation() > 0) {
                all.put("generation", Integer.toString(run.generation()));
            }
            return new StateFile(
                    keeping.file(settings.run(), settings.curvature().shard()), all);
        });
    }

    private Adapter adapter(ModelConfig config, TrainingSet set) {
        int[] classTokens = set.classTokens().ids();
        AdapterSettings wanted = settings.adapter();
        return wanted.from().isPresent()
                ? TrainedClassifier.adapter(
                        wanted.from().get(), config, set.classifier(), classTokens, wanted.headBlock())
                : Adapter.initialise(config, wanted.lora(), classTokens, settings.seed());
    }

    /** An adapter that was trained elsewhere does not say where it started. */
    private Adapter initialIfKnown(Adapter initial) {
        return settings.adapter().from().isPresent() && settings.optimisation().steps() == 0 ? null : initial;
    }

    private boolean tune(
            AdaptedModel model,
            Adapter initial,
            TrainingSet set,
            Publisher publisher,
            SendQueue queue,
            CurvaturePass pass,
            StateKeeper keeper,
            Optional<TrainerState> from) {
        int begun = from.map(state -> state.tuning().step()).orElse(0);
        if (begun == settings.optimisation().steps()) {
            return !stopping;
        }
        FineTuningSettings tuned = new FineTuningSettings(
                settings.optimisation().steps(),
                settings.optimisation().batchSize(),
                settings.optimisation().learningRate(),
                OptimisationSettings.WEIGHT_DECAY,
                settings.seed());
        try (LiveStatistics live = new LiveStatistics(settings, model, initial, publisher, queue);
                FineTuning tuning =
                        new FineTuning(model, set.prompts(), set.pad(), tuned, from.map(TrainerState::tuning))) {
            if (settings.measures(begun)
                    && !pass.run(
                            checkpoint(begun, model, initial),
                            false,
                            from.orElseThrow().pass(),
                            tuning::state)) {
                return false;
            }
            long start = System.nanoTime();
            event(Phase.FINE_TUNING, begun, settings.optimisation().steps(), OptionalDouble.empty(), Optional.empty());
            tuning.run(new FineTuningListener() {
                @Override
                public boolean captures(int step) {
                    return live.captures(step);
                }

                @Override
                public void captured(int step, Pass training, List<EncodedPrompt> prompts) {
                    live.captured(step, training, prompts);
                }

                @Override
                public boolean stepped(int step, double loss, double rate, long examples) {
                    event(
                            Phase.FINE_TUNING,
                            step,
                            settings.optimisation().steps(),
                            OptionalDouble.of(loss),
                            remaining(
                                    start, step - begun, settings.optimisation().steps() - begun));
                    if (step % STEPS_PER_RECORD == 0
                            || step == settings.optimisation().steps()) {
                        queue.send(
                                0,
                                () -> publisher.fineTuning(
                                        step, settings.optimisation().steps(), loss, rate, examples));
                    }
                    if (step < settings.optimisation().steps() && settings.measures(step)) {
                        live.end(); // a state cannot hold half a record
                        pass.run(checkpoint(step, model, initial), false, PassProgress.NONE, tuning::state);
                    } else if (step < settings.optimisation().steps() && live.isEmpty() && keeper.isDue()) {
                        keeper.keep(tuning.state(), PassProgress.NONE, false);
                    }
                    return !stopping;
                }
            });
            if (!stopping) {
                live.end(); // a resumed trainer would send the same batches in a whole record
            }
        }
        return !stopping;
    }

    private static Checkpoint checkpoint(int step, AdaptedModel model, Adapter initial) {
        return new Checkpoint(TrainerSettings.checkpoint(step), model.weights().snapshot(), initial);
    }

    static Optional<Duration> remaining(long start, long done, long total) {
        return done == 0
                ? Optional.empty()
                : Optional.of(Duration.ofNanos((System.nanoTime() - start) / done * (total - done)));
    }

    private void event(Phase phase, long done, long total, OptionalDouble loss, Optional<Duration> remaining) {
        listener.progressed(new Event(phase, done, total, loss, remaining));
    }

    /**
     * Why it does not move, in a word: {@code loading}, {@code waiting-for-kafka} while a step waits for what is to be
     * sent before it, {@code stuck}, {@code stopped}. Empty while it moves, and at its end. From any thread.
     */
    public Optional<String> obstacle() {
        if (stopping) {
            return Optional.of("stopped");
        }
        return unsent().blocked() ? Optional.of("waiting-for-kafka") : pulse.obstacle();
    }

    /** How long ago it moved last. From any thread. */
    public Duration pause() {
        return pulse.pause();
    }

    /** What waits to be sent. From any thread. */
    public Unsent unsent() {
        SendQueue queue = sending;
        return queue == null ? Unsent.NONE : queue.unsent();
    }

    /** Before {@link #run}: who hears of each producer. */
    public void producersTo(ProducerListener listener) {
        producers = listener;
    }

    /**
     * Where a trainer stopped that was closed before its end, and how it goes on, in one line; empty where everything
     * was done. From any thread.
     */
    public Optional<String> unfinished() {
        return listener.line();
    }

    /** Makes {@link #run()} return after the step or batch it is at. What was published stays. */
    @Override
    public void close() {
        stopping = true;
    }
}
