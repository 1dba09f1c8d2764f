package io.calibrant.infra.commands;

import io.calibrant.infra.commands.output.Output;
import io.calibrant.infra.demo.DemoModel;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "demo-model",
        hidden = true,
        description = "Generates the demo's model, tokenizer and questions from their seeds, in about two minutes.",
        footer = "  calibrant demo-model infra/src/main/resources/demo   # with OMP_NUM_THREADS=1, for the same"
                + " sums everywhere")
final class DemoModelCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "DIR", description = "Where to; files there are overwritten.")
    private Path directory;

    @Override
    public Integer call() throws Exception {
        Output output = new Output(spec);
        DemoModel.generate(directory, output::note);
        return ExitCode.OK;
    }
}
