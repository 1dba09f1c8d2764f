package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.AnswerHistory;
import io.calibrant.infra.live.DeadLetter;
import io.calibrant.infra.live.LiveState;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What was answered, and what could not be: the newest of both, to be opened. */
final class AnswerSections {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LETTERS = 50;
    private static final long RATE_MILLIS = 60_000;

    private AnswerSections() {}

    /** @param history null where there is none */
    static ObjectNode answers(AnswerHistory history, long now) {
        ObjectNode object = JSON.createObjectNode();
        if (history == null) {
            return object.put("total", 0);
        }
        object.put("total", history.total());
        long recent = history.newest().stream()
                .filter(each -> each.time() > now - RATE_MILLIS)
                .count();
        boolean more = recent == history.newest().size() && history.total() > recent;
        long first = history.newest().iterator().next().time();
        JsonNumbers.put(
                object, "perSecond", recent / (more ? Math.max(1, now - first) / 1000.0 : RATE_MILLIS / 1000.0));
        long length = history.counts().stretch();
        object.put("stretch", length);
        ArrayNode seconds = object.putArray("seconds");
        ArrayNode rates = object.putArray("rates");
        long before = Long.MIN_VALUE;
        for (Map.Entry<Long, Long> each : history.counts().byStretch().entrySet()) {
            if (before != Long.MIN_VALUE && each.getKey() > before + 1) {
                // No answer in this interval.
                seconds.add((before + 1) * length);
                rates.add(0);
                if (each.getKey() > before + 2) {
                    seconds.add((each.getKey() - 1) * length);
                    rates.add(0);
                }
            }
            seconds.add(each.getKey() * length);
            rates.add((double) each.getValue() / length);
            before = each.getKey();
        }
        AnswerHistory.Point last = null;
        ArrayNode points = object.putArray("points");
        for (AnswerHistory.Point each : history.newest()) {
            ObjectNode point = points.addObject();
            point.put("time", each.time());
            point.put("question", each.question());
            point.put("fit", each.fit().checkpoint() + "/" + each.fit().fit());
            point.put("version", each.posteriorVersion());
            point.put("label", each.label());
            JsonNumbers.put(point, "confidence", each.confidence());
            JsonNumbers.put(point, "map", each.mapConfidence());
            JsonNumbers.put(point, "temperature", each.temperatureConfidence());
            JsonNumbers.put(point, "novelty", each.novelty());
            point.put("decision", each.decision());
            point.put("partition", each.partition());
            point.put("offset", each.offset());
            point.put("tier", each.tier());
            last = each;
        }
        if (last != null) {
            object.put("inUse", last.fit().checkpoint() + "/" + last.fit().fit());
            object.put("inUseVersion", last.posteriorVersion());
        }
        return object;
    }

    static ObjectNode deadLetters(LiveState state) {
        ObjectNode object = JSON.createObjectNode();
        object.set("counts", JSON.valueToTree(state.deadLetterCounts()));
        ArrayNode letters = object.putArray("letters");
        List<DeadLetter> all = new ArrayList<>(state.deadLetters());
        for (int i = all.size() - 1; i >= 0 && letters.size() < LETTERS; i--) {
            DeadLetter letter = all.get(i);
            letters.addObject()
                    .put("time", letter.time())
                    .put("topic", letter.topic())
                    .put("partition", letter.partition())
                    .put("offset", letter.offset())
                    .put("origin", letter.origin())
                    .put("key", letter.key())
                    .put("reason", letter.reason());
        }
        return object;
    }
}
