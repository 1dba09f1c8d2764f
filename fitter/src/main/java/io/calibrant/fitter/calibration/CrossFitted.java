package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The probabilities that a tier serves, for the labelled answers, each by members that were fitted without its part of
 * the labels, and weighted by the labels of the other parts. In the weights a label has a small part all the same: the
 * log likelihoods of the other parts are by fits that had it. Weights without it would need every fit once more for
 * each part. What is said of these labels is said of new ones up to that, and up to the tenth of the labels that the
 * served members have more. In the order of the question ids.
 *
 * @param all where every question has the covariance of all blocks; empty where no labelled answer has one
 * @param forward by the members that need no covariance of the question
 * @param map by temperature alone
 */
public record CrossFitted(
        List<LabelledProbabilities> all, List<LabelledProbabilities> forward, List<LabelledProbabilities> map) {
    /** Of no labels. */
    public static final CrossFitted NONE = new CrossFitted(List.of(), List.of(), List.of());

    public CrossFitted {
        all = List.copyOf(all);
        forward = List.copyOf(forward);
        map = List.copyOf(map);
    }

    /** Those of some of the answers, by their places in the order of the question ids. */
    public CrossFitted at(BitSet places) {
        return new CrossFitted(at(all, places), at(forward, places), at(map, places));
    }

    private static List<LabelledProbabilities> at(List<LabelledProbabilities> tier, BitSet places) {
        return IntStream.range(0, tier.size())
                .filter(places::get)
                .mapToObj(tier::get)
                .toList();
    }

    /**
     * The probabilities of one tier.
     *
     * @param members at least one
     * @param fold of each answer, 0, 1, ...
     */
    static List<LabelledProbabilities> of(
            List<Calibrator.Fitted> members, int[] fold, List<LabelledContrasts> answers, Link link) {
        List<List<Member>> without = new ArrayList<>();
        for (int part = 0; part < members.get(0).without().size(); part++) {
            List<Member> others = new ArrayList<>();
            for (Calibrator.Fitted each : members) {
                others.add(each.without().get(part).withLogLikelihood(each.logLikelihoodWithout(part, fold)));
            }
            without.add(PseudoBma.weighted(others));
        }
        List<LabelledProbabilities> served = new ArrayList<>();
        for (int i = 0; i < fold.length; i++) {
            LabelledContrasts answer = answers.get(i);
            Mixture mixture = Mixture.of(without.get(fold[i]), link, answer.mean(), answer.covariance());
            served.add(new LabelledProbabilities(mixture.probabilities(), answer.label()));
        }
        return List.copyOf(served);
    }
}
