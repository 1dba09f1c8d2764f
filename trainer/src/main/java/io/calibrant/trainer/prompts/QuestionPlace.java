package io.calibrant.trainer.prompts;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** Where a question stands in its file, for messages about what only the topics can tell. */
public final class QuestionPlace {
    private QuestionPlace() {}

    /**
     * The file and, where it is found, the line of an id.
     *
     * @param file that was read as a question file; null for none
     * @return words, for example {@code question file a.jsonl, line 3}; {@code question} for no file
     */
    public static String of(Path file, String id) {
        if (file == null) {
            return "question";
        }
        Pattern field = Pattern.compile("\"id\"\\s*:\\s*\"?" + Pattern.quote(id) + "\"?\\s*[,}]");
        try {
            String[] lines = Files.readString(file, StandardCharsets.UTF_8).split("\r\n|\r|\n", -1);
            for (int i = 0; i < lines.length; i++) {
                if (field.matcher(lines[i]).find()) {
                    return "question file " + file + ", line " + (i + 1);
                }
            }
        } catch (IOException e) {
            return "question file " + file; // it was readable a moment ago; the message is about something else
        }
        return "question file " + file;
    }
}
