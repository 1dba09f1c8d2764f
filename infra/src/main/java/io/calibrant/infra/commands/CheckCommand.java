package io.calibrant.infra.commands;

import io.calibrant.infra.commands.options.BaseFormatOptions;
import io.calibrant.infra.commands.options.DeviceOptions;
import io.calibrant.infra.commands.options.LabelsOptions;
import io.calibrant.infra.commands.options.PromptOptions;
import io.calibrant.infra.commands.output.CheckPrinter;
import io.calibrant.infra.commands.output.Output;
import io.calibrant.trainer.service.ModelCheck;
import io.calibrant.trainer.settings.CheckSettings;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "check",
        description = {
            "Shows what a model, an adapter and questions come to, before anything goes to Kafka: the first prompt as"
                    + " text and as token ids, the class tokens, the MAP probabilities, and accuracy and NLL where the"
                    + " questions have answers.",
            "An adapter has to be asked with the prompt that it was trained with, to the last space. Compare prompt,"
                    + " token ids and probabilities with those of the program that trained it. Nothing but the files"
                    + " is needed, no broker."
        },
        footer = {
            "  calibrant check --model Llama-2-7b --adapter my-adapter --questions test.jsonl --limit 4",
            "  calibrant check --model Llama-2-7b --adapter my-adapter --prompt chat.mustache --questions test.jsonl",
            "  calibrant check --model Llama-2-7b --adapter topics --labels sport,politics --questions texts.jsonl",
            "  calibrant check --model Llama-2-7b --questions test.jsonl --json   # one object a question"
        })
final class CheckCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "Hugging Face directory: config.json, *.safetensors, tokenizer.json.")
    private Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "PEFT directory. Default: the model alone.")
    private Path adapter;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            required = true,
            description = "Questions with or without answers, JSON lines.")
    private Path questions;

    @Mixin
    private PromptOptions promptOptions;

    @Mixin
    private LabelsOptions labels;

    @Option(names = "--limit", paramLabel = "N", description = "Ask the first N questions only. Default: all.")
    private Integer limit;

    @Mixin
    private BaseFormatOptions base;

    @Mixin
    private DeviceOptions device;

    @Option(
            names = "--json",
            description = "One object a question, with prompt, token ids, logits and probabilities; then the summary.")
    private boolean json;

    @Override
    public Integer call() {
        ModelCheck check = ModelCheck.read(new CheckSettings(
                model,
                base.format(),
                Optional.ofNullable(adapter),
                questions,
                promptOptions.form(),
                labels.labels(),
                limit == null ? OptionalInt.empty() : OptionalInt.of(limit),
                device.device()));
        CheckPrinter printer = new CheckPrinter(new Output(spec), json, check);
        printer.read();
        printer.summary(check.answer(printer::answered));
        return ExitCode.OK;
    }
}
