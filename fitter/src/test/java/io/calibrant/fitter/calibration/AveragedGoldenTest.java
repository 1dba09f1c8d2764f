package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.link.Link;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The label-free members and the averages on real predictions, against the reference's on the same splits. That is a
 * grid of 61 temperatures and 35 scales. {@code -Dcalibrant.splits=10} takes all ten of every number of labels.
 */
class AveragedGoldenTest {
    private static final double OF_A_SPLIT = 0.003;
    private static final double OF_A_MEAN = 0.001;

    /**
     * Scales of the reference's grid are 1.38 apart. In 2 of its 300 averages, both of tier forward, the minimum
     * between two of them predicts better than the node, by .0049 and .0056; in none is it worse by more than .003.
     */
    private static final double MOST_BY_FITTING_BETWEEN_NODES = 0.006;

    private static final int ALL_SPLITS = 10;

    /** Where a label is in the tail of a large noise, the fit's 512 points say up to .006 less of a mean. */
    private static final int POINTS_OF_A_TAIL = 1 << 15;

    /** The reference's names of ours. */
    private static final Map<String, String> NAMES = Map.of(
            Member.SCALED, "scaled",
            Member.NOISE, "noise_scaled",
            Member.TEMPERATURE, "temperature",
            Member.TEMPERATURE_VARIANCE, "temperature_variance",
            Member.TEMPERATURE_NOISE, "temperature_noise");

    /** Some answers, and the same at the points of the fit. */
    private record Answers(List<LabelledContrasts> raw, List<Calibrator.Sampled> sampled, LabelFree labelFree) {
        Answers of(IntStream indices) {
            List<Integer> some = indices.boxed().toList();
            return new Answers(
                    some.stream().map(raw::get).toList(),
                    some.stream().map(sampled::get).toList(),
                    labelFree);
        }

        /** Members with the reference's T, c and weights predict as they do there. */
        void shouldBePredicted(String name, List<Member> theirs, JsonNode expected) {
            double nll = nll(sampled, theirs);
            if (Math.abs(nll - expected.asDouble()) > OF_A_SPLIT) {
                Calibrator finer = new Calibrator(POINTS_OF_A_TAIL);
                nll = raw.stream()
                        .mapToDouble(one -> nll(finer.sample(List.of(one), labelFree.variance()), theirs))
                        .average()
                        .orElseThrow();
            }
            assertThat(nll)
                    .as("%s at the reference's T and c", name)
                    .isCloseTo(expected.asDouble(), within(OF_A_SPLIT));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mild", "overfitted", "sst2"})
    void shouldGiveTheReferenceWithoutLabels(String model) {
        List<LabelledContrasts> answers = RealAnswers.of(model);
        JsonNode expected = reference(model);
        double v = RealAnswers.noise(answers);
        assertThat(v / expected.path("noise_variance").asDouble()).isCloseTo(1, within(1e-9));
        LabelFree labelFree = labelFree(expected, v);
        CalibrationResult none = new Calibrator().calibrate(List.of(), labelFree);
        assertThat(none.all()).extracting(Member::name).containsExactly(Member.SCALED, Member.NOISE);
        assertThat(none.all()).extracting(Member::weight).containsOnly(0.5);
        assertThat(none.forward()).extracting(Member::name).containsExactly(Member.NOISE);
        assertThat(none.map()).isEmpty();

        Link link = Link.monteCarlo();
        double mixed = 0;
        double alone = 0;
        double scaled = 0;
        for (LabelledContrasts answer : answers) {
            Mixture both = Mixture.of(none.all(), link, answer.mean(), answer.covariance());
            Mixture noise = Mixture.of(none.forward(), link, answer.mean(), null);
            mixed -= Math.log(both.probabilities()[answer.label()]) / answers.size();
            alone -= Math.log(noise.probabilities()[answer.label()]) / answers.size();
            // p = (scaled + noise) / 2
            scaled -= Math.log(2 * both.probabilities()[answer.label()] - noise.probabilities()[answer.label()])
                    / answers.size();
        }
        assertThat(mixed).isCloseTo(expected.path("label_free").asDouble(), within(5e-4));
        assertThat(alone).isCloseTo(expected.path("all").path("noise_scaled").asDouble(), within(5e-4));
        assertThat(scaled).isCloseTo(expected.path("all").path("scaled").asDouble(), within(5e-4));
    }

    /**
     * The reference's T and c are nodes of its grid, ours the minimum between them: so the predictions are compared at
     * the reference's T and c, the fits by the objective that both minimise, the averages by their NLL.
     */
    @ParameterizedTest
    @ValueSource(strings = {"mild", "overfitted", "sst2"})
    void shouldGiveTheReferencesAverages(String model) {
        List<LabelledContrasts> answers = RealAnswers.of(model);
        JsonNode expected = reference(model);
        LabelFree labelFree = labelFree(expected, RealAnswers.noise(answers));
        Calibrator calibrator = new Calibrator();
        List<Calibrator.Sampled> sampled = calibrator.sample(answers, labelFree.variance());
        Map<Integer, List<JsonNode>> byLabels = new TreeMap<>();
        expected.path("splits")
                .forEach(split -> byLabels.computeIfAbsent(split.path("labels").size(), n -> new ArrayList<>())
                        .add(split));
        byLabels.forEach((labels, all) -> {
            List<JsonNode> some = all.subList(0, Integer.getInteger("calibrant.splits", labels < 50 ? 2 : 1));
            List<double[]> off = some.parallelStream()
                    .map(split -> differences(calibrator, new Answers(answers, sampled, labelFree), split))
                    .toList();
            if (some.size() == ALL_SPLITS) {
                assertThat(off.stream().mapToDouble(each -> each[0]).average().orElseThrow())
                        .as("%s, %d labels, mean of tier all", model, labels)
                        .isCloseTo(0, within(OF_A_MEAN));
                assertThat(off.stream().mapToDouble(each -> each[1]).average().orElseThrow())
                        .as("%s, %d labels, mean of tier forward", model, labels)
                        .isCloseTo(0, within(OF_A_MEAN));
            }
        });
    }

    /** Checks one split. @return ours minus the reference's NLL, of tiers all and forward */
    private static double[] differences(Calibrator calibrator, Answers answers, JsonNode split) {
        int[] labels = StreamSupport.stream(split.path("labels").spliterator(), false)
                .mapToInt(JsonNode::asInt)
                .toArray();
        Answers head = answers.of(IntStream.of(labels));
        Set<Integer> known = IntStream.of(labels).boxed().collect(Collectors.toSet());
        Answers rest = answers.of(IntStream.range(0, answers.raw().size()).filter(i -> !known.contains(i)));
        int[] fold = IntStream.range(0, labels.length).map(i -> i % 10).toArray();
        CalibrationResult found = calibrator.calibrate(head.sampled(), fold, answers.labelFree());
        double all = tier(found.all(), "averaged", split, head, rest);
        double forward = tier(found.forward(), "averaged_forward_only", split, head, rest);
        return new double[] {all, forward};
    }

    private static double tier(List<Member> members, String tier, JsonNode split, Answers head, Answers rest) {
        double map = -head.sampled().size() * nll(head.sampled(), List.of());
        List<Member> theirs = new ArrayList<>();
        for (Member member : members) {
            String name = NAMES.get(member.name());
            Member their = at(member, split);
            theirs.add(their);
            rest.shouldBePredicted(
                    name, List.of(their.withWeight(1)), split.path("nll").path(name));
            assertThat(objective(head.sampled(), member))
                    .as(name)
                    .isLessThanOrEqualTo(objective(head.sampled(), their) + 1e-6);
            if (map - member.logLikelihood() > 3) {
                assertThat(member.weight()).as("%s loses to MAP", name).isLessThan(0.05);
            }
        }
        assertThat(members).hasSize(split.path("weights").path(tier).size());
        for (Member weighted : PseudoBma.weighted(theirs)) {
            assertThat(weighted.weight())
                    .isCloseTo(
                            split.path("weights")
                                    .path(tier)
                                    .path(NAMES.get(weighted.name()))
                                    .asDouble(),
                            within(1e-9));
        }
        rest.shouldBePredicted(
                tier, PseudoBma.weighted(theirs), split.path("nll").path(tier));
        double off = nll(rest.sampled(), members) - split.path("nll").path(tier).asDouble();
        assertThat(off).as(tier).isBetween(-MOST_BY_FITTING_BETWEEN_NODES, OF_A_SPLIT);
        return off;
    }

    /** The member as the reference fitted and cross-validated it. */
    private static Member at(Member member, JsonNode split) {
        double t = member.temperature();
        double c = member.scale();
        switch (member.name()) {
            case Member.TEMPERATURE -> t = split.path("T").asDouble();
            case Member.TEMPERATURE_VARIANCE -> {
                t = split.path("Tc").path(0).asDouble();
                c = split.path("Tc").path(1).asDouble();
            }
            case Member.TEMPERATURE_NOISE -> {
                t = split.path("noise_Tc").path(0).asDouble();
                c = split.path("noise_Tc").path(1).asDouble();
            }
            default -> {}
        }
        return new Member(
                member.name(),
                t,
                c,
                member.variance(),
                0,
                split.path("cv").path(NAMES.get(member.name())).asDouble());
    }

    /** Sum of NLL and priors, which the fits minimise. */
    private static double objective(List<Calibrator.Sampled> answers, Member member) {
        Slopes priors = new Slopes();
        VariancePrior.WEAK.addTo(
                priors,
                Math.log(member.temperature()),
                member.scale() == 0 ? VariancePrior.LOG_SCALE : Math.log(member.scale()));
        return priors.value + answers.size() * nll(answers, List.of(member.withWeight(1)));
    }

    private static double nll(List<Calibrator.Sampled> answers, List<Member> members) {
        return answers.stream()
                .mapToDouble(answer -> answer.negativeLogLikelihood(members))
                .average()
                .orElseThrow();
    }

    @Test
    void shouldSayWhatLabelsAreWorth() {
        List<LabelledContrasts> answers = RealAnswers.of("overfitted");
        LabelFree labelFree = labelFree(reference("overfitted"), RealAnswers.noise(answers));
        List<Double> shares = Collections.synchronizedList(new ArrayList<>());
        LearningCurve curve = LearningCurve.of(answers.subList(0, 120), labelFree, false, 4, shares::add);
        assertThat(shares).hasSize(16).allMatch(share -> share > 0 && share <= 1);
        assertThat(shares).doesNotHaveDuplicates().contains(1.0);
        assertThat(curve.points()).extracting(LearningCurve.Point::labels).containsExactly(0, 10, 25, 50);
        assertThat(curve.worth(50, 50)).isBetween(0.0, curve.worth(10, 90));
        assertThat(curve.worth(0, 50)).isLessThan(0.1);
    }

    /** NLL = .4 + .5 / n; what lies beside it is orthogonal to that line, so the fit is the same. */
    @Test
    void shouldSayWhatMoreLabelsAreWorthByTheLineOverOneOverTheirNumber() {
        int[] n = {10, 25, 50};
        double[] beside = {.02, -.08, .06};
        List<LearningCurve.Point> points = new ArrayList<>();
        points.add(new LearningCurve.Point(0, .7, OptionalDouble.of(.46), .9));
        for (int i = 0; i < 3; i++) {
            double served = .4 + .5 / n[i] + .05 * beside[i];
            points.add(new LearningCurve.Point(n[i], .7, OptionalDouble.of(served), .9));
        }
        LearningCurve curve = new LearningCurve(points);
        assertThat(curve.worth(50, 50)).isCloseTo(.5 / 50 - .5 / 100, within(1e-12));
        assertThat(curve.worth(300, 50)).isCloseTo(.5 / 300 - .5 / 350, within(1e-12));
        assertThat(curve.worth(0, 50)).as("what serves now is .46").isCloseTo(.46 - .41, within(1e-12));
        assertThat(curve.worth(9, 50)).isCloseTo(.46 - .4 - .5 / 59, within(1e-12));

        List<LearningCurve.Point> forward = points.stream()
                .map(each -> new LearningCurve.Point(each.labels(), .7, OptionalDouble.empty(), each.served()))
                .toList();
        assertThat(new LearningCurve(forward).worth(50, 50)).isCloseTo(.005, within(1e-12));

        List<LearningCurve.Point> rising = points.stream()
                .map(each -> new LearningCurve.Point(each.labels(), .7, OptionalDouble.empty(), 1 - each.served()))
                .toList();
        assertThat(new LearningCurve(rising).worth(50, 50)).isZero();
    }

    private static LabelFree labelFree(JsonNode reference, double v) {
        return new LabelFree(1 / reference.path("tokens_per_example").asDouble(), v);
    }

    private static JsonNode reference(String model) {
        return Golden.json("real/" + RealAnswers.file(model) + "_averaged.json");
    }
}
