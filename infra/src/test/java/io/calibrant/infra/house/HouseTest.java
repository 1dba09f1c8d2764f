package io.calibrant.infra.house;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Who may depend on whom: the walls of the house. */
@AnalyzeClasses(packages = "io.calibrant", importOptions = ImportOption.DoNotIncludeTests.class)
final class HouseTest {
    private static final String[] PURE = {
        "io.calibrant.trainer.safetensors..",
        "io.calibrant.trainer.model..",
        "io.calibrant.trainer.lora..",
        "io.calibrant.trainer.capture..",
        "io.calibrant.trainer.prompts..",
        "io.calibrant.trainer.curvature..",
        "io.calibrant.trainer.tuning..",
        "io.calibrant.fitter.linalg..",
        "io.calibrant.fitter.evidence..",
        "io.calibrant.scorer.predictive..",
        "io.calibrant.fitter.link..",
        "io.calibrant.fitter.metrics..",
        "io.calibrant.fitter.calibration.."
    };

    @ArchTest
    static final ArchRule mathematicsAndModelsKnowNoKafkaAndNoAvro = noClasses()
            .that()
            .resideInAnyPackage(PURE)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.kafka..", "org.apache.avro..", "io.calibrant.schemas..");

    @ArchTest
    static final ArchRule onlyTheTopologyKnowsKafkaStreams = noClasses()
            .that()
            .resideOutsideOfPackages("io.calibrant.fitter.topology..", "io.calibrant.fitter.service..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.apache.kafka.streams..");

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
                    "io.calibrant.trainer..", "io.calibrant.fitter..", "io.calibrant.scorer..", "io.calibrant.infra..");

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
                    "io.calibrant.trainer.tuning..",
                    "io.calibrant.trainer.statistics..",
                    "io.calibrant.fitter.topology..",
                    "io.calibrant.fitter.service..",
                    "io.calibrant.infra..");

    @ArchTest
    static final ArchRule commandLinesLiveUnderTheRoof = noClasses()
            .that()
            .resideOutsideOfPackage("io.calibrant.infra..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("picocli..");

    @ArchTest
    static final ArchRule roomsDoNotRunInCircles =
            slices().matching("io.calibrant.(*).(*)..").should().beFreeOfCycles();

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

    @ArchTest
    static void everyRoomSaysWhatItIsFor(JavaClasses classes) {
        Set<String> rooms = new TreeSet<>();
        Set<String> described = new TreeSet<>();
        for (JavaClass each : classes) {
            (each.getSimpleName().equals("package-info") ? described : rooms).add(each.getPackageName());
        }
        rooms.removeAll(described);
        rooms.remove("io.calibrant.schemas.avro"); // generated
        assertThat(rooms).isEmpty();
    }

    @ArchTest
    static void noRoomIsCalledCommonOrUtil(JavaClasses classes) {
        assertThat(classes)
                .noneMatch(each -> List.of("common", "util", "utils", "helpers")
                        .contains(each.getPackageName()
                                .substring(each.getPackageName().lastIndexOf('.') + 1)))
                .noneMatch(each -> each.getSimpleName().endsWith("Manager"));
    }
}
