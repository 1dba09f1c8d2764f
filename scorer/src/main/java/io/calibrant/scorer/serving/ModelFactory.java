package io.calibrant.scorer.serving;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.scorer.answering.Answerer;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.LabelFreeServing;
import io.calibrant.scorer.answering.PromptReader;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.Unfamiliar;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.PromptEncoder;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes models of snapshots, all on one base model. Not thread-safe; confined to one thread. */
final class ModelFactory {
    private final BaseModel base;
    private final Tier tier;
    private final Link link;
    private final Unfamiliar unfamiliar;
    private final Map<String, Run> checked = new HashMap<>();
    private final Optional<TargetAccuracy> target;
    private final LabelFreeServing labelFree;

    /** @param base not closed with this object */
    ModelFactory(BaseModel base, AnsweringSettings answering) {
        this.base = base;
        this.tier = answering.tier();
        this.link = answering.newLink();
        this.target = answering.target();
        this.labelFree = answering.labelFree();
        this.unfamiliar = answering.unfamiliar();
    }

    /** As {@link BaseModel#requireModelOf}, which reads the whole model: once a run, and again where it has changed. */
    void requireModelOf(Run run) {
        if (!run.equals(checked.get(run.getRunId()))) {
            base.requireModelOf(run);
            checked.put(run.getRunId(), run);
        }
    }

    /**
     * Copies adapter and posterior of a snapshot to the device.
     *
     * @param tokens token ids beyond the run's own that must have logits
     * @throws MisfitException if the adapter does not fit the base model
     * @throws IllegalArgumentException if a part does not fit the others, or nothing can be answered with it
     */
    FitModel create(Snapshot snapshot, Collection<Integer> tokens) {
        return holding(new RunWeights(base, snapshot, tokens), snapshot);
    }

    /**
     * Copies the posterior of a snapshot to the device, beside the weights of another model of the same run and
     * checkpoint.
     *
     * @throws IllegalArgumentException if the posterior does not fit the weights
     */
    FitModel on(RunWeights weights, Snapshot snapshot) {
        weights.hold();
        return holding(weights, snapshot);
    }

    private FitModel holding(RunWeights weights, Snapshot snapshot) {
        PromptReader prompts;
        Probe probe;
        Answerer answerer;
        TierPredictors predictors;
        boolean done = false;
        try {
            requireInputsOf(snapshot);
            prompts = prompts(snapshot.run());
            probe = Probe.of(base, snapshot.run(), tier);
            answerer = new Answerer(snapshot.posterior(), link, labelFree, unfamiliar, target);
            predictors = new TierPredictors(weights, snapshot.blocks(), snapshot.familiarity(), tier);
            done = true;
        } finally {
            if (!done) {
                weights.release();
            }
        }
        return FitModel.of(snapshot, predictors, prompts, answerer, probe);
    }

    /** Familiarity sees every layer of the model, in their order. */
    private void requireInputsOf(Snapshot snapshot) {
        List<Block> inputs = snapshot.run().getInputs();
        if (snapshot.familiarity() == null) {
            return;
        }
        int layers = base.model().config().layers();
        int width = base.model().config().width();
        if (inputs.size() != layers || inputs.stream().anyMatch(input -> input.getInputs() != width)) {
            throw new IllegalArgumentException(Require.message(
                    "inputs of run '" + snapshot.run().getRunId() + "'",
                    inputs.size() + " of "
                            + inputs.stream().map(Block::getInputs).distinct().toList(),
                    layers + " of " + width + ", those of the base model"));
        }
    }

    private PromptReader prompts(Run run) {
        List<ClassToken> classes = new ArrayList<>();
        run.getClassTokens().forEach(token -> classes.add(new ClassToken(token.getLabel(), token.getTokenId())));
        ClassTokens known = new ClassTokens(classes);
        List<String> labels = classes.stream().map(ClassToken::label).toList();
        PromptEncoder plain = new PromptEncoder(
                RunPrompt.of(run), base.tokenizer(), base.special().eos());
        return new PromptReader(
                RunAdapter.isClassifier(run)
                        ? plain.ofClassifier(labels, SequenceClassifier.pad(base.directory()))
                        : plain.withLabels(labels),
                base.model().config(),
                RunAdapter.isClosed(run) ? Optional.of(known) : Optional.empty());
    }
}
