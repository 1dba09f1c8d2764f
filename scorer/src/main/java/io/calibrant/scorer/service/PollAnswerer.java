package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.scorer.answering.Outcome;
import io.calibrant.scorer.answering.QuestionReader;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.TokenizedQuestion;
import io.calibrant.scorer.serving.FitModel;
import io.calibrant.scorer.serving.Lease;
import io.calibrant.scorer.serving.ModelTable;
import io.calibrant.scorer.serving.ServingSettings;
import io.calibrant.scorer.serving.Target;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Answers the questions of one poll: leases the models that they name, encodes the questions, and gives them to the
 * models in batches of questions of similar length. A poll is answered with one version of each model. Not thread-safe;
 * confined to one thread.
 */
final class PollAnswerer {
    private final QuestionReader reader;
    private final RetainedQuestions retained;
    private final ServingSettings serving;
    private final int batchSize;
    private final ModelTable table;
    private final String runs;

    /**
     * Leases nothing yet.
     *
     * @param connection for the schema of questions, and the name of the topic of runs
     * @param retained knows which questions are left alone
     */
    PollAnswerer(Connection connection, ScorerSettings settings, ModelTable table, RetainedQuestions retained) {
        this.retained = retained;
        this.reader = new QuestionReader(
                connection.deserializer(io.calibrant.schemas.avro.Question.class),
                settings.answering().tier());
        this.serving = settings.serving();
        this.batchSize = settings.poll().batchSize();
        this.table = table;
        this.runs = connection.topics().runs();
    }

    /** One question and what it is to be answered with. */
    private record Pending(ConsumerRecord<byte[], byte[]> record, QuestionReader.Read read, Target target) {}

    /** One question that the model can be asked. */
    private record Ready(ConsumerRecord<byte[], byte[]> record, Target target, Tier tier, TokenizedQuestion asked) {
        boolean isMeasured() {
            return asked.purpose() == Purpose.VALIDATION && tier == Tier.ALL;
        }
    }

    /** Questions that may share a forward pass; models are compared by identity. */
    private record Kind(FitModel model, Tier tier, boolean measured) {}

    /**
     * Answers or rejects questions.
     *
     * @param records of the poll
     * @param out answers and dead letters are added to it
     * @return false if the posterior of a run was deleted meanwhile: then {@code out} must not be sent
     * @throws RuntimeException if the registry cannot be asked
     */
    boolean answer(List<ConsumerRecord<byte[], byte[]>> records, PollOutput out) {
        long begin = System.nanoTime();
        List<Pending> pending = new ArrayList<>();
        Set<Target> wanted = new LinkedHashSet<>();
        Set<String> otherRuns = new HashSet<>();
        boolean current = false;
        for (ConsumerRecord<byte[], byte[]> record : records) {
            try {
                QuestionReader.Read read = reader.read(record);
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                if (retained.isLeft(partition, record.offset(), read.run())) {
                    continue; // others were asked, and have answered
                }
                String run = read.run() == null ? serving.runs().get(0) : read.run();
                Target target = new Target(run, read.fit() == null ? serving.fit() : read.fit());
                pending.add(new Pending(record, read, target));
                if (serving.runs().contains(run)) {
                    wanted.add(target);
                    // Sent because a fit has become complete: a posterior from before that must not answer them.
                    current |= read.purpose() != Purpose.ANSWER;
                } else {
                    otherRuns.add(run);
                }
            } catch (BadQuestionException e) {
                out.reject(record, DeadLetterReason.UNREADABLE, e);
            }
        }
        Lease lease = table.lease(wanted, otherRuns, current);
        try {
            if (!lease.ready()) {
                return false;
            }
            List<Ready> ready = ready(pending, lease, out);
            Map<String, Set<Integer>> missing = missingTokens(ready, lease);
            if (!missing.isEmpty()) {
                lease.close();
                lease = table.leaseWith(missing, wanted);
            }
            for (Ready each : ready) {
                if (!lease.models().containsKey(each.target())) {
                    return false;
                }
            }
            long read = System.nanoTime();
            out.took(ScorerListener.Stage.READ, read - begin);
            answer(ready, lease, out);
            out.took(ScorerListener.Stage.PREDICT, System.nanoTime() - read);
            return true;
        } finally {
            lease.close();
        }
    }

    /**
     * The questions that can be answered here. The others are rejected, or skipped where another scorer has their run.
     */
    private List<Ready> ready(List<Pending> pending, Lease lease, PollOutput out) {
        List<Ready> ready = new ArrayList<>();
        for (Pending each : pending) {
            Target target = each.target();
            try {
                if (!serving.runs().contains(target.run())) {
                    if (lease.unknown().contains(target.run())) {
                        out.reject(
                                each.record(),
                                DeadLetterReason.UNSERVED,
                                new BadQuestionException(Require.message(
                                        "run",
                                        target.run(),
                                        "one on topic " + runs + ", or empty for '"
                                                + serving.runs().get(0) + "'")));
                    }
                    continue;
                }
                Question question = reader.question(each.read());
                Tier tier = reader.tier(each.read());
                FitModel model = lease.models().get(target);
                if (model == null) {
                    out.reject(
                            each.record(),
                            DeadLetterReason.UNSERVED,
                            new BadQuestionException("fit '" + target.fit() + "' cannot answer: "
                                    + lease.refusals().get(target)));
                    continue;
                }
                ready.add(new Ready(
                        each.record(),
                        target,
                        tier,
                        model.read(question, each.read().purpose())));
            } catch (BadQuestionException e) {
                out.reject(each.record(), DeadLetterReason.INVALID, e);
            }
        }
        return ready;
    }

    private static Map<String, Set<Integer>> missingTokens(List<Ready> ready, Lease lease) {
        Map<String, Set<Integer>> missing = new HashMap<>();
        for (Ready each : ready) {
            Set<Integer> known = lease.models().get(each.target()).tokens();
            for (int token : each.asked().choices()) {
                if (!known.contains(token)) {
                    missing.computeIfAbsent(each.target().run(), run -> new HashSet<>())
                            .add(token);
                }
            }
        }
        return missing;
    }

    /** Answers in batches, sorted by number of choices and then by length, so that there is little padding. */
    private void answer(List<Ready> ready, Lease lease, PollOutput out) {
        Map<Kind, List<Ready>> kinds = new LinkedHashMap<>();
        for (Ready each : ready) {
            kinds.computeIfAbsent(
                            new Kind(lease.models().get(each.target()), each.tier(), each.isMeasured()),
                            kind -> new ArrayList<>())
                    .add(each);
        }
        kinds.forEach((kind, all) -> {
            all.sort(Comparator.<Ready>comparingInt(each -> each.asked().choiceCount())
                    .thenComparingInt(each -> each.asked().length()));
            for (int from = 0; from < all.size(); from += batchSize) {
                answer(kind, all.subList(from, Math.min(all.size(), from + batchSize)), out);
            }
        });
    }

    private static void answer(Kind kind, List<Ready> alike, PollOutput out) {
        List<TokenizedQuestion> questions = alike.stream().map(Ready::asked).toList();
        List<Outcome> outcomes = kind.model().answer(kind.tier(), questions, kind.measured());
        int longest =
                questions.stream().mapToInt(TokenizedQuestion::length).max().orElse(0);
        for (int i = 0; i < alike.size(); i++) {
            out.computed(questions.get(i).length(), longest);
            out.add(alike.get(i).record(), outcomes.get(i));
        }
    }
}
