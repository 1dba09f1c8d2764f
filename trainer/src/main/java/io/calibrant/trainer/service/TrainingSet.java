package io.calibrant.trainer.service;

import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.trainer.digest.Digest;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.prompts.QuestionPlace;
import io.calibrant.trainer.prompts.SpecialTokens;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * The questions of a run, read, split, encoded and checked before anything else happens.
 *
 * @param prompts the training questions, in file order
 * @param validation the questions that are not trained on, in file order; may be empty
 * @param seen questions that are left out of the validation, because one that is trained on has their text
 * @param classifier of the adapter that the run starts from; empty where labels are tokens
 * @param classTokens all labels of both
 * @param pad id that fills batches
 * @param form how questions are asked
 * @param namesEnd whether a prompt may hold the end of sequence by its name
 * @param tokenizerChanges what the model's tokenizer_config.json changes, for the model's digest
 */
record TrainingSet(
        List<EncodedPrompt> prompts,
        List<Question> validation,
        int seen,
        Optional<SequenceClassifier> classifier,
        ClassTokens classTokens,
        int pad,
        PromptForm form,
        boolean namesEnd,
        String tokenizerChanges) {
    /** The fitter makes no noise of a logit of fewer questions. */
    private static final int ENOUGH_FOR_NOISE = 20;

    private static final int MOST_FOR_NOISE = 64;

    /**
     * Reads all of it.
     *
     * @param notes hears how many questions were left out, if any
     * @throws IllegalArgumentException one line: a file that is no question file, a question without an answer, a label
     *     that is not one token, prompts longer than {@code --max-length} or the model's context, a token that the
     *     model does not have, an adapter that was trained with other tokens
     */
    static TrainingSet read(TrainerSettings settings, ModelConfig config, Consumer<String> notes) {
        QuestionSettings wanted = settings.questions();
        List<Question> labelled = labelled(wanted.file());
        Optional<Path> others = wanted.validation().file();
        List<Question> otherQuestions = others.map(TrainingSet::labelled).orElse(List.of());
        SpecialTokens special = SpecialTokens.read(settings.model());
        Optional<SequenceClassifier> classifier = TrainedClassifier.read(settings, config);
        PromptForm form = TrainedClassifier.form(classifier, wanted.prompt());
        Function<PromptTokenizer, PromptEncoder> encoders =
                TrainedClassifier.encoders(classifier, settings.model(), form, special.eos(), wanted.labels());
        try (PromptTokenizer tokenizer = TrainedClassifier.tokenizer(classifier, settings.model())) {
            PromptLengths lengths = new PromptLengths(settings, config, encoders.apply(tokenizer), notes);
            List<TokenizedPrompt> training = new ArrayList<>(lengths.fitting(wanted.file(), labelled));
            List<TokenizedPrompt> validation = others.isPresent()
                    ? new ArrayList<>(lengths.fitting(others.get(), otherQuestions))
                    : holdOut(training, wanted.validation().fraction(), settings.seed());
            TrainingTexts trained = TrainingTexts.of(
                    questions(training).stream().map(TrainingSet::text).toList());
            others.ifPresent(file -> requireUnseen(trained, questions(validation), file));
            // What is trained on under another id says nothing new.
            int seen = validation.size();
            validation.removeIf(prompt -> trained.contains(text(prompt.question())));
            seen -= validation.size();
            List<TokenizedPrompt> all = new ArrayList<>(training);
            all.addAll(validation);
            ClassTokens classTokens = TrainedClassifier.classTokens(classifier, all);
            all.forEach(prompt -> requireKnown(prompt, settings.model(), config.vocabularySize()));
            for (ClassToken token : classTokens.tokens()) {
                requireKnown(
                        "label '" + token.label() + "'", token.tokenId(), settings.model(), config.vocabularySize());
            }
            if (settings.adapter().from().isPresent()) {
                AdapterTokenizer.requireSame(
                        settings.adapter().from().get(),
                        settings.model(),
                        TrainedClassifier.tokenizerOfAdapter(classifier),
                        encoders,
                        all);
            }
            if (classifier.isEmpty()) {
                PromptEnd.note(form, all.get(0)).ifPresent(notes);
            }
            boolean namesEnd = form.namesEnd(questions(all));
            return new TrainingSet(
                    classTokens.place(training),
                    questions(validation),
                    seen,
                    classifier,
                    classTokens,
                    special.pad(),
                    form,
                    namesEnd,
                    SpecialTokens.changes(settings.model(), tokenizer, namesEnd));
        }
    }

    private static List<Question> questions(List<TokenizedPrompt> prompts) {
        return prompts.stream().map(TokenizedPrompt::question).toList();
    }

    /** A tokenizer with more tokens than the model has rows would stop a run in its middle. */
    static void requireKnown(TokenizedPrompt prompt, Path model, int vocabulary) {
        for (long id : prompt.ids()) {
            requireKnown("question '" + prompt.question().id() + "'", id, model, vocabulary);
        }
    }

    static void requireKnown(String whose, long token, Path model, int vocabulary) {
        if (token < 0 || token >= vocabulary) {
            throw new IllegalArgumentException(Require.message(
                    "tokens of " + whose, token, "below " + vocabulary + " (vocab_size of " + model + "/config.json)"));
        }
    }

    /** Of all that the training questions bring into the statistics, in their order. */
    String digest() {
        Digest digest = new Digest();
        for (EncodedPrompt prompt : prompts) {
            digest.add(prompt.question().id())
                    .add(prompt.ids())
                    .add(prompt.classes())
                    .add(prompt.question().answer());
        }
        return digest.hex();
    }

    /**
     * Training questions that tell the noise of a logit where too few validation questions do: evenly from the whole
     * file, which may be sorted. None where even all of them are too few.
     */
    List<Question> forNoise() {
        int size = prompts.size();
        int count = Math.min(MOST_FOR_NOISE, size);
        if (validation.size() >= ENOUGH_FOR_NOISE || validation.size() + count < ENOUGH_FOR_NOISE) {
            return List.of();
        }
        return IntStream.range(0, count)
                .mapToObj(i -> prompts.get((int) ((long) i * size / count)).question())
                .toList();
    }

    /** What is trained on, by text. */
    TrainingTexts texts() {
        return TrainingTexts.of(
                prompts.stream().map(prompt -> text(prompt.question())).toList());
    }

    static QuestionText text(Question question) {
        return QuestionText.of(
                question.question(),
                question.context(),
                question.ownChoices(),
                Choice::label,
                Choice::text,
                question.prompt());
    }

    private static List<Question> labelled(Path file) {
        List<Question> questions = QuestionFile.read(file);
        for (Question question : questions) {
            if (question.answer() == null) {
                throw refused(file, "answer of question '" + question.id() + "'", null, "one of its labels");
            }
        }
        return questions;
    }

    private static void requireUnseen(TrainingTexts trained, List<Question> validation, Path file) {
        if (validation.stream().allMatch(question -> trained.contains(text(question)))) {
            String id = validation.get(0).id();
            throw new IllegalArgumentException(QuestionPlace.of(file, id) + ": question '" + id
                    + "' is by its text one of the training questions, as all " + validation.size()
                    + " are: validation needs questions that the run has not seen");
        }
    }

    /** Moves a seeded part of the questions out; both parts keep their order. */
    private static List<TokenizedPrompt> holdOut(List<TokenizedPrompt> training, double fraction, long seed) {
        int size = training.size();
        int wanted = (int) Math.min(ValidationSource.MOST_HELD_OUT, Math.round(fraction * size));
        int count = Math.min(fraction > 0 ? Math.max(1, wanted) : 0, size - 1);
        BitSet chosen = new BitSet(size);
        SplittableRandom random = new SplittableRandom(seed ^ 0x686f6c646f7574L);
        while (chosen.cardinality() < count) {
            chosen.set(random.nextInt(size));
        }
        List<TokenizedPrompt> held = new ArrayList<>();
        List<TokenizedPrompt> kept = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            (chosen.get(i) ? held : kept).add(training.get(i));
        }
        training.clear();
        training.addAll(kept);
        return held;
    }

    private static IllegalArgumentException refused(Path file, String what, Object got, String accepted) {
        return new IllegalArgumentException("question file " + file + ": " + Require.message(what, got, accepted));
    }
}
