package io.calibrant.trainer.prompts;

import com.samskivert.mustache.Mustache;
import com.samskivert.mustache.MustacheException;
import com.samskivert.mustache.Template;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A Mustache template of prompts. Nothing is escaped, with two braces or three: a prompt is no page. What a question
 * holds is never rendered again. Immutable; may be used by several threads.
 */
final class PromptTemplate {
    /** The token that begins a text, empty where the tokenizer has none. */
    static final String BOS = "bos_token";

    /** The token that ends a text, empty where the model has none. */
    static final String EOS = "eos_token";

    private static final String QUESTION = "question";
    private static final String CONTEXT = "context";
    private static final String CHOICES = "choices";
    private static final String LABEL = "label";
    private static final String TEXT = "text";
    private static final String TRUE_FALSE = "trueFalse";

    /** The text of the section that a tag stands in. */
    private static final String DOT = ".";

    private static final Set<String> NAMES = Set.of(QUESTION, CONTEXT, CHOICES, LABEL, TEXT, TRUE_FALSE, BOS, EOS, DOT);

    private static final String ACCEPTED =
            "question, context, choices (in it label and text), trueFalse, bos_token and" + " eos_token";

    private static final String OPENING = "{{";

    /** Sets others; then two braces are text. */
    private static final String DELIMITERS = "{{=";

    private final Template template;
    private final Set<String> names = new TreeSet<>();

    /**
     * Parses a template.
     *
     * @throws IllegalArgumentException in one line, if it is no Mustache template, names what a question does not have,
     *     or renders nothing of it
     */
    PromptTemplate(String text) {
        try {
            template = Mustache.compiler()
                    .escapeHTML(false)
                    .emptyStringIsFalse(true)
                    .strictSections(true)
                    .withFormatter(PromptTemplate::format)
                    .compile(text);
            template.visit(new Names(text.contains(DELIMITERS)));
            requireShown(false);
            requireShown(true);
        } catch (MustacheException | IndexOutOfBoundsException e) {
            // an empty tag ends in the library's own index
            throw Refusal.of(
                    "prompt template",
                    "a Mustache template with the names " + ACCEPTED,
                    "one that cannot be rendered: "
                            + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
        }
    }

    /** Whether a tag names it. */
    boolean names(String name) {
        return names.contains(name);
    }

    /**
     * The text of a question's prompt.
     *
     * @param bos text of the token that begins a text; may be empty
     * @param eos text of the token that ends a text; may be empty
     */
    String render(Question question, String bos, String eos) {
        try {
            return render(
                    question.question(),
                    question.context() == null ? "" : question.context(),
                    question.choices(),
                    question.isTrueFalse(),
                    bos,
                    eos);
        } catch (MustacheException e) {
            throw Refusal.of(
                    "the prompt template", "one that renders question '" + question.id() + "'", e.getMessage());
        }
    }

    private String render(
            String question, String context, List<Choice> choices, boolean trueFalse, String bos, String eos) {
        return template.execute(Map.of(
                QUESTION,
                question,
                CONTEXT,
                context,
                CHOICES,
                choices.stream()
                        .map(choice -> Map.of(LABEL, choice.label(), TEXT, choice.text()))
                        .toList(),
                TRUE_FALSE,
                trueFalse,
                BOS,
                bos,
                EOS,
                eos));
    }

    /** Renders a question with and without a context: a name in the wrong place shows here, and not in a run. */
    private void requireShown(boolean trueFalse) {
        List<Choice> choices = List.of(new Choice("True", "\u0001text"), new Choice("False", "\u0001text"));
        String text = render("\u0001question", "\u0001context", choices, trueFalse, "\u0002", "\u0002");
        render("\u0001question", "", choices, trueFalse, "", "");
        if (text.indexOf('\u0001') < 0) {
            throw Refusal.of(
                    "prompt template",
                    "one that renders {{{question}}}, or else {{{context}}} or the choices' {{{text}}}",
                    "one that makes the same prompt of every question");
        }
    }

    /** Lists and flags are not text. */
    private static String format(Object value) {
        if (value instanceof String text) {
            return text;
        }
        throw new MustacheException("choices and trueFalse are sections, {{#choices}}...{{/choices}}, and '.' is the"
                + " text of a section around it");
    }

    private final class Names implements Mustache.Visitor {
        private final boolean otherDelimiters;

        Names(boolean otherDelimiters) {
            this.otherDelimiters = otherDelimiters;
        }

        @Override
        public void visitText(String text) {
            if (!otherDelimiters && text.contains(OPENING)) {
                throw new MustacheException("a tag is not closed: '" + OPENING + "' without '}}'");
            }
        }

        @Override
        public void visitVariable(String name) {
            known(name);
        }

        @Override
        public boolean visitSection(String name) {
            return known(name);
        }

        @Override
        public boolean visitInvertedSection(String name) {
            return known(name);
        }

        @Override
        public boolean visitInclude(String name) {
            throw new MustacheException("a prompt is one template, without the partial '" + name + "'");
        }

        @Override
        public boolean visitParent(String name) {
            return visitInclude(name);
        }

        @Override
        public boolean visitBlock(String name) {
            return visitInclude(name);
        }

        private boolean known(String name) {
            if (!NAMES.contains(name)) {
                throw Refusal.of(
                        "name '" + name + "' of the prompt template",
                        "one of " + ACCEPTED,
                        "one that a" + " question does not have");
            }
            names.add(name);
            return true;
        }
    }
}
