package io.calibrant.trainer.prompts;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeType;
import io.calibrant.trainer.files.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Question files: UTF-8, one JSON object a line, {@code {"id", "question", "context"?, "choices"?: [{"label", "text"}],
 * "answer"?}}; other fields are ignored, empty lines skipped. {@code "prompt"} is the whole prompt, verbatim; beside it
 * {@code "question"} may be left out. Choices that are left out are the labels of the run; then {@code "text"} and
 * {@code "label"} may stand for {@code "question"} and {@code "answer"}. An id may be a whole number. Lines end with
 * LF, CR LF or CR; a byte order mark is skipped.
 */
public final class QuestionFile {
    private static final ObjectReader JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build()
            .readerFor(JsonNode.class);

    private static final String CHOICE = "{\"label\", \"text\"}";

    private QuestionFile() {}

    /**
     * Reads all questions of a file, in file order.
     *
     * @return at least one question; ids are distinct
     * @throws IllegalArgumentException if there is no such file, or a line is no question; the message is one line that
     *     names file, line, what is wrong and what is accepted
     */
    public static List<Question> read(Path file) {
        byte[] bytes;
        try {
            bytes = InputFile.read(file, InputFile.MOST_BYTES);
        } catch (NoSuchFileException e) {
            throw new IllegalArgumentException("question file " + file + " does not exist", e);
        } catch (IOException e) {
            throw new IllegalArgumentException("question file " + file + " cannot be read: " + e.getMessage(), e);
        }
        String kind = kind(bytes);
        List<Question> questions = new ArrayList<>();
        Map<String, Integer> lineOf = new HashMap<>();
        int line = 0;
        for (int start = afterByteOrderMark(bytes); start < bytes.length; ) {
            int end = start;
            while (end < bytes.length && bytes[end] != '\n' && bytes[end] != '\r') {
                end++;
            }
            line++;
            try {
                String text = StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes, start, end - start))
                        .toString();
                if (!text.isBlank()) {
                    Question question = parse(text);
                    Integer before = lineOf.putIfAbsent(question.id(), line);
                    if (before != null) {
                        throw Refusal.of("id", "unique", "'" + question.id() + "', which line " + before + " has");
                    }
                    questions.add(question);
                }
            } catch (CharacterCodingException e) {
                throw new IllegalArgumentException(at(file, line) + "must be UTF-8, got other bytes" + kind, e);
            } catch (JsonProcessingException e) {
                throw new IllegalArgumentException(
                        at(file, line) + "must be a JSON object, got other text: "
                                + e.getOriginalMessage().replaceAll("\\s+", " ") + kind,
                        e);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(at(file, line) + e.getMessage(), e);
            }
            boolean both = end + 1 < bytes.length && bytes[end] == '\r' && bytes[end + 1] == '\n';
            start = end + (both ? 2 : 1);
        }
        if (questions.isEmpty()) {
            throw Refusal.of(
                    "question file " + file, "one JSON object a line with id, question and choices", "no line");
        }
        return List.copyOf(questions);
    }

    /** What Windows' editors put before UTF-8 text. */
    private static int afterByteOrderMark(byte[] bytes) {
        boolean marked =
                bytes.length >= 3 && bytes[0] == (byte) 0xef && bytes[1] == (byte) 0xbb && bytes[2] == (byte) 0xbf;
        return marked ? 3 : 0;
    }

    private static String kind(byte[] bytes) {
        Optional<String> kind = InputFile.foreignKind(bytes);
        if (kind.isPresent()) {
            return "; the file is " + kind.get();
        }
        return bytes[0] == '[' ? "; the file is one JSON array: 'jq -c .[]' makes a line of each question" : "";
    }

    private static String at(Path file, int line) {
        return "question file " + file + ", line " + line + ": ";
    }

    private static Question parse(String text) throws JsonProcessingException {
        JsonNode json = JSON.readTree(text);
        if (!json.isObject()) {
            throw new IllegalArgumentException("must be a JSON object, got " + name(json));
        }
        JsonNode list = json.path("choices");
        boolean alone = list.isMissingNode() || list.isNull();
        if (!alone && !list.isArray()) {
            throw Refusal.of("choices", "a list of " + CHOICE, name(list));
        }
        List<Choice> choices = new ArrayList<>();
        for (JsonNode choice : list) {
            if (!choice.isObject()) {
                throw Refusal.of("choices[" + choices.size() + "]", CHOICE, name(choice));
            }
            String where = "choices[" + choices.size() + "].";
            choices.add(new Choice(string(choice, "label", where, true), string(choice, "text", where, true)));
        }
        String prompt = string(json, "prompt", "", false);
        String stem = alone && !json.has("question") && json.has("text") ? "text" : "question";
        JsonNode number = json.path("id");
        String id = number.isIntegralNumber() ? number.asText() : string(json, "id", "", true);
        String question = string(json, stem, "", prompt == null);
        if (!alone && choices.isEmpty()) {
            throw Refusal.of("choices", Question.MIN_CHOICES + " to " + Question.MAX_CHOICES, 0);
        }
        return new Question(
                id,
                question,
                string(json, "context", "", false),
                choices,
                string(json, alone && !json.has("answer") ? "label" : "answer", "", false),
                prompt);
    }

    private static String string(JsonNode object, String field, String where, boolean required) {
        JsonNode value = object.path(field);
        if (value.isTextual()) {
            return value.textValue();
        }
        if (!required && (value.isMissingNode() || value.isNull())) {
            return null;
        }
        throw Refusal.of(where + field, "a string", name(value));
    }

    private static String name(JsonNode json) {
        return json.getNodeType() == JsonNodeType.MISSING
                ? "nothing"
                : "JSON " + json.getNodeType().name().toLowerCase(Locale.ROOT);
    }
}
