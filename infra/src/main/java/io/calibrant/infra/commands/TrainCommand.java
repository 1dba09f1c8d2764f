package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.BaseFormatOptions;
import io.calibrant.infra.commands.options.ConnectionOptions;
import io.calibrant.infra.commands.options.DeviceOptions;
import io.calibrant.infra.commands.options.LabelsOptions;
import io.calibrant.infra.commands.options.MetricsOptions;
import io.calibrant.infra.commands.options.NewTopicOptions;
import io.calibrant.infra.commands.options.PromptOptions;
import io.calibrant.infra.commands.options.Usage;
import io.calibrant.infra.commands.output.CalibrationWords;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.commands.output.ServiceLines;
import io.calibrant.infra.commands.output.TrainProgress;
import io.calibrant.infra.telemetry.Telemetry;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.Shard;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.service.AdapterOutput;
import io.calibrant.trainer.service.ProgressListener;
import io.calibrant.trainer.service.Trainer;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.CurvatureSettings;
import io.calibrant.trainer.settings.ExecutionSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.StateSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import io.calibrant.trainer.statistics.RowType;
import io.calibrant.trainer.telemetry.TrainerMeters;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "train",
        description = {
            "Fine-tunes a language model with LoRA and publishes what calibration needs: the adapter, and"
                    + " the statistics of the curvature pass over the training questions. While it fine-tunes, the"
                    + " statistics of its steps are published as checkpoint 'live'.",
            "--adapter DIR --steps 0 makes the curvature pass of an adapter that was trained elsewhere (Python's PEFT),"
                    + " for a causal model or as a sequence classifier (task_type SEQ_CLS). It has to be asked with the"
                    + " prompt that it was trained with: look with 'calibrant check' first."
        },
        footer = {
            "  calibrant train --run news --model SmolLM2-135M --questions train.jsonl --steps 400"
                    + " --learning-rate 5e-4",
            "  calibrant train --run news-7b --model Llama-2-7b --adapter my-adapter --steps 0 --questions train.jsonl",
            "  calibrant train ... --half-life 100 --checkpoint-every 100   # live factors follow the moving weights",
            "  calibrant train ... --state-dir /var/lib/calibrant   # killed? the same command goes on where it was",
            "  calibrant train ... --adapter my-adapter --steps 0 --shard 0/2   # and another process with --shard 1/2"
        })
final class TrainCommand implements Callable<Integer> {
    private static final String NONE = "none";
    private static final String FULL = "full";
    private static final double HELD_OUT = 0.2;

    /** Choices of a question up to which the exact Fisher, a backward pass for each but one, is not too dear. */
    private static final int MOST_EXACT = 8;

    @Spec
    private CommandSpec spec;

    @Option(names = "--run", paramLabel = "R", required = true, description = "Names the run.")
    private String run;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "Hugging Face directory: config.json, *.safetensors, tokenizer.json.")
    private Path model;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            required = true,
            description = "Labelled training questions, JSON lines.")
    private Path questions;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "PEFT directory to start from. Default: a new adapter.")
    private Path adapter;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "400",
            description = "Optimizer steps; 0: only the curvature pass. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "4",
            description = "Questions a step, and a batch of the curvature pass. Default: ${DEFAULT-VALUE}.")
    private int batchSize;

    @Option(
            names = "--learning-rate",
            paramLabel = "X",
            defaultValue = "5e-5",
            description = "Of the first step, falling to 0 on a line. Default: ${DEFAULT-VALUE}.")
    private double learningRate;

    @Option(
            names = "--lora-rank",
            paramLabel = "N",
            defaultValue = "8",
            description = "Of a new adapter. Default: ${DEFAULT-VALUE}.")
    private int loraRank;

    @Option(
            names = "--lora-alpha",
            paramLabel = "X",
            defaultValue = "16",
            description = "Of a new adapter; the scaling is alpha / rank. Default: ${DEFAULT-VALUE}.")
    private double loraAlpha;

    @Option(
            names = "--lora-dropout",
            paramLabel = "X",
            defaultValue = "0.1",
            description = "Of a new adapter. Default: ${DEFAULT-VALUE}.")
    private double loraDropout;

    @Option(
            names = "--lora-targets",
            paramLabel = "NAMES",
            defaultValue = "q_proj,v_proj,lm_head",
            description = "Linear maps that a new adapter adapts. Default: ${DEFAULT-VALUE}.")
    private String loraTargets;

    @Mixin
    private PromptOptions promptOptions;

    @Mixin
    private LabelsOptions labels;

    @Option(
            names = "--head-block",
            description = "The head of a sequence classifier gets a posterior, too. Default: its weights are known for"
                    + " certain.")
    private boolean headBlock;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            defaultValue = "300",
            description = "Longest prompt, tokens. Default: ${DEFAULT-VALUE}.")
    private int maxLength;

    @Option(
            names = "--skip-long",
            description =
                    "Leave out questions whose prompts are too long, and say how many. Default: they are refused.")
    private boolean skipLong;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Decides everything that is drawn. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--kfac",
            defaultValue = "EXPAND",
            description = "Rows of the curvature: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private KfacApproximation kfac;

    @Option(
            names = "--fisher",
            description =
                    "Gradients of the curvature: ${COMPLETION-CANDIDATES}. Default: EXACT, a backward pass for each"
                            + " choice but one, or MC where a question has more than 8.")
    private FisherType fisher;

    @Option(
            names = "--rank",
            paramLabel = "K",
            defaultValue = "10",
            description = "Columns kept of a large factor, or 'full': rows go unreduced. Default: ${DEFAULT-VALUE}.")
    private String rank;

    @Option(
            names = "--validation-fraction",
            paramLabel = "X",
            description = "Part of the training questions held out and sent as validation questions, at most 400."
                    + " Default: 0.2, with --steps 0 nothing.")
    private Double validationFraction;

    @Option(
            names = "--validation",
            paramLabel = "FILE|none",
            description = "Labelled validation questions from a file instead, or none.")
    private String validation;

    @Option(names = "--output", paramLabel = "DIR", description = "Where to write the adapter, a PEFT directory.")
    private Path output;

    @Option(
            names = "--overwrite",
            description =
                    "Replace another run's adapter at --output. Default: it is refused; the run's own is replaced.")
    private boolean overwrite;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private BaseFormatOptions base;

    @Option(
            names = "--shard",
            paramLabel = "i/N",
            defaultValue = "0/1",
            description = "Makes every N-th batch of the curvature pass, from the i-th; N processes feed one fit."
                    + " Default: all.")
    private String shard;

    @Option(
            names = "--statistics-every",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "While the weights move, the statistics of every N-th step are published as checkpoint 'live',"
                            + " from its own gradients; 0: of none. Default: ${DEFAULT-VALUE}.")
    private int statisticsEvery;

    @Option(
            names = "--half-life",
            paramLabel = "STEPS",
            description = "Steps after which a batch counts half in 'live', 1 or more. Default: nothing is forgotten.")
    private Double halfLife;

    @Option(
            names = "--checkpoint-every",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "Every N steps the adapter is published as checkpoint step-S and its curvature measured, as at"
                            + " the end; 0: at the end only. Default: ${DEFAULT-VALUE}.")
    private int checkpointEvery;

    @Option(
            names = "--batches-per-record",
            paramLabel = "N",
            defaultValue = "1",
            description = "Batches folded into one record before it is sent: fewer bytes. Default: ${DEFAULT-VALUE}.")
    private int batchesPerRecord;

    @Option(
            names = "--statistics-dtype",
            defaultValue = "F32",
            description = "How the rows of statistics are sent: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private RowType statisticsType;

    @Option(
            names = "--send-buffer",
            paramLabel = "MB",
            defaultValue = "64",
            description = "What may wait to be sent before a step waits for the broker. Default: ${DEFAULT-VALUE}.")
    private int sendBuffer;

    @Option(
            names = "--state-dir",
            paramLabel = "DIR",
            description =
                    "Where the trainer keeps its state: weights, optimizer, position. The same command again goes on"
                            + " from there; remove the file to start over. Default: no state, it starts over.")
    private Path stateDir;

    @Option(
            names = "--state-every",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description = "How often, besides before and after every curvature pass; 0: after every step and batch."
                    + " Default: ${DEFAULT-VALUE}.")
    private int stateEvery;

    @Option(
            names = "--replace-run",
            description = "Where a run of this name with other settings is on the topics, delete it first, as"
                    + " 'runs --delete' does. Default: it is refused.")
    private boolean replaceRun;

    @Option(names = "--create-topics", description = "Create topics that are missing.")
    private boolean createTopics;

    @Mixin
    @SuppressWarnings("UnusedVariable") // picocli fills it
    private NewTopicOptions newTopicOptions;

    @Mixin
    private MetricsOptions metricsOptions;

    @Mixin
    private ConnectionOptions connectionOptions;

    @Override
    public Integer call() throws Exception {
        TrainerSettings told = settings();
        Usage.check(spec, () -> AdapterOutput.check(told));
        Connection connection = connectionOptions.connection();
        Output out = new Output(spec);
        ServiceLines lines = new ServiceLines(out);
        if (told.questions().validation().equals(ValidationSource.NONE)) {
            lines.warn(CalibrationWords.WITHOUT_LABELS);
        }
        TrainerSettings settings = withFisher(told, lines);
        try (ServiceTelemetry telemetry = ServiceTelemetry.open(metricsOptions.settings(), Telemetry.TRAINER, lines)) {
            return train(connection, settings, out, lines, telemetry);
        }
    }

    private int train(
            Connection connection, TrainerSettings settings, Output out, ServiceLines lines, ServiceTelemetry telemetry)
            throws Exception {
        ProgressListener progress = new TrainProgress(lines);
        Optional<TrainerMeters> meters = telemetry
                .registry()
                .map(registry -> new TrainerMeters(
                        registry, settings.run(), settings.curvature().shard().toString(), progress));
        try (Trainer trainer = new Trainer(
                settings, connection, meters.<ProgressListener>map(each -> each).orElse(progress))) {
            meters.ifPresent(each -> {
                trainer.producersTo(each);
                each.watch(trainer);
                telemetry.serve(trainer::obstacle, () -> {});
            });
            return UntilInterrupted.job(
                    telemetry.ending(trainer),
                    () -> {
                        trainer.run();
                        telemetry.awaitScrape(); // a trainer that ends unseen looks like one that was killed
                        return ExitCode.OK;
                    },
                    trainer::unfinished,
                    line -> out.note(spec.qualifiedName() + ": " + line));
        }
    }

    /** The settings that the options describe. */
    TrainerSettings settings() {
        return new TrainerSettings(
                run,
                model,
                base.format(),
                new QuestionSettings(
                        questions, maxLength, skipLong, validation(), promptOptions.form(), labels.labels()),
                new AdapterSettings(
                        Optional.ofNullable(adapter),
                        loraRank,
                        loraAlpha,
                        loraDropout,
                        LoraTargets.parse(loraTargets),
                        Optional.ofNullable(output),
                        overwrite,
                        headBlock),
                new OptimisationSettings(steps, batchSize, learningRate),
                new CurvatureSettings(
                        kfac, fisher == null ? FisherType.EXACT : fisher, rank(), Shard.parse(shard), checkpointEvery),
                new StreamingSettings(
                        statisticsEvery,
                        halfLife == null ? OptionalDouble.empty() : OptionalDouble.of(halfLife),
                        batchesPerRecord,
                        statisticsType,
                        sendBuffer * 1_000_000L),
                new ExecutionSettings(
                        device.device(),
                        createTopics,
                        replacing(),
                        Optional.ofNullable(stateDir)
                                .map(directory -> new StateSettings(directory, Duration.ofSeconds(stateEvery)))),
                seed);
    }

    /** The exact Fisher is dear where there are many choices, so nobody gets it there without asking. */
    TrainerSettings withFisher(TrainerSettings told, ServiceLines lines) {
        int choices = fisher != null ? 0 : mostChoices();
        if (choices <= MOST_EXACT) {
            return told;
        }
        lines.warn(
                "questions have up to " + choices + " choices: --fisher MC, one backward pass from sampled answers, is"
                        + " taken instead of the " + (choices - 1) + " passes of EXACT");
        return told.withCurvature(told.curvature().withFisher(kfac, FisherType.MC));
    }

    private int mostChoices() {
        int most = 0;
        boolean alone = false;
        for (Question question : QuestionFile.read(questions)) {
            most = Math.max(most, question.choices().size());
            alone |= question.choices().isEmpty();
        }
        return alone ? Math.max(most, labelsOfRun()) : most;
    }

    private int labelsOfRun() {
        return Optional.ofNullable(adapter)
                .flatMap(from -> SequenceClassifier.read(from, model, ModelConfig.read(model), labels.labels()))
                .map(classifier -> classifier.labels().size())
                .orElse(labels.labels().size());
    }

    private boolean replacing() {
        Usage.check(
                spec,
                () -> Require.that(
                        !replaceRun || Shard.parse(shard).index() == 0,
                        "--replace-run",
                        replaceRun,
                        "left to the first shard, --shard 0/N; start the others once it has begun"));
        return replaceRun;
    }

    private Optional<Integer> rank() {
        if (rank.equals(FULL)) {
            return Optional.empty();
        }
        try {
            return Optional.of(Integer.parseInt(rank));
        } catch (NumberFormatException e) {
            ConfigurationException refusal = new ConfigurationException("--rank", rank, "1 or more, or full", e);
            throw new ParameterException(spec.commandLine(), refusal.getMessage(), refusal);
        }
    }

    private ValidationSource validation() {
        if (validation != null && !validation.equals(NONE)) {
            Usage.check(
                    spec,
                    () -> Require.that(
                            validationFraction == null,
                            "--validation-fraction",
                            validationFraction,
                            "left out where --validation is given"));
            return ValidationSource.of(Path.of(validation));
        }
        if (validation != null) {
            return ValidationSource.NONE;
        }
        Usage.check(
                spec,
                () -> Require.that(
                        steps > 0 || validationFraction == null || validationFraction == 0,
                        "--validation-fraction",
                        validationFraction,
                        "left out with --steps 0: the adapter was trained on these questions already, so none of them"
                                + " is held out (--validation FILE gives others)"));
        return ValidationSource.heldOut(validationFraction != null ? validationFraction : steps > 0 ? HELD_OUT : 0);
    }
}
