package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.commands.options.MetricsOptions;
import io.calibrant.infra.telemetry.TelemetrySettings;
import io.calibrant.schemas.Shard;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.SpecialTokensRule;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** No option is for show: each one of a service reaches what it sets. All values here differ from the built-in ones. */
class OptionsTest {
    @Test
    void shouldHandOnEveryOptionOfFit() {
        FitCommand command = parse(
                new FitCommand(),
                "--fit other --state-dir /state --threads 3 --prior layerwise --prior-mean initial --no-residual"
                        + " --prior-objective validation --calibration-window 5 --retention 7 --create-topics"
                        + " --drift-expected-run-length 5000"
                        + " --compression frequent_directions");

        assertThat(command.settings())
                .returns("other", FitterSettings::fit)
                .returns(Path.of("/state"), settings -> settings.streaming().stateDir())
                .returns(3, settings -> settings.streaming().threads())
                .returns(PriorStructure.LAYERWISE, settings -> settings.prior().structure())
                .returns(PriorMean.INITIAL, settings -> settings.prior().mean())
                .returns(false, settings -> settings.prior().residual())
                .returns(Compression.FREQUENT_DIRECTIONS, FitterSettings::compression)
                .returns(PriorObjective.VALIDATION, settings -> settings.prior().objective())
                .returns(Duration.ofMinutes(5), settings -> settings.labels().window())
                .returns(Duration.ofDays(7), settings -> settings.labels().retention())
                .returns(5000L, settings -> settings.labels().driftExpectedRunLength())
                .returns(true, settings -> settings.streaming().createTopics());
    }

    @Test
    void shouldHandOnEveryOptionOfTrain() {
        TrainCommand command = parse(
                new TrainCommand(),
                "--run r --model m --questions q --adapter a --steps 7 --batch-size 3 --learning-rate 0.25"
                        + " --lora-rank 5"
                        + " --lora-alpha 9 --lora-dropout 0.5 --lora-targets o_proj --max-length 99 --seed 11"
                        + " --kfac REDUCE --fisher MC --rank 6 --validation-fraction 0.4 --output out --device gpu:2"
                        + " --shard 1/3 --create-topics --skip-long --overwrite --base-dtype bf16"
                        + " --base-quantization nf4"
                        + " --prompt paper --label-separator = --special-tokens never --label-tokens first");

        assertThat(command.settings())
                .returns("r", TrainerSettings::run)
                .returns(Path.of("m"), TrainerSettings::model)
                .returns(new BaseFormat(BaseType.BF16, BaseQuantization.NF4), TrainerSettings::base)
                .returns(Path.of("q"), settings -> settings.questions().file())
                .returns(
                        Optional.of(Path.of("a")),
                        settings -> settings.adapter().from())
                .returns(7, settings -> settings.optimisation().steps())
                .returns(3, settings -> settings.optimisation().batchSize())
                .returns(0.25, settings -> settings.optimisation().learningRate())
                .returns(5, settings -> settings.adapter().rank())
                .returns(9.0, settings -> settings.adapter().alpha())
                .returns(0.5, settings -> settings.adapter().dropout())
                .returns(
                        LoraTargets.parse("o_proj"),
                        settings -> settings.adapter().targets())
                .returns(99, settings -> settings.questions().maxLength())
                .returns(true, settings -> settings.questions().skipLong())
                .returns(
                        PromptForm.PAPER
                                .withLabelSeparator(Optional.of("="))
                                .withSpecialTokens(SpecialTokensRule.NEVER)
                                .withLabelTokens(LabelTokens.FIRST),
                        settings -> settings.questions().prompt())
                .returns(true, settings -> settings.adapter().overwrite())
                .returns(11L, TrainerSettings::seed)
                .returns(
                        KfacApproximation.REDUCE,
                        settings -> settings.curvature().kfac())
                .returns(FisherType.MC, settings -> settings.curvature().fisher())
                .returns(Optional.of(6), settings -> settings.curvature().rank())
                .returns(
                        ValidationSource.heldOut(0.4),
                        settings -> settings.questions().validation())
                .returns(
                        Optional.of(Path.of("out")),
                        settings -> settings.adapter().output())
                .returns("gpu:2", settings -> settings.execution().device().toString())
                .returns(new Shard(1, 3), settings -> settings.curvature().shard())
                .returns(true, settings -> settings.execution().createTopics());
        String least = "--run r --model m --questions q ";
        assertThat(parse(new TrainCommand(), least + "--rank full --validation v")
                        .settings())
                .returns(Optional.empty(), settings -> settings.curvature().rank())
                .returns(
                        ValidationSource.of(Path.of("v")),
                        settings -> settings.questions().validation());
        assertThat(parse(new TrainCommand(), least + "--validation none").settings())
                .returns(ValidationSource.NONE, settings -> settings.questions().validation())
                .returns(PromptForm.PAPER, settings -> settings.questions().prompt())
                .returns(FisherType.EXACT, settings -> settings.curvature().fisher());
    }

    @Test
    void shouldHandOnEveryOptionOfScore() {
        ScoreCommand command = parse(
                new ScoreCommand(),
                "--run r,s --model m --fit other --link probit --points 64 --batch-size 3 --tier last-layer"
                        + " --device gpu:2 --base-dtype F16 --base-quantization nf4-single"
                        + " --linger-ms 7 --threads 2 --adapter a");

        assertThat(command.settings())
                .returns(List.of("r", "s"), settings -> settings.serving().runs())
                .returns(
                        Optional.of(Path.of("a")),
                        settings -> settings.serving().adapter())
                .returns(Path.of("m"), settings -> settings.serving().model())
                .returns(
                        new BaseFormat(BaseType.F16, BaseQuantization.NF4_SINGLE),
                        settings -> settings.serving().base())
                .returns("other", settings -> settings.serving().fit())
                .returns(LinkFunction.PROBIT, settings -> settings.answering().link())
                .returns(64, settings -> settings.answering().points())
                .returns(3, settings -> settings.poll().batchSize())
                .returns(Tier.LAST_LAYER, settings -> settings.answering().tier())
                .returns("gpu:2", settings -> settings.serving().device().toString())
                .returns(Duration.ofMillis(7), settings -> settings.poll().linger())
                .returns(2, settings -> settings.poll().threads());
        assertThat(parse(new ScoreCommand(), "--run r --model m --target-accuracy 0.9 --confidence 0.99")
                        .settings())
                .returns(
                        Optional.of(new TargetAccuracy(0.9, 0.99)),
                        settings -> settings.answering().target());
    }

    void shouldServeMetricsOnlyWhereItIsToldTo() {
        MetricsOptions options = new MetricsOptions();
        parse(options, "--metrics-host 10.0.0.7 --metrics-allowed-hosts a,b");
        assertThat(options.settings()).isEmpty();
        parse(options, "--metrics-port 9464 --metrics-host 10.0.0.7 --metrics-allowed-hosts a,b");
        assertThat(options.settings()).contains(new TelemetrySettings("10.0.0.7", 9464, List.of("a", "b")));
        MetricsOptions least = new MetricsOptions();
        parse(least, "--metrics-port 0");
        assertThat(least.settings()).contains(new TelemetrySettings("127.0.0.1", 0, List.of()));
    }

    @Test
    void shouldHandOnWhatTheDemoIsToldOfTraining() {
        List<String> flags = List.of(
                "--steps 7",
                "--learning-rate 0.25",
                "--batch-size 3",
                "--adapter a",
                "--lora-rank 5",
                "--lora-alpha 9",
                "--lora-dropout 0.5",
                "--lora-targets o_proj",
                "--max-length 99",
                "--seed 11",
                "--kfac REDUCE",
                "--fisher MC",
                "--rank 6",
                "--validation v",
                "--validation-fraction 0.4");

        DemoCommand command = parse(new DemoCommand(), String.join(" ", flags));

        assertThat(String.join(" ", command.training())).isEqualTo(String.join(" ", flags));
    }

    private static <T> T parse(T command, String arguments) {
        new CommandLine(command).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments.split(" "));
        return command;
    }
}
