package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.schemas.text.Printable;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import io.calibrant.trainer.service.ModelCheck;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What {@code check} found: for people the first prompt, the class tokens and a table; for machines JSON. */
public final class CheckPrinter {
    /** Rows of the table; JSON has them all. */
    private static final int MOST_ROWS = 20;

    /** With more labels the table shows the most probable one. */
    private static final int MOST_COLUMNS = 8;

    private static final long QUIET_NANOS = 10_000_000_000L;

    private final Output output;
    private final boolean json;
    private final ModelCheck check;
    private final int questions;
    private final List<String> labels;
    private final List<List<String>> rows = new ArrayList<>();
    private int answered;
    private long told = System.nanoTime();

    /** @param json whether one object a question is wanted */
    public CheckPrinter(Output output, boolean json, ModelCheck check) {
        this.output = output;
        this.json = json;
        this.check = check;
        questions = check.prompts().size();
        labels = check.classTokens().stream().map(ClassToken::label).toList();
    }

    /** What is known before the model is loaded. */
    public void read() {
        if (json) {
            return;
        }
        TokenizedPrompt first = check.prompts().get(0);
        long[] ids = first.ids();
        output.line("prompt of the first question, '"
                + Printable.text(first.question().id()) + "':");
        output.line(Printable.lines(first.text(), Integer.MAX_VALUE));
        output.line("");
        output.line("its " + ids.length + " token ids: " + Arrays.toString(ids));
        output.line("between prompt and label: '" + Printable.text(first.separator())
                + "'; special tokens of the tokenizer: "
                + (first.addsSpecialTokens() ? "before the prompt, if it has any" : "none added"));
        output.line(check.classTokens().stream()
                .map(token -> Printable.text(token.label()) + " " + token.tokenId())
                .collect(Collectors.joining(", ", "class tokens: ", "")));
        output.line("");
    }

    /** One answer. */
    public void answered(ModelCheck.Answered answer) {
        answered++;
        if (json) {
            output.json(object(answer));
        } else if (rows.size() < MOST_ROWS) {
            rows.add(row(answer));
        }
        if (System.nanoTime() - told > QUIET_NANOS && answered < questions) {
            told = System.nanoTime();
            output.note(answered + " of " + questions + " questions");
        }
    }

    /** The end. */
    public void summary(ModelCheck.Summary summary) {
        if (json) {
            output.json(object(summary));
        } else {
            table();
            output.line("");
            output.line(words(summary));
        }
        summary.warning().ifPresent(output::note);
    }

    private static ObjectNode object(ModelCheck.Answered answer) {
        TokenizedPrompt prompt = answer.prompt();
        Question question = prompt.question();
        ObjectNode object = Output.object();
        object.put("id", question.id());
        object.put("prompt", prompt.text());
        object.set("tokens", Output.json(prompt.ids()));
        object.set(
                "labels",
                Output.json(question.choices().stream().map(Choice::label).toList()));
        object.set("labelTokens", Output.json(prompt.labelTokens()));
        object.set("logits", Output.json(answer.logits()));
        object.set("mapProbabilities", Output.json(answer.probabilities()));
        return object;
    }

    private static ObjectNode object(ModelCheck.Summary summary) {
        ObjectNode object = Output.object();
        object.put("summary", true);
        object.put("questions", summary.questions());
        object.put("architecture", summary.architecture());
        object.put("dtype", summary.dtype());
        summary.accuracy().ifPresent(accuracy -> object.put("accuracy", accuracy));
        summary.nll().ifPresent(nll -> object.put("nll", nll));
        return object;
    }

    private List<String> row(ModelCheck.Answered answer) {
        Question question = answer.prompt().question();
        List<String> row = new ArrayList<>(List.of(question.id()));
        double[] p = answer.probabilities();
        if (labels.size() <= MOST_COLUMNS) {
            for (String label : labels) {
                int c = question.choices().stream().map(Choice::label).toList().indexOf(label);
                row.add(c < 0 ? "-" : probability(p[c]));
            }
        } else {
            int best = 0;
            for (int c = 1; c < p.length; c++) {
                best = p[c] > p[best] ? c : best;
            }
            row.add(question.choices().get(best).label());
            row.add(probability(p[best]));
        }
        row.add(question.answer() == null ? "-" : question.answer());
        return row;
    }

    private static String probability(double p) {
        return String.format(Locale.ROOT, "%.6f", p);
    }

    private void table() {
        List<String> header = new ArrayList<>(List.of("QUESTION"));
        header.addAll(labels.size() <= MOST_COLUMNS ? labels : List.of("MOST PROBABLE", "PROBABILITY"));
        header.add("ANSWER");
        output.line("MAP probabilities:");
        output.table(header, rows);
        if (answered > rows.size()) {
            output.line("and " + (answered - rows.size()) + " questions more (--json shows all of them)");
        }
    }

    private static String words(ModelCheck.Summary summary) {
        String all = summary.questions() + " questions, architecture " + summary.architecture() + ", dtype "
                + summary.dtype();
        if (summary.labelled() == 0) {
            return all + "; no answers, so no accuracy and no NLL";
        }
        return String.format(
                Locale.ROOT,
                "%s; of %d with answers: accuracy %.4f, NLL %.4f",
                all,
                summary.labelled(),
                summary.accuracy().orElseThrow(),
                summary.nll().orElseThrow());
    }
}
