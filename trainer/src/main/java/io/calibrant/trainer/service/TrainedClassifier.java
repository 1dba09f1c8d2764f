package io.calibrant.trainer.service;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;

/** The sequence classifier that a trainer is given, if its adapter is one. */
final class TrainedClassifier {
    private TrainedClassifier() {}

    /**
     * Reads head and labels.
     *
     * @return empty where the adapter is of another kind, or a new one
     * @throws io.calibrant.schemas.ConfigurationException if a flag is given that only a classifier has
     * @throws io.calibrant.trainer.safetensors.ModelFileException if head or labels are missing, or do not fit
     */
    static Optional<SequenceClassifier> read(TrainerSettings settings, ModelConfig config) {
        Optional<SequenceClassifier> found = settings.adapter()
                .from()
                .flatMap(from -> SequenceClassifier.read(
                        from, settings.model(), config, settings.questions().labels()));
        Require.that(
                found.isPresent() || !settings.adapter().headBlock(),
                "--head-block",
                true,
                "left out: --adapter is none of a sequence classifier (task_type SEQ_CLS)");
        return found;
    }

    /**
     * What reads questions with a tokenizer: a classifier's text alone, unless a template of the user's says more.
     *
     * @param form of a causal model's prompts
     * @param eos the model's end of sequence, if any
     * @param labels choices of questions that name none; a classifier has its own
     */
    static Function<PromptTokenizer, PromptEncoder> encoders(
            Optional<SequenceClassifier> classifier,
            Path model,
            PromptForm form,
            OptionalInt eos,
            List<String> labels) {
        return tokenizer -> classifier
                .map(of -> new PromptEncoder(form(classifier, form), tokenizer, eos)
                        .ofClassifier(of.labels(), SequenceClassifier.pad(model)))
                .orElseGet(() -> new PromptEncoder(form, tokenizer, eos).withLabels(labels));
    }

    /** The tokenizer of a directory: a classifier reads what it puts behind a text, where no label could follow. */
    static PromptTokenizer tokenizer(Optional<SequenceClassifier> classifier, Path model) {
        return classifier.isPresent() ? PromptTokenizer.loadWithEnd(model) : PromptTokenizer.load(model);
    }

    /** The same of an adapter's directory, to compare the tokens. */
    static Function<Path, PromptTokenizer> tokenizerOfAdapter(Optional<SequenceClassifier> classifier) {
        return classifier.isPresent() ? PromptTokenizer::loadWithEnd : PromptTokenizer::loadOfAdapter;
    }

    /** How questions are asked: the paper's form is none of a classifier. */
    static PromptForm form(Optional<SequenceClassifier> classifier, PromptForm asked) {
        return classifier.isPresent() && asked.isPaper() ? PromptForm.TEXT : asked;
    }

    /** The labels of a run: rows of a classifier's head, or the class tokens of prompts. */
    static ClassTokens classTokens(Optional<SequenceClassifier> classifier, List<TokenizedPrompt> prompts) {
        return classifier.map(of -> ClassTokens.ofRows(of.labels())).orElseGet(() -> ClassTokens.of(prompts));
    }

    /** The adapter, of a classifier with its head. */
    static Adapter adapter(
            Path from,
            ModelConfig config,
            Optional<SequenceClassifier> classifier,
            int[] classTokens,
            boolean headBlock) {
        Adapter adapter = Peft.read(from, config, classTokens);
        return classifier
                .map(SequenceClassifier::head)
                .map(head -> adapter.withClassifier(headBlock ? head.asBlock() : head))
                .orElse(adapter);
    }
}
