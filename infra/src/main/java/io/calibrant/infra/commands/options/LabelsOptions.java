package io.calibrant.infra.commands.options;

import java.util.List;
import picocli.CommandLine.Option;

/** The choices of questions that name none. */
public final class LabelsOptions {
    @Option(
            names = "--labels",
            paramLabel = "A,B,...",
            split = ",",
            description = "Choices of questions that name none; of a sequence classifier in the order of its logits."
                    + " Default: id2label of config.json beside the adapter, else of the model.")
    private List<String> labels = List.of();

    /** In the order that was given; empty where the flag was not. */
    public List<String> labels() {
        return labels;
    }
}
