package io.calibrant.trainer.service;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calibrant.schemas.Require;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.curvature.ClassProbabilities;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.BaseWeights;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ReplacedWeights;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.prompts.QuestionPlace;
import io.calibrant.trainer.prompts.SpecialTokens;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import io.calibrant.trainer.settings.CheckSettings;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What a model, an adapter, a prompt and labels come to, without Kafka. Files are read and refused as the trainer reads
 * and refuses them. Questions are answered by the weights as they are (MAP), one at a time and without padding: these
 * are the figures that another program has to see for the same tokens.
 */
public final class ModelCheck {
    private final CheckSettings settings;
    private final ModelConfig config;
    private final ClassTokens classTokens;
    private final List<TokenizedPrompt> prompts;
    private final Optional<Adapter> adapter;
    private final Optional<ClassifierHead> head;

    private ModelCheck(
            CheckSettings settings,
            ModelConfig config,
            ClassTokens classTokens,
            List<TokenizedPrompt> prompts,
            Optional<Adapter> adapter,
            Optional<ClassifierHead> head) {
        this.settings = settings;
        this.config = config;
        this.classTokens = classTokens;
        this.prompts = prompts;
        this.adapter = adapter;
        this.head = head;
    }

    /**
     * A question, as the model answers it.
     *
     * @param prompt what the model read
     * @param logits of the class tokens, in the order of the choices: [C]; not to be modified
     * @param probabilities their softmax: [C]; not to be modified
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    public record Answered(TokenizedPrompt prompt, float[] logits, double[] probabilities) {}

    /**
     * All of it.
     *
     * @param questions how many were asked
     * @param labelled how many of them have answers
     * @param architecture {@code model_type} of the model
     * @param dtype type of the model's weights in memory
     * @param accuracy of the labelled questions; empty where there are none
     * @param nll mean of -log p(answer) over the labelled questions; empty where there are none
     * @param warning one line, where the answers are no better than guesses
     */
    public record Summary(
            int questions,
            int labelled,
            String architecture,
            String dtype,
            OptionalDouble accuracy,
            OptionalDouble nll,
            Optional<String> warning) {}

    /**
     * Reads everything but the model's weights.
     *
     * @throws IllegalArgumentException one line: a file that is missing or damaged, a label that is not one token, a
     *     prompt longer than the model's context, an adapter that does not fit
     */
    public static ModelCheck read(CheckSettings settings) {
        ModelConfig config = ModelConfig.read(settings.model());
        List<Question> all = QuestionFile.read(settings.questions());
        List<Question> questions =
                all.subList(0, Math.min(all.size(), settings.limit().orElse(all.size())));
        SpecialTokens special = SpecialTokens.read(settings.model());
        Optional<SequenceClassifier> classifier = settings.adapter().isPresent()
                ? SequenceClassifier.read(settings.adapter().get(), settings.model(), config, settings.labels())
                : SequenceClassifier.ofModel(settings.model(), config, settings.labels());
        Function<PromptTokenizer, PromptEncoder> encoders = TrainedClassifier.encoders(
                classifier, settings.model(), settings.prompt(), special.eos(), settings.labels());
        try (PromptTokenizer tokenizer = TrainedClassifier.tokenizer(classifier, settings.model())) {
            List<TokenizedPrompt> prompts = encoders.apply(tokenizer).encode(questions);
            ClassTokens classTokens = TrainedClassifier.classTokens(classifier, prompts);
            prompts.forEach(prompt -> requireFitting(prompt, settings, config));
            prompts.forEach(prompt -> TrainingSet.requireKnown(prompt, settings.model(), config.vocabularySize()));
            classTokens
                    .tokens()
                    .forEach(token -> TrainingSet.requireKnown(
                            "label '" + token.label() + "'",
                            token.tokenId(),
                            settings.model(),
                            config.vocabularySize()));
            settings.adapter()
                    .ifPresent(from -> AdapterTokenizer.requireSame(
                            from,
                            settings.model(),
                            TrainedClassifier.tokenizerOfAdapter(classifier),
                            encoders,
                            prompts));
            Optional<Adapter> adapter = settings.adapter()
                    .map(from -> TrainedClassifier.adapter(from, config, classifier, classTokens.ids(), false));
            adapter.ifPresent(read ->
                    BaseWeights.requireUnchanged(settings.adapter().orElseThrow(), read.saved(), settings.model()));
            return new ModelCheck(
                    settings, config, classTokens, prompts, adapter, classifier.map(SequenceClassifier::head));
        }
    }

    private static void requireFitting(TokenizedPrompt prompt, CheckSettings settings, ModelConfig config) {
        int most = config.context().tokens();
        if (prompt.length() > most) {
            throw new IllegalArgumentException(
                    QuestionPlace.of(settings.questions(), prompt.question().id())
                            + ": prompt must be at most " + most + " tokens long ("
                            + config.context().key() + " of " + settings.model().resolve("config.json") + "), got "
                            + prompt.length());
        }
    }

    /** The questions as the model reads them, in file order; at least one. */
    public List<TokenizedPrompt> prompts() {
        return prompts;
    }

    /** Every label that occurs, with its token. */
    public List<ClassToken> classTokens() {
        return classTokens.tokens();
    }

    /** The adapter, of a sequence classifier with its head; empty for the model alone. */
    public Optional<Adapter> adapter() {
        return adapter;
    }

    /**
     * Loads the model and answers the questions.
     *
     * @param answers takes each answer, in file order
     * @throws RuntimeException whose message is one line: weights that are missing, damaged or do not fit, a device
     *     that is not there, logits that are not finite
     */
    public Summary answer(Consumer<Answered> answers) {
        try (LanguageModel model = LanguageModel.load(
                        settings.model(),
                        settings.device().resolve(),
                        settings.base(),
                        adapter.map(with -> with.saved().weights()).orElse(ReplacedWeights.NONE));
                Answering answering = answering(model)) {
            Guessing guessing = new Guessing();
            double logLikelihood = 0;
            int right = 0;
            int labelled = 0;
            for (TokenizedPrompt tokenized : prompts) {
                EncodedPrompt prompt = classTokens.place(tokenized);
                TokenBatch batch = TokenBatch.leftPadded(List.of(prompt.ids()), 0);
                Read read = answering.logits(
                        batch, z -> new Read(z.toFloatArray(), ClassProbabilities.of(z, List.of(prompt))));
                float[] own = new float[prompt.classes().length];
                for (int c = 0; c < own.length; c++) {
                    own[c] = requireFinite(read.logits[prompt.classes()[c]], prompt);
                }
                answers.accept(new Answered(tokenized, own, read.classes.probabilities()[0]));
                Optional<Integer> answer = prompt.question().answerIndex();
                if (answer.isPresent()) {
                    int[] label = {answer.get()};
                    labelled++;
                    logLikelihood += read.classes.logLikelihood(label);
                    right += read.classes.right(label);
                    guessing.add(new int[] {own.length}, read.classes.right(label));
                }
            }
            return new Summary(
                    prompts.size(),
                    labelled,
                    config.architecture().modelType(),
                    settings.base().type().name(),
                    labelled == 0 ? OptionalDouble.empty() : OptionalDouble.of((double) right / labelled),
                    labelled == 0 ? OptionalDouble.empty() : OptionalDouble.of(-logLikelihood / labelled),
                    adapter.flatMap(read -> guessing.warning("accuracy")));
        }
    }

    private static float requireFinite(float logit, EncodedPrompt prompt) {
        if (!Float.isFinite(logit)) {
            throw new IllegalStateException(
                    Require.message("logits of question '" + prompt.question().id() + "'", logit, "finite"));
        }
        return logit;
    }

    private Answering answering(LanguageModel model) {
        return adapter.isPresent()
                ? new Adapted(new AdaptedModel(model, adapter.get()))
                : new Plain(model, model.newManager(), classTokens.ids(), head);
    }

    /**
     * What is read of a pass.
     *
     * @param logits [K]
     * @param classes the softmax over the question's own choices
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    private record Read(float[] logits, ClassProbabilities classes) {}

    /** A model, with an adapter or without. */
    private interface Answering extends AutoCloseable {
        /** What {@code reader} makes of the logits of a batch, [B, K]. */
        <T> T logits(TokenBatch batch, Function<NDArray, T> reader);

        @Override
        void close();
    }

    private record Adapted(AdaptedModel model) implements Answering {
        @Override
        public <T> T logits(TokenBatch batch, Function<NDArray, T> reader) {
            try (Pass pass = model.forward(batch, Mode.PLAIN)) {
                return reader.apply(pass.logits());
            }
        }

        @Override
        public void close() {
            model.close();
        }
    }

    private static final class Plain implements Answering {
        private final LanguageModel model;
        private final NDManager manager;
        private final NDArray rows;
        private final boolean ofVocabulary;

        Plain(LanguageModel model, NDManager manager, int[] classTokens, Optional<ClassifierHead> head) {
            this.model = model;
            this.manager = manager;
            ofVocabulary = head.isEmpty();
            rows = head.map(of -> Constants.array(
                            manager, of.weight(), new Shape(of.classes(), of.width()), model.dataType()))
                    .orElseGet(() -> model.classRows(manager, classTokens));
        }

        @Override
        public <T> T logits(TokenBatch batch, Function<NDArray, T> reader) {
            try (NDManager pass = manager.newSubManager()) {
                return reader.apply(
                        Autograd.unrecorded(() -> model.logits(batch, rows, ofVocabulary, LinearHook.FROZEN, pass)));
            }
        }

        @Override
        public void close() {
            manager.close();
        }
    }
}
