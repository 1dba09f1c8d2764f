package io.calibrant.trainer;

import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.SpecialTokens;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A tiny model with an adapter whose weights are all random, and questions of 2 to 5 choices for it. */
public final class TinyRun implements AutoCloseable {
    /** Letters that are one token of the committed tokenizer. */
    private static final String LABELS = "ABCDF";

    /** What its adapter is. */
    public enum Kind {
        LORA,
        DORA,
        /** A sequence classifier whose head is a block. */
        CLASSIFIER
    }

    private final LanguageModel llama;
    private final AdaptedModel model;
    private final ClassTokens classTokens;
    private final List<EncodedPrompt> prompts;

    /** Writes the model into a directory and loads it. */
    public TinyRun(Path directory, double dropout, int questions) throws IOException {
        this(directory, dropout, questions, Kind.LORA);
    }

    /** The same with an adapter of some kind. */
    public TinyRun(Path directory, double dropout, int questions, Kind kind) throws IOException {
        TinyDirectory.write(directory, 1);
        List<Question> asked = questions(questions);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(directory)) {
            PromptEncoder encoder =
                    PromptEncoder.paper(tokenizer, SpecialTokens.read(directory).eos());
            classTokens = ClassTokens.of(encoder.encode(asked));
            prompts = classTokens.place(encoder.encode(asked));
        }
        llama = LanguageModel.load(directory, TestDevice.get());
        String targets = kind == Kind.CLASSIFIER ? "q_proj,down_proj" : "q_proj,down_proj,lm_head";
        LoraSettings settings = new LoraSettings(4, 8, dropout, false, LoraTargets.parse(targets));
        Adapter untrained = Adapter.initialise(llama.config(), settings, classTokens.ids(), 3);
        Random random = new Random(4);
        List<LoraMatrices> matrices = new ArrayList<>();
        for (LoraMatrices m : untrained.matrices().values()) {
            float[] b = m.b();
            for (int i = 0; i < b.length; i++) {
                b[i] = (float) (0.3 * random.nextGaussian());
            }
            float[] magnitude = kind == Kind.DORA ? uniform(random, m.linear().outputs()) : null;
            matrices.add(new LoraMatrices(m.linear(), m.rank(), m.a(), b, magnitude));
        }
        Adapter adapter = Adapter.of(llama.config(), settings, classTokens.ids(), matrices);
        if (kind == Kind.CLASSIFIER) {
            int classes = classTokens.size();
            float[] weight = uniform(random, classes * llama.config().width());
            adapter = adapter.withClassifier(new ClassifierHead(weight, classes, true));
        }
        model = new AdaptedModel(llama, adapter);
    }

    private static float[] uniform(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = 0.5f + random.nextFloat();
        }
        return values;
    }

    /** Questions of 2, 3, 4, 5, 2, ... choices and of different lengths, all labelled. */
    public static List<Question> questions(int count) {
        List<Question> questions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<Choice> choices = new ArrayList<>();
            for (int c = 0; c < 2 + i % 4; c++) {
                choices.add(new Choice(LABELS.substring(c, c + 1), (i * 7 + c) % 10 + "."));
            }
            questions.add(new Question(
                    "q" + i,
                    "Which?" + " Say it.".repeat(i % 3),
                    null,
                    choices,
                    choices.get(i % choices.size()).label()));
        }
        return questions;
    }

    /** The adapted model. */
    public AdaptedModel model() {
        return model;
    }

    /** The encoded questions. */
    public List<EncodedPrompt> prompts() {
        return prompts;
    }

    /** A, B, C, D and F. */
    public ClassTokens classTokens() {
        return classTokens;
    }

    @Override
    public void close() {
        model.close();
        llama.close();
    }
}
