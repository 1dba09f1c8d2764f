package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher script in a project of its own, with a java and a mvn that only say how they were called. */
class LauncherTest {
    @TempDir
    private Path dir;

    private Path root;
    private Path tools;
    private boolean asNobody;

    @BeforeEach
    void build() throws IOException {
        root = Files.createDirectories(dir.resolve("a project"));
        tools = Files.createDirectories(dir.resolve("tools"));
        Files.writeString(root.resolve("pom.xml"), "");
        for (String module : List.of("schemas", "infra", "infra/cluster")) {
            Files.createDirectories(root.resolve(module).resolve("src/main/java"));
            Files.writeString(root.resolve(module).resolve("pom.xml"), "");
            Files.writeString(root.resolve(module).resolve("src/main/java/A.java"), "");
        }
        Files.copy(Path.of("calibrant"), root.resolve("infra/calibrant"));
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; *) echo \"java"
                        + " $*\";; esac");
        tool(
                "mvn",
                "echo \"mvn in $PWD\"; mkdir -p infra/target infra/cluster/target; "
                        + ": > infra/target/calibrant-infra-1.jar; : > infra/cluster/target/calibrant-cluster-1.jar");
    }

    private void tool(String name, String body) throws IOException {
        Path file = tools.resolve(name);
        Files.deleteIfExists(file);
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
    }

    private Ran launch(Path script, String... arguments) throws Exception {
        return launch(script, Map.of(), arguments);
    }

    private Ran launch(Path script, Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        if (asNobody) {
            command.addAll(List.of("setpriv", "--reuid=65534", "--clear-groups"));
        }
        command.addAll(List.of("bash", script.toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).directory(dir.toFile());
        builder.environment().remove("JAVA_HOME");
        builder.environment().remove("CALIBRANT_JAVA_OPTS");
        builder.environment().remove("CALIBRANT_TORCH");
        builder.environment().put("PATH", tools + ":/usr/bin:/bin");
        builder.environment().putAll(environment);
        Path out = Files.createTempFile(dir, "out", "");
        Path err = Files.createTempFile(dir, "err", "");
        int code = builder.redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start()
                .waitFor();
        return new Ran(code, Files.readString(out), Files.readString(err));
    }

    @Test
    void shouldBuildOnceAndSaySoThenRun() throws Exception {
        Path script = root.resolve("infra/calibrant");
        Ran first = launch(script, "ask", "--questions", "two words.jsonl");
        assertThat(first.code()).isZero();
        assertThat(first.err())
                .startsWith("calibrant: building")
                .contains("mvn in " + root.toRealPath())
                .contains("calibrant: built in");
        assertThat(first.out())
                .startsWith("java ")
                .endsWith("io.calibrant.infra.commands.Calibrant ask --questions two words.jsonl\n");

        Ran second = launch(script, "fits");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).endsWith("io.calibrant.infra.commands.Calibrant fits\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"schemas", "infra", "infra/cluster"})
    void shouldBuildAgainWhenASourceIsNewer(String module) throws Exception {
        Path script = root.resolve("infra/calibrant");
        launch(script, "fits");
        Files.setLastModifiedTime(
                root.resolve(module).resolve("src/main/java/A.java"),
                FileTime.from(Instant.now().plusSeconds(60)));
        assertThat(launch(script, "fits").err()).contains("mvn in ");
    }

    @Test
    void shouldStartAFitterWithTheVectorApiAndASmallHeapWhatTheUserSaysLast() throws Exception {
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; "
                        + "--list-modules) echo jdk.incubator.vector@17.0.1;; *) echo \"java $*\";; esac");
        Path script = root.resolve("infra/calibrant");
        Map<String, String> words = Map.of("CALIBRANT_JAVA_OPTS", "-XX:GCTimeRatio=9 -Xmn512m");
        for (String[] command : new String[][] {{"fit"}, {"refit", "--run", "r"}, {"bench", "fitter"}}) {
            assertThat(launch(script, words, command).out())
                    .contains(" --add-modules jdk.incubator.vector ")
                    .containsSubsequence("-Xmn256m", "-XX:GCTimeRatio=1", "-XX:GCTimeRatio=9", "-Xmn512m", "-cp");
        }
        assertThat(launch(script, "fits").out())
                .contains(" -Xmn64m ")
                .doesNotContain("jdk.incubator.vector", "GCTimeRatio");

        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; "
                        + "--list-modules) echo java.base@17.0.1;; *) echo \"java $*\";; esac");
        assertThat(launch(script, "fit").out()).doesNotContain("jdk.incubator.vector");
    }

    @Test
    void shouldKeepTheLibrariesThatWereAskedForAndOneVersionOfEach() throws Exception {
        tool(
                "mvn",
                "echo \"mvn $*\"; mkdir -p infra/target infra/cluster/target; "
                        + ": > infra/target/calibrant-infra-1.jar; : > infra/cluster/target/calibrant-cluster-1.jar; "
                        + "for a in \"$@\"; do case $a in -Dcalibrant.lib=*) lib=${a#*=};; "
                        + "-Pconfluent) more=yes;; esac; done; "
                        + "mkdir -p \"$lib\"; : > \"$lib/avro-${more:-no}.jar\"");
        Path script = root.resolve("infra/calibrant");
        Path lib = root.resolve("infra/target/lib");
        Map<String, String> confluent = Map.of("CALIBRANT_MAVEN_OPTS", "-Pconfluent");
        assertThat(launch(script, "fits").err()).contains("mvn ").doesNotContain("-Pconfluent");
        assertThat(lib.toFile().list()).containsExactly("avro-no.jar");

        assertThat(launch(script, confluent, "fits").err())
                .as("asked for otherwise")
                .contains("-Pconfluent package");
        assertThat(lib.toFile().list()).containsExactly("avro-yes.jar");
        assertThat(launch(script, confluent, "fits").err()).isEmpty();
        assertThat(launch(script, "fits").err()).isEmpty();

        Files.setLastModifiedTime(
                root.resolve("infra/src/main/java/A.java"),
                FileTime.from(Instant.now().plusSeconds(60)));
        assertThat(launch(script, "fits").err()).as("the next build").contains("-Pconfluent package");
        Files.setLastModifiedTime(root.resolve("infra/src/main/java/A.java"), FileTime.from(Instant.now()));
        assertThat(launch(script, Map.of("CALIBRANT_MAVEN_OPTS", ""), "fits").err())
                .doesNotContain("-Pconfluent");
        assertThat(lib.toFile().list()).containsExactly("avro-no.jar");
    }

    @Test
    void shouldShareTheClassesThatItHasArchivedAfterTheBuild() throws Exception {
        tool(
                "java",
                "for a in \"$@\"; do case $a in -XX:ArchiveClassesAtExit=*) : > \"${a#*=}\";; esac; done; "
                        + "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; "
                        + "*) echo \"java $*\";; esac");
        Path script = root.resolve("infra/calibrant");
        Path target = root.toRealPath().resolve("infra/target");
        Map<String, String> words = Map.of("CALIBRANT_JAVA_OPTS", "-Dlast");
        for (int i = 0; i < 2; i++) {
            assertThat(launch(script, words, "fits").out())
                    .containsSubsequence(
                            "-XX:SharedArchiveFile=" + target.resolve("calibrant.jsa"),
                            "-Dlast",
                            "-cp " + target + "/calibrant-infra-1.jar:");
        }
        assertThat(target.resolve("calibrant-build.log")).content().contains("commands.StartUpClasses");
        assertThat(target.resolve("calibrant.jsa.making")).doesNotExist();
    }

    /** An archive of the libraries before would be of no use, and takes its place on the disk. */
    @Test
    void shouldDoWithoutAnArchiveThatCannotBeMade() throws Exception {
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; "
                        + "*ArchiveClassesAtExit*) echo 'no such option'; exit 1;; *) echo \"java $*\";; esac");
        Path script = root.resolve("infra/calibrant");
        Path archive = Files.createDirectories(root.resolve("infra/target")).resolve("calibrant.jsa");
        Files.writeString(archive, "of the build before");
        Ran ran = launch(script, "fits");
        assertThat(ran.code()).isZero();
        assertThat(ran.out()).doesNotContain("SharedArchiveFile");
        assertThat(ran.err()).doesNotContain("no such option");
        assertThat(archive).doesNotExist();
    }

    /** Of another JVM, or cut short: a command says nothing of it, and does what it does without. */
    @Test
    void shouldPassOverAnArchiveThatDoesNotFitWithoutAWord() throws Exception {
        Path script = root.resolve("infra/calibrant");
        launch(script, "fits");
        Path archive = root.resolve("infra/target/calibrant.jsa");
        Files.writeString(archive, "no archive at all");
        String given = launch(script, "fits").out();
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        for (String option : List.of("-Xshare:", "-Xlog:cds")) {
            int at = given.indexOf(option);
            assertThat(at).as(given).isPositive();
            command.add(given.substring(at, given.indexOf(' ', at)));
        }
        command.addAll(List.of("-XX:SharedArchiveFile=" + archive, "--version"));
        Process java = new ProcessBuilder(command).redirectErrorStream(true).start();
        assertThat(java.inputReader().lines())
                .hasSize(3)
                .allMatch(line -> line.startsWith("openjdk") || line.startsWith("OpenJDK") || line.startsWith("java"));
        assertThat(java.waitFor()).isZero();
    }

    @Test
    void shouldWorkThroughALinkFromAnyDirectory() throws Exception {
        Path links = Files.createDirectories(dir.resolve("bin"));
        Path absolute = Files.createSymbolicLink(links.resolve("absolute"), root.resolve("infra/calibrant"));
        Path relative = Files.createSymbolicLink(links.resolve("calibrant"), Path.of("absolute"));
        Path infra = root.toRealPath().resolve("infra");
        assertThat(launch(absolute, "fits").out())
                .contains(infra + "/target/calibrant-infra-1.jar:" + infra + "/cluster/target/calibrant-cluster-1.jar:"
                        + infra + "/target/lib/*");
        assertThat(launch(relative, "fits").code()).isZero();
    }

    @Test
    void shouldFailAndStayUnbuiltWhenTheBuildFails() throws Exception {
        tool("mvn", "echo 'broken source'; exit 1");
        Path script = root.resolve("infra/calibrant");
        for (int i = 0; i < 2; i++) {
            Ran ran = launch(script, "fits");
            assertThat(ran.code()).isEqualTo(1);
            assertThat(ran.out()).isEmpty();
            assertThat(ran.err()).contains("broken source").endsWith("calibrant: the build failed, see above\n");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldSayWhichJavaIsNeeded(boolean built) throws Exception {
        Path script = root.resolve("infra/calibrant");
        if (built) {
            assertThat(launch(script, "fits").code()).isZero();
        }
        tool("java", "echo '    java.specification.version = 11' >&2");
        Ran ran = launch(script, "fits");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err()).isEqualTo("calibrant: '" + tools + "/java' is Java 11; needed is a JDK 17 or newer\n");
    }

    @Test
    void shouldAskAJavaForItsVersionOnce() throws Exception {
        Path asked = dir.resolve("asked");
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2; echo 1 >>" + asked
                        + ";; *) echo \"java $*\";; esac");
        Path script = root.resolve("infra/calibrant");
        for (int i = 0; i < 4; i++) {
            launch(script, "fits");
        }
        // Before the first build there is no place to keep the answer.
        assertThat(Files.readAllLines(asked)).hasSizeLessThanOrEqualTo(2);
    }

    @Test
    void shouldSayInOneLineThatTheBuildNeedsTheNetwork() throws Exception {
        tool("mvn", "echo '[ERROR] plugin x could not be resolved: Cannot access central in offline mode'; exit 1");
        Ran ran = launch(root.resolve("infra/calibrant"), "fits");
        Path log = root.toRealPath().resolve("infra/target/calibrant-build.log");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err().lines())
                .hasSize(2)
                .last()
                .isEqualTo("calibrant: the build needs the network, and a library could not be downloaded: Maven's"
                        + " words are in " + log);
        assertThat(log).content().contains("offline mode");
    }

    @Test
    void shouldNameTheOwnerOfABuildThatIsNotOurs() throws Exception {
        Path script = root.resolve("infra/calibrant");
        assertThat(launch(script, "fits").code()).isZero();
        Path lock = root.toRealPath().resolve("infra/target/calibrant.lock");
        Files.setPosixFilePermissions(lock, PosixFilePermissions.fromString("r--r--r--"));
        Files.setLastModifiedTime(
                root.resolve("pom.xml"), FileTime.from(Instant.now().plusSeconds(60)));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(lock.getParent(), PosixFilePermissions.fromString("rwxrwxrwx"));
        asNobody = Files.isWritable(lock); // root may write everything
        Ran ran = launch(script, "fits");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .startsWith("calibrant: sources have changed since the build, and '" + lock + "' belongs to ")
                .hasLineCount(1);
    }

    @Test
    void shouldNameTheOptionsWhereNothingElseHasChanged() throws Exception {
        Path script = root.resolve("infra/calibrant");
        assertThat(launch(script, "fits").code()).isZero();
        Path lock = root.toRealPath().resolve("infra/target/calibrant.lock");
        Files.setPosixFilePermissions(lock, PosixFilePermissions.fromString("r--r--r--"));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        asNobody = Files.isWritable(lock); // root may write everything
        Ran ran = launch(script, Map.of("CALIBRANT_MAVEN_OPTS", "-Pconfluent"), "fits");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .startsWith("calibrant: CALIBRANT_MAVEN_OPTS must be unset or as it was for what is built, got another"
                        + " value, and '")
                .hasLineCount(1);
        assertThat(launch(script, "fits").code()).as("what is built").isZero();
    }

    @Test
    void shouldBuildOnceWhereThereIsNoFlock() throws Exception {
        for (String each : List.of(
                "bash",
                "env",
                "sh",
                "readlink",
                "dirname",
                "sed",
                "find",
                "head",
                "id",
                "ls",
                "awk",
                "cut",
                "mkdir",
                "rm",
                "rmdir",
                "ln",
                "mv",
                "cat",
                "sleep",
                "locale",
                "grep")) {
            tool(each, "exec /usr/bin/" + each + " \"$@\"");
        }
        tool(
                "mvn",
                "echo built >&2; sleep 0.5; mkdir -p infra/target infra/cluster/target; "
                        + ": > infra/target/calibrant-infra-1.jar; : > infra/cluster/target/calibrant-cluster-1.jar");
        Map<String, String> withoutFlock = Map.of("PATH", tools.toString());
        Path script = root.resolve("infra/calibrant");
        Path link = Files.createDirectories(root.resolve("infra/target")).resolve("calibrant.lock.pid");
        Files.createSymbolicLink(link, Path.of("999999999")); // of a build that was killed

        List<CompletableFuture<Ran>> both = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            both.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return launch(script, withoutFlock, "fits");
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }));
        }
        List<Ran> ran = both.stream().map(CompletableFuture::join).toList();
        assertThat(ran).allMatch(each -> each.code() == 0);
        assertThat(ran).filteredOn(each -> each.err().contains("built in")).hasSize(1);
        assertThat(ran)
                .filteredOn(each -> each.err().contains("waiting for it"))
                .hasSize(1);
        assertThat(Files.isSymbolicLink(link)).isFalse();
    }

    @Test
    void shouldRunFromAPathInOtherLettersInTheLocaleOfC() throws Exception {
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; *) echo \"$LC_ALL\";;"
                        + " esac");
        Path other = Files.createSymbolicLink(dir.resolve("Ma\u0308dchen"), root);
        Ran ran = launch(other.resolve("infra/calibrant"), Map.of("LC_ALL", "C"), "fits", "--run", "M\u00fcller");
        assertThat(ran).isEqualTo(new Ran(0, "C.UTF-8\n", ran.err()));
        Map<String, String> german = Map.of("LC_ALL", "de_DE.ISO-8859-1");
        assertThat(launch(root.resolve("infra/calibrant"), german, "fits").out())
                .isEqualTo("de_DE.ISO-8859-1\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "lib/python3.12/site-packages", "lib/python3.12/site-packages/torch"})
    void shouldFindThePyTorchOfAPythonEnvironment(String within) throws Exception {
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; *) echo"
                        + " \"$PYTORCH_LIBRARY_PATH $PYTORCH_VERSION $PYTORCH_FLAVOR $LD_LIBRARY_PATH\"; echo \"$*\";;"
                        + " esac");
        Path packages = Files.createDirectories(dir.toRealPath().resolve("venv/lib/python3.12/site-packages"));
        torch(packages, "2.7.1+cu126", "'12.6'");
        Path runtime = Files.createDirectories(packages.resolve("nvidia/cuda_runtime/lib"));
        Map<String, String> environment = Map.of(
                "CALIBRANT_TORCH", dir.resolve("venv").resolve(within).toString(), "CALIBRANT_JAVA_OPTS", "-Dlast");
        Ran ran = launch(root.resolve("infra/calibrant"), environment, "fits");
        assertThat(ran.out())
                .startsWith(packages + "/torch/lib 2.7.1 cu128 " + runtime)
                .containsSubsequence("-Djna.library.path=" + runtime, "-Dlast", "-cp");
    }

    @Test
    void shouldRefuseAPyTorchOfAnotherVersionAndTakeOneWithoutCuda() throws Exception {
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; *) echo"
                        + " \"$PYTORCH_FLAVOR\";; esac");
        Path script = root.resolve("infra/calibrant");
        Path packages = Files.createDirectories(dir.toRealPath().resolve("packages"));
        Map<String, String> environment = Map.of("CALIBRANT_TORCH", packages.toString());
        launch(script, "fits");
        assertThat(launch(script, environment, "fits"))
                .isEqualTo(new Ran(
                        1,
                        "",
                        "calibrant: CALIBRANT_TORCH must be a Python environment with torch 2.7.1, its site-packages or"
                                + " the package torch itself, got '" + packages + "'\n"));
        torch(packages, "2.8.0+cu128", "'12.8'");
        assertThat(launch(script, environment, "fits").err())
                .isEqualTo("calibrant: CALIBRANT_TORCH must have torch 2.7.1, for which DJL's native code is compiled,"
                        + " got '2.8.0+cu128' in '" + packages + "/torch'\n");
        torch(packages, "2.7.1+cpu", "None");
        assertThat(launch(script, environment, "fits")).isEqualTo(new Ran(0, "cpu\n", ""));
    }

    private static void torch(Path packages, String version, String cuda) throws IOException {
        Files.createDirectories(packages.resolve("torch/lib"));
        Files.writeString(
                packages.resolve("torch/version.py"),
                "from typing import Optional\n__version__ = '" + version + "'\ndebug = False\ncuda: Optional[str] = "
                        + cuda + "\n");
    }

    @Test
    void shouldHaveTheLastWordsOfAFullHeapOnStandardError() throws Exception {
        assertThat(launch(root.resolve("infra/calibrant"), "fits").out())
                .contains(" -XX:+ExitOnOutOfMemoryError -XX:+DisplayVMOutputToStderr ");
    }

    /** A distribution: libraries, no sources, and no Maven to call. */
    private Path installed() throws IOException {
        Path infra = Files.createDirectories(dir.resolve("opt/calibrant/infra"));
        Files.copy(Path.of("calibrant"), infra.resolve("calibrant"));
        Files.createFile(Files.createDirectories(infra.resolve("libs")).resolve("calibrant-infra-1.jar"));
        tool("mvn", "echo 'mvn is not to be called' >&2; exit 1");
        tool(
                "java",
                "for a in \"$@\"; do case $a in -XX:ArchiveClassesAtExit=*) : > \"${a#*=}\";; esac; done; "
                        + "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; "
                        + "*) echo \"java $*\";; esac");
        return infra;
    }

    @Test
    void shouldRunWhatIsInstalledAndBuildNothing() throws Exception {
        Path infra = installed();
        Ran ran = launch(infra.resolve("calibrant"), "fits", "--help");
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out())
                .contains("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
                .endsWith("-cp " + infra.toRealPath() + "/libs/* io.calibrant.infra.commands.Calibrant fits --help\n");
        Map<String, String> chosen = Map.of("CALIBRANT_JAVA_OPTS", "-XX:+UseG1GC");
        assertThat(launch(infra.resolve("calibrant"), chosen, "fits", "--help").out())
                .as("a JVM takes one collector")
                .contains("-XX:+UseG1GC")
                .doesNotContain("-XX:+UseSerialGC");
        Files.createDirectories(infra.resolve("classpath"));
        assertThat(launch(infra.resolve("calibrant"), "fits", "--help").out())
                .as("in an image")
                .contains("-cp " + infra.toRealPath() + "/classpath/*:" + infra.toRealPath() + "/libs/* ");
    }

    @Test
    void shouldArchiveClassesOnceWhereItIsInstalledAndAgainForOtherLibraries() throws Exception {
        Path infra = installed();
        Path script = infra.resolve("calibrant");
        for (int i = 0; i < 2; i++) {
            assertThat(launch(script, "fits").err()).isEqualTo("calibrant: preparing for quick starts (once) ...\n");
            Ran second = launch(script, "runs");
            assertThat(second.err()).isEmpty();
            assertThat(second.out()).contains("-XX:SharedArchiveFile=" + infra.toRealPath() + "/cache/calibrant.jsa");
            // As tar leaves a file of another build: unpacked now, changed long ago.
            Files.setLastModifiedTime(
                    infra.resolve("libs/calibrant-infra-1.jar"), FileTime.from(Instant.parse("2026-01-01T00:00:00Z")));
        }
    }

    @Test
    void shouldArchiveNothingWhereThatIsRefused() throws Exception {
        Path script = installed().resolve("calibrant");
        Ran ran = launch(script, Map.of("CALIBRANT_CLASS_ARCHIVE", "off"), "fits");
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out()).doesNotContain("SharedArchiveFile");
        assertThat(launch(script, Map.of("CALIBRANT_CLASS_ARCHIVE", "no"), "fits"))
                .isEqualTo(new Ran(1, "", "calibrant: CALIBRANT_CLASS_ARCHIVE must be on or off, got 'no'\n"));
    }

    /** The jar of the version before would be the first in the order of names. */
    @Test
    void shouldRunTheJarsOfThisBuildAfterTheVersionHasChanged() throws Exception {
        Path script = root.resolve("infra/calibrant");
        for (String module : List.of("infra", "cluster")) {
            Path target = root.resolve(module.equals("infra") ? "infra/target" : "infra/cluster/target");
            Files.createFile(Files.createDirectories(target).resolve("calibrant-" + module + "-0.jar"));
        }
        Path infra = root.toRealPath().resolve("infra");
        assertThat(launch(script, "fits").out())
                .contains("-cp " + infra + "/target/calibrant-infra-1.jar:" + infra
                        + "/cluster/target/calibrant-cluster-1.jar:");
    }

    @Test
    void shouldNotTryAgainToArchiveClassesWhereThatFails() throws Exception {
        Path infra = installed();
        tool(
                "java",
                "case \"$*\" in *-version*) echo '    java.specification.version = 17' >&2;; "
                        + "*ArchiveClassesAtExit*) echo 'no such option'; exit 1;; *) echo \"java $*\";; esac");
        assertThat(launch(infra.resolve("calibrant"), "fits").err()).contains("preparing");
        Ran second = launch(infra.resolve("calibrant"), "fits");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).doesNotContain("SharedArchiveFile");
        assertThat(infra.resolve("cache/calibrant.log")).content().contains("no such option");
    }

    @Test
    void shouldKeepInTheUsersDirectoryWhatItMayNotKeepWhereItIsInstalled() throws Exception {
        Path infra = installed();
        Path caches = Files.createDirectories(dir.resolve("caches"));
        Files.setPosixFilePermissions(caches, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(infra, PosixFilePermissions.fromString("r-xr-xr-x"));
        asNobody = Files.isWritable(infra); // root may write everything
        Map<String, String> environment = Map.of("XDG_CACHE_HOME", caches.toString());
        assertThat(launch(infra.resolve("calibrant"), environment, "fits").err())
                .contains("preparing");
        Ran second = launch(infra.resolve("calibrant"), environment, "fits");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).contains("-XX:SharedArchiveFile=" + caches + "/calibrant/");
        assertThat(infra.resolve("cache")).doesNotExist();

        Ran nowhere = launch(infra.resolve("calibrant"), Map.of("XDG_CACHE_HOME", "/nowhere"), "fits");
        assertThat(nowhere.err()).isEmpty();
        assertThat(nowhere.out()).contains("Calibrant fits").doesNotContain("SharedArchiveFile");
    }

    @Test
    void shouldNameTheModulesThatAJavaLacks() throws Exception {
        Path infra = installed();
        tool(
                "java",
                "case \"$*\" in *--add-modules*) echo 'Module jdk.httpserver not found' >&2; exit 1;; "
                        + "*-version*) echo '    java.specification.version = 17' >&2;; "
                        + "--list-modules) for m in java.base java.desktop java.logging java.management java.naming"
                        + " java.security.jgss java.security.sasl java.sql java.xml jdk.management jdk.unsupported;"
                        + " do echo $m@17.0.1; done;; *) echo \"java $*\";; esac");
        Ran ran = launch(infra.resolve("calibrant"), "fits");
        assertThat(ran)
                .isEqualTo(new Ran(
                        1,
                        "",
                        "calibrant: '" + tools + "/java' has no module java.net.http jdk.httpserver; needed is Java 17"
                                + " or newer, a JDK or a JRE with all modules\n"));
    }

    /** A broker and a registry need more than the commands that ask one. */
    @Test
    void shouldNameTheModulesThatAClusterOfItsOwnLacks() throws Exception {
        Path infra = installed();
        tool(
                "java",
                "case \"$*\" in *--add-modules*java.desktop*) echo 'Module java.desktop not found' >&2; exit 1;; "
                        + "*-version*) echo '    java.specification.version = 17' >&2;; "
                        + "--list-modules) for m in java.base java.logging java.management java.naming java.net.http"
                        + " java.rmi java.security.jgss java.security.sasl java.sql java.xml jdk.httpserver"
                        + " jdk.management jdk.unsupported; do echo $m@17.0.1; done;; *) echo \"java $*\";; esac");
        for (int i = 0; i < 2; i++) { // whether something is known of that java or not
            assertThat(launch(infra.resolve("calibrant"), "up"))
                    .isEqualTo(new Ran(
                            1,
                            "",
                            "calibrant: '" + tools + "/java' has no module java.desktop jdk.zipfs; needed is Java 17"
                                    + " or newer, a JDK or a JRE with all modules\n"));
            assertThat(launch(infra.resolve("calibrant"), "fits").code()).isZero();
            assertThat(launch(infra.resolve("calibrant"), "up", "--help").code())
                    .isZero();
        }
    }
}
