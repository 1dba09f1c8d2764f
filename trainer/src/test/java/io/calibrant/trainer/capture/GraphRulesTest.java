package io.calibrant.trainer.capture;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.core.domain.properties.HasParameterTypes.Predicates.rawParameterTypes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.GradientCollector;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.HalfPrecision;

/** The four traps of DJL on PyTorch, and what the model packages may depend on, checked over all compiled classes. */
@AnalyzeClasses(packages = "io.calibrant.trainer", importOptions = DoNotIncludeTests.class)
class GraphRulesTest {

    private static final String MODEL = "io.calibrant.trainer.model..";
    private static final String LORA = "io.calibrant.trainer.lora..";
    private static final String CAPTURE = "io.calibrant.trainer.capture..";

    private static DescribedPredicate<JavaCall<?>> array(String methods) {
        return target(nameMatching(methods)).and(target(owner(assignableTo(NDArray.class))));
    }

    @ArchTest
    static final ArchRule NUMBERS_UNDER_AUTOGRAD = noClasses()
            .should()
            .callMethodWhere(array("(mul|div|pow|mod)i?").and(target(rawParameterTypes(Number.class))))
            .orShould()
            .callMethodWhere(
                    array("muli?|divi?|powi?|cbrt|swish|mish|gelu").and(target(rawParameterTypes(float.class))))
            .because("the number lives in a Java buffer that is freed before the backward pass");

    @ArchTest
    static final ArchRule COPIES_CUT_THE_GRAPH = noClasses()
            .that()
            .resideInAnyPackage(MODEL, LORA, CAPTURE)
            .and()
            .doNotBelongToAnyOf(Constants.class, Pass.class, HalfPrecision.class)
            .should()
            .callMethodWhere(array("toType|duplicate|toDevice"))
            .because("they return an array without history; what HalfPrecision widens is frozen and has none");

    @ArchTest
    static final ArchRule JAVA_BUFFERS_ON_THE_WAY_TO_A_GRAPH = noClasses()
            .that()
            .resideInAnyPackage(MODEL, LORA, CAPTURE)
            .and()
            .doNotBelongToAnyOf(Constants.class)
            .and()
            .doNotHaveSimpleName("WeightLoader")
            .and()
            .doNotHaveSimpleName("HalfPrecision")
            .should()
            .callMethodWhere(target(name("create")).and(target(owner(assignableTo(NDManager.class)))))
            .because("autograd keeps the view but not the buffer; Constants copies, and HalfPrecision takes native"
                    + " memory for what is not recorded");

    @ArchTest
    static final ArchRule BFLOAT16_ABORTS = noClasses()
            .should()
            .accessField(DataType.class, "BFLOAT16")
            .because("it ends the JVM; weights are widened in Java");

    @ArchTest
    static final ArchRule ONE_CLASS_DIFFERENTIATES = noClasses()
            .that()
            .doNotBelongToAnyOf(Autograd.class)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("ai.djl.pytorch..")
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(GradientCollector.class)
            .because("grad mode is per thread and a collector one per JVM: Autograd looks after both");

    @ArchTest
    static final ArchRule ASKING_FOR_A_GRADIENT = noClasses()
            .should()
            .callMethodWhere(array("hasGradient"))
            .because("it answers false for everything but leaves");

    @ArchTest
    static final ArchRule MODEL_PACKAGES_KNOW_NO_KAFKA = noClasses()
            .that()
            .resideInAnyPackage("io.calibrant.trainer.safetensors..", MODEL, LORA, CAPTURE)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.kafka..", "org.apache.avro..", "io.calibrant.schemas..");

    @ArchTest
    static final ArchRule FILES_KNOW_NO_ENGINE = noClasses()
            .that()
            .resideInAPackage("io.calibrant.trainer.safetensors..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("ai.djl..", MODEL, LORA, CAPTURE);

    @ArchTest
    static final ArchRule THE_MODEL_KNOWS_NO_ADAPTER = noClasses()
            .that()
            .resideInAPackage(MODEL)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(LORA, CAPTURE);
}
