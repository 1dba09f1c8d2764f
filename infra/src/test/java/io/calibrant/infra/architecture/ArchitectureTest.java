package io.calibrant.infra.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Which package may depend on which. */
@AnalyzeClasses(packages = "io.calibrant", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
    private static final String GENERATED = "io.calibrant.schemas.avro";
    private static final String[] PURE = {
        "io.calibrant.trainer.safetensors",
        "io.calibrant.trainer.model",
        "io.calibrant.trainer.lora",
        "io.calibrant.trainer.capture",
        "io.calibrant.trainer.prompts",
        "io.calibrant.trainer.curvature",
        "io.calibrant.trainer.finetuning",
        "io.calibrant.fitter.linalg",
        "io.calibrant.fitter.evidence",
        "io.calibrant.fitter.link",
        "io.calibrant.fitter.metrics",
        "io.calibrant.fitter.selective",
        "io.calibrant.fitter.calibration",
        "io.calibrant.scorer.predictive"
    };
    private static final String[] ON_STREAMS = {"io.calibrant.fitter.topology", "io.calibrant.fitter.service"};

    /** As the name of an allowed package they would allow everything. */
    private static final Set<String> TOO_WIDE = Set.of(
            "io.calibrant",
            "io.calibrant.trainer",
            "io.calibrant.fitter",
            "io.calibrant.scorer",
            "io.calibrant.infra",
            "ai",
            "com",
            "io",
            "org",
            "org.apache");

    /** What is the same thing in memory and in a record: mathematics and models know no Avro. */
    private static final Set<String> ALSO_RECORDS = Set.of(
            "Choice",
            "ClassToken",
            "FisherType",
            "KfacApproximation",
            "LabelTokens",
            "PriorStructure",
            "Question",
            "SpecialTokensRule");

    /** They bring all services together. */
    private static final Set<String> MAY_USE_ALL =
            Set.of("io.calibrant.infra.commands", "io.calibrant.infra.bench", "io.calibrant.infra.demo");

    private static String[] andBelow(String... packages) {
        return Arrays.stream(packages).map(each -> each + "..").toArray(String[]::new);
    }

    @ArchTest
    static void everyPackageDependsOnWhatItsPackageInfoSays(JavaClasses classes) {
        Set<String> wrong = new TreeSet<>();
        Map<String, AllowList> lists = AllowList.all(wrong);
        Map<String, Set<String>> used = new TreeMap<>();
        lists.keySet().forEach(name -> used.put(name, new TreeSet<>()));
        for (JavaClass each : classes) {
            Set<String> targets = used.get(each.getPackageName());
            if (targets == null) {
                if (!each.getPackageName().equals(GENERATED)) {
                    wrong.add(each.getPackageName() + " has no package-info");
                }
                continue;
            }
            each.getDirectDependenciesFromSelf()
                    .forEach(dependency -> targets.add(
                            dependency.getTargetClass().getBaseComponentType().getPackageName()));
        }
        // Class files do not say whose constants they use.
        Sources.imports("main")
                .forEach((name, imported) ->
                        used.computeIfAbsent(name, key -> new TreeSet<>()).addAll(imported));
        lists.values()
                .forEach(list -> used.get(list.name()).stream()
                        .filter(target -> !list.allows(target))
                        .forEach(target -> wrong.add(list.name() + " must not depend on " + target + ", and does")));
        lists.values()
                .forEach(list -> list.allowed().forEach(allowed -> {
                    if (used.get(list.name()).stream().noneMatch(each -> AllowList.isIn(each, allowed))) {
                        wrong.add(list.name() + " may depend on " + allowed + ", and does not");
                    }
                    if (TOO_WIDE.contains(allowed) && !MAY_USE_ALL.contains(list.name())) {
                        wrong.add(list.name() + " may depend on " + allowed + ", which says too little");
                    }
                }));
        assertThat(wrong).isEmpty();
    }

    @ArchTest
    static final ArchRule mathematicsAndModelsKnowNoKafkaAndNoAvro = noClasses()
            .that()
            .resideInAnyPackage(andBelow(PURE))
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.kafka..", "org.apache.avro..", "io.calibrant.schemas..");

    @ArchTest
    static final ArchRule onlyTheTopologyAndItsServiceKnowKafkaStreams = noClasses()
            .that()
            .resideOutsideOfPackages(ON_STREAMS)
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.apache.kafka.streams..");

    /** Else a rule above holds for a package that has been renamed, since nothing is in it. */
    @ArchTest
    static void packagesThatRulesNameExist(JavaClasses classes) {
        Set<String> existing = new TreeSet<>();
        classes.forEach(each -> existing.add(each.getPackageName()));
        assertThat(existing).contains(PURE).contains(ON_STREAMS).containsAll(MAY_USE_ALL);
    }

    @ArchTest
    static final ArchRule theFitterNeverSeesDjl = noClasses()
            .that()
            .resideInAPackage("io.calibrant.fitter..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("ai.djl..", "io.calibrant.trainer..", "io.calibrant.scorer..");

    @ArchTest
    static final ArchRule schemasDependOnNobody = noClasses()
            .that()
            .resideInAPackage("io.calibrant.schemas..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.calibrant.trainer..",
                    "io.calibrant.fitter..",
                    "io.calibrant.scorer..",
                    "io.calibrant.cluster..",
                    "io.calibrant.infra..");

    @ArchTest
    static final ArchRule theTrainerDependsOnSchemasOnly = noClasses()
            .that()
            .resideInAPackage("io.calibrant.trainer..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.calibrant.fitter..", "io.calibrant.scorer..", "io.calibrant.infra..");

    @ArchTest
    static final ArchRule theScorerUsesModelAndMathematicsOnly = noClasses()
            .that()
            .resideInAPackage("io.calibrant.scorer..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.calibrant.trainer.finetuning..",
                    "io.calibrant.trainer.statistics..",
                    "io.calibrant.fitter.topology..",
                    "io.calibrant.fitter.service..",
                    "io.calibrant.infra..");

    @ArchTest
    static final ArchRule nothingThatIsShippedDependsOnWhatTestsShare = noClasses()
            .that()
            .resideOutsideOfPackage("io.calibrant.testing..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("io.calibrant.testing..");

    @ArchTest
    static final ArchRule commandLinesAreInInfraOnly = noClasses()
            .that()
            .resideOutsideOfPackage("io.calibrant.infra..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("picocli..");

    @ArchTest
    static final ArchRule packagesAreFreeOfCycles =
            slices().assignedFrom(new EachPackage()).should().beFreeOfCycles();

    /** Every package by itself, apart from those below it. */
    private static final class EachPackage implements SliceAssignment {
        @Override
        public SliceIdentifier getIdentifierOf(JavaClass each) {
            return SliceIdentifier.of(each.getPackageName());
        }

        @Override
        public String getDescription() {
            return "packages";
        }
    }

    @ArchTest
    static void oneClassTouchesTheJni(JavaClasses classes) {
        Set<String> users = new TreeSet<>();
        for (JavaClass each : classes) {
            if (each.getDirectDependenciesFromSelf().stream()
                    .anyMatch(d -> d.getTargetClass().getPackageName().startsWith("ai.djl.pytorch.jni"))) {
                users.add(each.getBaseComponentType().getSimpleName());
            }
        }
        assertThat(users).hasSizeLessThanOrEqualTo(1);
    }

    /** A reader who has found a class must not ask which one of them it is. */
    @ArchTest
    static void noTwoClassesShareAName(JavaClasses classes) {
        Map<String, Set<String>> byName = new TreeMap<>();
        for (JavaClass each : classes) {
            if (each.isTopLevelClass() && !each.getSimpleName().equals("package-info")) {
                byName.computeIfAbsent(each.getSimpleName(), name -> new TreeSet<>())
                        .add(each.getPackageName());
            }
        }
        ALSO_RECORDS.forEach(
                name -> assertThat(byName.get(name)).contains(GENERATED).hasSize(2));
        byName.keySet().removeAll(ALSO_RECORDS);
        byName.values().removeIf(packages -> packages.size() == 1);
        assertThat(byName)
                .as("names of classes, and the packages that have one")
                .isEmpty();
    }

    @ArchTest
    static void noPackageIsCalledCommonOrUtil(JavaClasses classes) {
        assertThat(classes)
                .noneMatch(each -> List.of("common", "util", "utils", "helpers")
                        .contains(each.getPackageName()
                                .substring(each.getPackageName().lastIndexOf('.') + 1)))
                .noneMatch(each -> each.getSimpleName().endsWith("Manager"));
    }
}
