package io.calibrant.infra.demo;

import io.calibrant.cluster.Cluster;
import io.calibrant.infra.evaluation.Evaluated;
import io.calibrant.infra.evaluation.EvaluationProgress;
import io.calibrant.infra.evaluation.Evaluator;
import io.calibrant.infra.monitor.Monitor;
import io.calibrant.infra.report.HtmlReport;
import io.calibrant.infra.report.Provenance;
import io.calibrant.infra.report.SourceFile;
import io.calibrant.infra.report.TypedCommand;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The whole loop on one machine: broker and registry here, trainer, fitter and scorer as processes of their own that
 * talk only through Kafka, started by the commands that a user would type.
 *
 * <p>{@link #run} does the work on the caller's thread; {@link #close} may be called from any thread and ends it, with
 * everything it has started.
 */
public final class Demo implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(300);
    /** Timeout of an answer; the first one may take as long as loading the model. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    /** How long to wait for the last of the validation labels to count, none being necessary. */
    private static final Duration CALIBRATION_PATIENCE = Duration.ofMinutes(2);

    private static final String NAME = "demo";

    private final DemoSettings settings;
    private final DemoListener listener;
    private final Deque<AutoCloseable> started = new ArrayDeque<>();
    private final List<Child> services = new ArrayList<>();
    private boolean closed;

    /** The result of the demo. */
    public record Outcome(Evaluated evaluated, Path report) {}

    /** Starts nothing yet. */
    public Demo(DemoSettings settings, DemoListener listener) {
        this.settings = settings;
        this.listener = listener;
    }

    /**
     * Runs everything; what it has started ends with {@link #close}.
     *
     * @throws RuntimeException with a message for the user if a part of it fails
     */
    public Outcome run() {
        long start = System.nanoTime();
        Path directory = directory();
        DemoFiles files = settings.files() == null ? DemoFiles.unpack(directory.resolve("demo")) : settings.files();
        List<Question> test = QuestionFile.read(files.test());
        int trainingQuestions = QuestionFile.read(files.questions()).size();
        List<SourceFile> sources = List.of(
                SourceFile.of("training", files.questions(), trainingQuestions),
                SourceFile.of("test", files.test(), test.size()));
        listener.said("Model " + files.model() + ", " + trainingQuestions + " training questions, " + test.size()
                + " held-out questions");
        listener.said("Everything is kept in " + directory);
        Connection connection = cluster(directory);
        String run = freeName(connection);

        List<String> where = List.of(
                "--bootstrap-server", connection.bootstrapServers(), "--schema-registry", connection.schemaRegistry());
        Path logs = directory.resolve("logs");
        services.add(child(
                logs,
                join(
                        List.of("fit"),
                        List.of("--state-dir", directory.resolve("fitter").toString()),
                        where)));
        List<String> train = join(
                List.of("train", "--run", run, "--model", files.model().toString(), "--questions"),
                List.of(files.questions().toString()),
                settings.training());
        Child trainer = child(logs, join(train, where, List.of()));
        List<String> score = join(
                List.of("score", "--run", run, "--model", files.model().toString()), settings.scoring(), List.of());
        services.add(child(logs, join(score, where, List.of())));

        Estimate estimate = follow(connection, run, trainer, test.size());
        EvaluationProgress.Listener answering = progress -> {
            check(trainer);
            double share = (double) (progress.answered() + progress.refused()) / progress.total();
            estimate.answered(share);
            String refused = progress.refused() == 0 ? "" : ", " + progress.refused() + " refused";
            listener.progress(
                    "answering",
                    progress.answered() + " of " + progress.total() + " questions" + refused,
                    estimate.share(),
                    progress.remaining() == null ? estimate.remaining() : progress.remaining());
        };
        Evaluated evaluated = new Evaluator(connection, run, null, PATIENCE, answering, listener::said).evaluate(test);
        Path report = directory.resolve("report.html");
        Map<String, String> facts = new LinkedHashMap<>(evaluated.facts());
        if (settings.files() == null) {
            facts.put(
                    "Questions",
                    "the demo's own; " + DemoModel.NOISE_PERCENT
                            + "% of the answers, of the held-out ones too, are wrong on purpose");
        }
        facts.put(
                "Commands",
                TypedCommand.of(train) + "; " + TypedCommand.of(List.of("fit")) + "; " + TypedCommand.of(score));
        facts.put("Time", Display.words(Duration.ofNanos(System.nanoTime() - start)));
        new HtmlReport(
                        "How sure is " + evaluated.run().getModelId() + ", and how often is it right?",
                        Provenance.now(settings.version(), settings.command(), sources),
                        facts,
                        evaluated.evaluation())
                .write(report);
        listener.said("Done in " + Display.words(Duration.ofNanos(System.nanoTime() - start)));
        return new Outcome(evaluated, report);
    }

    private Path directory() {
        try {
            if (settings.directory() == null) {
                return Files.createTempDirectory("calibrant-demo-");
            }
            return Files.createDirectories(settings.directory())
                    .toAbsolutePath()
                    .normalize();
        } catch (IOException e) {
            throw new DemoFailure("--dir: " + settings.directory() + " cannot be made: " + e, e);
        }
    }

    private Connection cluster(Path directory) {
        listener.progress("starting", "a Kafka broker and a schema registry", 0, null);
        Path state = directory.resolve("cluster");
        if (settings.directory() == null) {
            register(() -> delete(state));
            register(() -> delete(directory.resolve("fitter")));
        }
        Cluster cluster = Cluster.in(state, 0, 0);
        register(cluster);
        cluster.start();
        Connection connection = cluster.connection();
        TopicAdmin.createMissing(connection);
        listener.said("Kafka at " + connection.bootstrapServers() + ", registry at " + connection.schemaRegistry()
                + ", topics created");
        if (settings.monitor()) {
            Monitor monitor = Monitor.start(connection, 0);
            register(monitor);
            listener.said("Monitor: " + monitor.address() + " shows it live, until the demo ends");
        }
        return connection;
    }

    /** A run of an earlier demo in the same directory keeps its name. */
    private static String freeName(Connection connection) {
        Map<String, Run> runs =
                TopicReading.of(connection).latest(connection.topics().runs(), Run.class);
        String name = NAME;
        for (int i = 2; runs.containsKey(name); i++) {
            name = NAME + "-" + i;
        }
        return name;
    }

    private Child child(Path logs, List<String> arguments) {
        listener.said("$ " + TypedCommand.of(arguments));
        Child child = Child.start(
                "calibrant " + arguments.get(0), Launch.process(arguments), logs.resolve(arguments.get(0) + ".log"));
        register(child);
        return child;
    }

    /** Waits until the posterior is complete. */
    private Estimate follow(Connection connection, String run, Child trainer, int testQuestions) {
        Estimate estimate = null;
        try (RunWatch watch = new RunWatch(connection, run, listener::said)) {
            while (!(watch.complete() && trainer.done())) {
                check(trainer);
                watch.poll(POLL);
                Progress progress = watch.progress();
                if (estimate == null && progress != null) {
                    estimate = estimate(connection, run, progress, testQuestions);
                }
                if (estimate == null) {
                    listener.progress("starting", "trainer, fitter and scorer", 0, null);
                } else {
                    report(estimate, progress, watch.posterior());
                }
            }
            Posterior posterior = watch.posterior();
            listener.said(String.format(
                    Locale.ROOT,
                    "Posterior complete: %d batches, log evidence %.1f, %.1f effective of %d parameters, lambda %.4g%s",
                    posterior.getBatches(),
                    posterior.getLogEvidence(),
                    posterior.getEffectiveParameters(),
                    posterior.getParameters(),
                    posterior.getBlocks().get(0).getLambda(),
                    posterior.getBlocks().stream()
                                            .map(block -> block.getLambda())
                                            .distinct()
                                            .count()
                                    > 1
                            ? " and others"
                            : ""));
            awaitCalibration(connection, run, trainer, watch, estimate);
        }
        return estimate == null ? new Estimate(0, 1, 1, testQuestions) : estimate;
    }

    /** Waits until the labels of the validation questions are used; without them the label-free average serves. */
    private void awaitCalibration(Connection connection, String run, Child trainer, RunWatch watch, Estimate estimate) {
        long validation = validationQuestions(description(connection, run));
        long end = System.nanoTime() + CALIBRATION_PATIENCE.toNanos();
        while (watch.posterior().getLabels() < validation && System.nanoTime() < end) {
            check(trainer);
            listener.progress(
                    "calibration",
                    watch.posterior().getLabels() + " of " + validation + " validation questions",
                    estimate == null ? 0 : estimate.share(),
                    estimate == null ? null : estimate.remaining());
            watch.poll(POLL);
        }
        if (validation > 0) {
            listener.said("Served: " + watch.posterior().getCalibration() + ", decided on "
                    + watch.posterior().getLabels() + " labels");
        }
    }

    private Run description(Connection connection, String run) {
        return TopicReading.of(connection)
                .throughOutages(listener::said)
                .latest(connection.topics().runs(), Run.class)
                .get(run);
    }

    private static int validationQuestions(Run run) {
        return Integer.parseInt(run.getSettings().getOrDefault("validationQuestions", "0"));
    }

    private Estimate estimate(Connection connection, String run, Progress progress, int testQuestions) {
        Run description = description(connection, run);
        int batch = Integer.parseInt(description.getSettings().getOrDefault("batchSize", "4"));
        int validation = validationQuestions(description);
        long steps = progress.getPhase() == Phase.FINE_TUNING ? progress.getSteps() : 0;
        return new Estimate(steps, batch, description.getTrainingQuestions(), testQuestions + validation);
    }

    private void report(Estimate estimate, Progress progress, Posterior posterior) {
        double share = progress.getSteps() == 0 ? 1 : (double) progress.getStep() / progress.getSteps();
        if (progress.getPhase() == Phase.FINE_TUNING) {
            estimate.fineTuned(share);
            String loss =
                    progress.getLoss() == null ? "" : String.format(Locale.ROOT, ", loss %.3f", progress.getLoss());
            listener.progress(
                    "fine-tuning",
                    "step " + progress.getStep() + " of " + progress.getSteps() + loss,
                    estimate.share(),
                    estimate.remaining());
            return;
        }
        estimate.curved(share);
        String folded = posterior == null || posterior.getBatchesExpected() == null
                ? ""
                : ", " + posterior.getBatches() + " of " + posterior.getBatchesExpected() + " folded";
        listener.progress(
                "curvature",
                progress.getPhase() == Phase.DONE
                        ? "all batches sent" + folded
                        : "batch " + progress.getStep() + " of " + progress.getSteps() + folded,
                estimate.share(),
                estimate.remaining());
    }

    private void check(Child trainer) {
        synchronized (this) {
            if (closed) {
                throw new DemoFailure("interrupted");
            }
        }
        trainer.check(true);
        services.forEach(service -> service.check(false));
    }

    private void register(AutoCloseable part) {
        boolean late;
        synchronized (this) {
            late = closed;
            if (!late) {
                started.push(part);
            }
        }
        if (late) {
            close(part);
            throw new DemoFailure("interrupted");
        }
    }

    /** Closes everything that was started, in reverse order. */
    @Override
    public void close() {
        List<AutoCloseable> parts;
        synchronized (this) {
            closed = true;
            parts = new ArrayList<>(started);
            started.clear();
        }
        parts.forEach(this::close);
    }

    private void close(AutoCloseable part) {
        try {
            part.close();
        } catch (Exception e) {
            listener.said("did not end cleanly: " + e.getMessage());
        }
    }

    private static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        List<Path> paths;
        try (Stream<Path> all = Files.walk(directory)) {
            paths = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : paths) {
            Files.deleteIfExists(path);
        }
    }

    private static List<String> join(List<String> first, List<String> second, List<String> third) {
        return Stream.of(first, second, third).flatMap(List::stream).toList();
    }
}
