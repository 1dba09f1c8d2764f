package io.calibrant.infra.commands;

import io.calibrant.infra.bench.BaseBench;
import io.calibrant.infra.bench.BenchSettings;
import io.calibrant.infra.bench.FitterBench;
import io.calibrant.infra.bench.ScorerBench;
import io.calibrant.infra.bench.StatisticsBytes;
import io.calibrant.infra.bench.StreamingBench;
import io.calibrant.infra.bench.TrainerBench;
import io.calibrant.infra.commands.options.BaseFormatOptions;
import io.calibrant.infra.commands.options.DeviceOptions;
import io.calibrant.infra.commands.options.PromptOptions;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.schemas.Require;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

@Command(
        name = "bench",
        description = {
            "Measures what fine-tuning, curvature and scoring cost, against the plain forward pass of the same run.",
            "Random weights of SmolLM-135M's shape unless a model is given. Threads: OMP_NUM_THREADS.",
            "fitter: a curvature pass of Llama-2-7B's shape without a model, folded by one thread, by two and by two",
            "processes, against a plain consumer of the same topic; state, changelog, restore time, skew; a fold",
            "against LAPACK's truncated SVD; the choice of the prior precision. Needs some GB of temporary space.",
            "base: what --base-dtype BF16 and F16 save and cost of a model of Llama-3.2-1B's shape, what they change",
            "of the logits of --model, and with --adapter, --questions and --test of lambda and of answers, against",
            "F32. Needs 2.5 GB of temporary space and 8 GB of memory."
        },
        footer = {
            "  OMP_NUM_THREADS=2 calibrant bench trainer",
            "  calibrant bench trainer --only BYTES                     # what the statistics of a step take on"
                    + " the wire",
            "  OMP_NUM_THREADS=2 calibrant bench scorer --json",
            "  calibrant bench fitter",
            "  calibrant bench fitter --layers 4 --batches 20",
            "  calibrant bench trainer --model DIR --length 256 --memory-steps 0",
            "  calibrant bench base --model SmolLM2-135M",
            "  calibrant bench base --model DIR --adapter DIR --questions train.jsonl --test test.jsonl"
        })
final class BenchCommand implements Callable<Integer> {
    /** The programs that can be measured. */
    enum Subject {
        TRAINER,
        SCORER,
        FITTER,
        BASE
    }

    /** What an adapter is asked. */
    private static final List<String> QUESTIONS = List.of("--adapter", "--questions", "--test");

    /** How it is asked. */
    private static final List<String> PROMPT =
            List.of("--prompt", "--label-separator", "--special-tokens", "--label-tokens");

    /** The parts of the trainer's benchmark, each of which can be run alone. */
    enum Part {
        BYTES,
        STEP,
        STREAMING
    }

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "WHAT", description = "What to measure: ${COMPLETION-CANDIDATES}.")
    private Subject subject;

    @Option(names = "--model", paramLabel = "DIR", description = "A Hugging Face model directory.")
    private Path model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "PEFT directory of an adapter of --model (base); with --questions and --test.")
    private Path adapter;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            description = "Questions with answers, JSON lines, for the curvature of --adapter (base).")
    private Path questions;

    @Option(
            names = "--test",
            paramLabel = "FILE",
            description = "Questions with answers, JSON lines, that --adapter answers (base).")
    private Path test;

    @Mixin
    private PromptOptions prompt;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private BaseFormatOptions base;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "4",
            description = "Questions a batch (trainer). Default: 4.")
    private int batchSize;

    @Option(names = "--length", paramLabel = "N", defaultValue = "128", description = "Tokens a prompt. Default: 128.")
    private int length;

    @Option(names = "--classes", paramLabel = "N", defaultValue = "4", description = "Choices, 2 to 5. Default: 4.")
    private int classes;

    @Option(
            names = "--repetitions",
            paramLabel = "N",
            defaultValue = "5",
            description = "Runs, of which the fastest counts; for STREAMING turns of four steps with and without, of"
                    + " which the median counts. Default: 5.")
    private int repetitions;

    @Option(
            names = "--memory-steps",
            paramLabel = "N",
            defaultValue = "1000",
            description = "Steps of a tiny model over which memory is watched (trainer); 0 for none. Default: 1000.")
    private int memorySteps;

    @Option(
            names = "--only",
            paramLabel = "PART",
            split = ",",
            description = "A part of the trainer's (bytes a step, which needs no model; time of a step; steps a second"
                    + " with and without streaming): ${COMPLETION-CANDIDATES}. Default: all.")
    private List<Part> only = List.of();

    @Option(
            names = "--batches",
            paramLabel = "N",
            defaultValue = "200",
            description = "Batches of statistics, 32 MB each on disk at the default shape (fitter). Default: 200; with"
                    + " fewer the JVM still warms up.")
    private int batches;

    @Option(names = "--layers", paramLabel = "N", defaultValue = "32", description = "Layers (fitter). Default: 32.")
    private int layers;

    @Option(names = "--width", paramLabel = "D", defaultValue = "4096", description = "d (fitter). Default: 4096.")
    private int width;

    @Option(names = "--json", description = "One object a figure.")
    private boolean json;

    @Override
    public Integer call() {
        requireUsed();
        Output output = new Output(spec);
        FigurePrinter printer = new FigurePrinter(output, json);
        if (subject == Subject.FITTER) {
            FitterBench bench = new FitterBench(layers, width, batches);
            output.note(bench.description());
            bench.run(printer::line, output::note);
            return ExitCode.OK;
        }
        ComputeDevice where = device.device();
        where.resolve(); // one that is not there is told before anything is printed
        BenchSettings settings =
                new BenchSettings(model, base.format(), where, batchSize, length, classes, repetitions, memorySteps);
        if (subject == Subject.BASE) {
            base(settings, output, printer);
        } else if (subject == Subject.TRAINER) {
            if (wants(Part.BYTES)) {
                bytes(output, printer);
            }
            if (wants(Part.STEP)) {
                output.note(title("fastest of " + repetitions));
                new TrainerBench(settings).run(printer::line);
            }
            if (wants(Part.STREAMING)) {
                output.note(title("median of " + repetitions + " turns of either"));
                new StreamingBench(settings).run(printer::line);
            }
        } else {
            output.note(title("fastest of " + repetitions));
            new ScorerBench(settings).run(printer::line);
        }
        return ExitCode.OK;
    }

    private void base(BenchSettings settings, Output output, FigurePrinter printer) {
        if (asks()) {
            requireGiven("--model", model);
            requireGiven("--adapter", adapter);
            requireGiven("--questions", questions);
            requireGiven("--test", test);
        }
        BaseBench bench =
                asks() ? BaseBench.of(settings, adapter, prompt.form(), questions, test) : BaseBench.of(settings);
        output.note("BF16 and F16 against F32: " + device.device() + ", " + batchSize + " prompts of " + length
                + " tokens, " + classes + " choices, fastest of " + repetitions + "; " + threads());
        bench.run(printer::row);
        printer.table();
    }

    /** Whether lambda and answers of an adapter are asked for. */
    private boolean asks() {
        return adapter != null || questions != null || test != null;
    }

    /** What is set on the command line for another benchmark is refused; a shell may have it for other commands. */
    private void requireUsed() {
        if (subject != Subject.BASE) {
            Stream.concat(QUESTIONS.stream(), PROMPT.stream())
                    .forEach(each -> requireNotGiven(
                            each, "left out with bench " + subject.name().toLowerCase(Locale.ROOT)));
        } else if (!asks()) {
            PROMPT.forEach(each -> requireNotGiven(each, "left out where --adapter is"));
        }
    }

    private void requireNotGiven(String flag, String accepted) {
        ParseResult parsed = spec.commandLine().getParseResult();
        Require.that(!parsed.hasMatchedOption(flag), flag, parsed.matchedOptionValue(flag, null), accepted);
    }

    private static void requireGiven(String flag, Path file) {
        Require.that(file != null, flag, null, "given: --model, --adapter, --questions and --test go together");
    }

    private static String threads() {
        return "OMP_NUM_THREADS=" + System.getenv().getOrDefault("OMP_NUM_THREADS", "(all cores)");
    }

    private String title(String counted) {
        return (model == null ? "random weights of SmolLM-135M's shape" : model.toString())
                + ", " + device.device() + ", " + base.format().type() + ", " + length + " tokens, " + classes
                + " choices, " + counted + "; " + threads();
    }

    private boolean wants(Part part) {
        return only.isEmpty() || only.contains(part);
    }

    /**
     * One row a model, targets and sharing; one column a type of numbers, batches a record and steps between records.
     */
    private void bytes(Output output, FigurePrinter printer) {
        if (json) {
            StatisticsBytes.run(sent -> printer.line(sent.figure()));
            return;
        }
        Map<List<String>, List<String>> rows = new LinkedHashMap<>();
        List<String> header = new ArrayList<>(List.of("MB of statistics a step", "LoRA on", "input factor"));
        StatisticsBytes.run(sent -> {
            List<String> start =
                    List.of(sent.model(), sent.targets(), sent.shared() ? "one for q, k, v" : "one a matrix");
            rows.computeIfAbsent(start, key -> new ArrayList<>(key))
                    .add(String.format(Locale.ROOT, "%.3g", sent.bytes() / 1e6));
            if (rows.size() == 1) {
                header.add(sent.rowType() + " N=" + sent.batchesPerRecord() + " n=" + sent.every());
            }
        });
        output.table(header, List.copyOf(rows.values()));
        output.line("r = " + StatisticsBytes.LORA_RANK + ", --rank " + StatisticsBytes.RANK + ": "
                + 2 * StatisticsBytes.RANK + " rows a block and batch, for lm_head the " + StatisticsBytes.BATCH
                + " questions of the batch, " + StatisticsBytes.CLASSES + " classes; N = --batches-per-record, n ="
                + " --statistics-every; 'one for q, k, v' is what train sends. A batch of a curvature pass sends the"
                + " same as a step with n=1.");
    }
}
