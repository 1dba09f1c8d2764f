package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.link.Link;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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
    private static final int ALL_SPLITS = 10;

    /** The reference's names of ours. */
    private static final Map<String, String> NAMES = Map.of(
            Member.SCALED, "scaled",
            Member.NOISE, "noise_scaled",
            Member.TEMPERATURE, "temperature",
            Member.TEMPERATURE_VARIANCE, "temperature_variance",
            Member.TEMPERATURE_NOISE, "temperature_noise");

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
                    .map(split -> differences(calibrator, sampled, split, labelFree))
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
    private static double[] differences(
            Calibrator calibrator, List<Calibrator.Sampled> answers, JsonNode split, LabelFree labelFree) {
        int[] labels = StreamSupport.stream(split.path("labels").spliterator(), false)
                .mapToInt(JsonNode::asInt)
                .toArray();
        Set<Integer> known = new HashSet<>();
        List<Calibrator.Sampled> head = new ArrayList<>();
        for (int i : labels) {
            known.add(i);
            head.add(answers.get(i));
        }
        List<Calibrator.Sampled> rest = IntStream.range(0, answers.size())
                .filter(i -> !known.contains(i))
                .mapToObj(answers::get)
                .toList();
        int[] fold = IntStream.range(0, labels.length).map(i -> i % 10).toArray();
        CalibrationResult found = calibrator.calibrate(head, fold, labelFree);
        double all = tier(found.all(), "averaged", split, head, rest);
        double forward = tier(found.forward(), "averaged_forward_only", split, head, rest);
        return new double[] {all, forward};
    }

    private static double tier(
            List<Member> members,
            String tier,
            JsonNode split,
            List<Calibrator.Sampled> head,
            List<Calibrator.Sampled> rest) {
        double map = -head.size() * nll(head, List.of());
        List<Member> theirs = new ArrayList<>();
        for (Member member : members) {
            String name = NAMES.get(member.name());
            Member their = at(member, split);
            theirs.add(their);
            assertThat(nll(rest, List.of(their.withWeight(1))))
                    .as("%s at the reference's T and c", name)
                    .isCloseTo(split.path("nll").path(name).asDouble(), within(OF_A_SPLIT));
            assertThat(objective(head, member)).as(name).isLessThanOrEqualTo(objective(head, their) + 1e-6);
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
        double off = nll(rest, members) - split.path("nll").path(tier).asDouble();
        assertThat(off).as(tier).isCloseTo(0, within(2 * OF_A_SPLIT));
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
        LearningCurve curve = LearningCurve.of(answers.subList(0, 120), labelFree, false, 4);
        assertThat(curve.points()).extracting(LearningCurve.Point::labels).containsExactly(0, 10, 25, 50);
        assertThat(curve.worth(50, 50)).isBetween(0.0, curve.worth(10, 90));
        assertThat(curve.worth(0, 50)).isLessThan(0.1);
    }

    private static LabelFree labelFree(JsonNode reference, double v) {
        return new LabelFree(1 / reference.path("tokens_per_example").asDouble(), v);
    }

    private static JsonNode reference(String model) {
        return Golden.json("real/" + RealAnswers.file(model) + "_averaged.json");
    }
}
