package io.calibrant.infra.documents;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs the shell blocks of a page in one bash, in their order, in a copy of what a user has: the launcher, built, and
 * the demo's files. What a page calls {@code /tmp/calibrant} is a directory of its own, and its ports are free ones.
 * All processes that a block leaves in the background are ended, the last one first, and must exit with 0.
 */
final class PageShell implements AutoCloseable {
    private static final String DIRECTORY = "/tmp/calibrant";
    private static final Path DEMO = Path.of("infra/src/main/resources/demo");

    private final Path home;
    private final Path root;
    private Process bash;

    /** @param home an empty directory; everything that is written lies in it */
    PageShell(Path home) throws IOException {
        this.home = home;
        this.root = Files.createDirectories(home.resolve("calibrant"));
        Files.copy(Page.ROOT.resolve("pom.xml"), root.resolve("pom.xml"));
        try (Stream<Path> files = Files.walk(Page.ROOT.resolve(DEMO))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = root.resolve(Page.ROOT.relativize(file));
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
        Path infra = root.resolve("infra");
        Files.copy(Page.ROOT.resolve("infra/pom.xml"), infra.resolve("pom.xml"));
        Path launcher = infra.resolve("calibrant");
        Files.copy(Page.ROOT.resolve("infra/calibrant"), launcher);
        if (!launcher.toFile().setExecutable(true)) {
            throw new IOException(launcher + " cannot be made executable");
        }
        Path target = Files.createDirectories(infra.resolve("target"));
        jar(target.resolve("calibrant-infra-0.jar"));
        Path built = Files.createFile(target.resolve("calibrant.built"));
        Files.setLastModifiedTime(built, FileTime.from(Instant.now().plusSeconds(60)));
    }

    /** A jar that stands for the class path of this test: what a build would have put there. */
    private static void jar(Path file) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes()
                .put(
                        Attributes.Name.CLASS_PATH,
                        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                                .map(entry -> Path.of(entry).toUri().toString())
                                .collect(Collectors.joining(" ")));
        try (OutputStream out = Files.newOutputStream(file);
                JarOutputStream jar = new JarOutputStream(out, manifest)) {
            jar.flush();
        }
    }

    /**
     * Runs blocks one after the other in one shell.
     *
     * @param ports that the page names; each is replaced by a free one
     * @param seconds how long it may take
     * @return what each block wrote, both standard output and standard error
     * @throws AssertionError with the output if a line fails or time is up
     */
    List<String> run(List<String> blocks, List<String> ports, long seconds) throws Exception {
        StringBuilder script = new StringBuilder("set -euo pipefail\n");
        for (int i = 0; i < blocks.size(); i++) {
            script.append("exec > '").append(output(i)).append("' 2>&1\n").append(blocks.get(i));
        }
        script.append("exec > '").append(output(blocks.size())).append("' 2>&1\n");
        script.append("for job in $(jobs -p | tac); do kill $job; wait $job; done\n");
        String text = script.toString().replace(DIRECTORY, directory().toString());
        for (String port : ports) {
            text = text.replace(port, Integer.toString(freePort()));
        }
        ProcessBuilder builder =
                new ProcessBuilder("bash", "-c", text).directory(root.toFile()).redirectErrorStream(true);
        builder.redirectOutput(home.resolve("shell.log").toFile());
        builder.environment()
                .putAll(Map.of(
                        "JAVA_HOME", System.getProperty("java.home"),
                        "XDG_STATE_HOME", home.resolve("state").toString(),
                        "CALIBRANT_JAVA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"));
        bash = builder.start();
        boolean ended = bash.waitFor(seconds, TimeUnit.SECONDS);
        List<String> outputs = new ArrayList<>();
        for (int i = 0; i <= blocks.size(); i++) {
            outputs.add(Files.exists(output(i)) ? Files.readString(output(i)) : "");
        }
        if (!ended || bash.exitValue() != 0) {
            throw new AssertionError((ended ? "exit code " + bash.exitValue() : "not done after " + seconds + " s")
                    + "\n" + Files.readString(home.resolve("shell.log")) + String.join("\n----\n", outputs));
        }
        return outputs;
    }

    /** What the page calls {@code /tmp/calibrant}. */
    Path directory() {
        return home.resolve("files");
    }

    private Path output(int block) {
        return home.resolve("output-" + block);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    /** Ends whatever is left. */
    @Override
    public void close() {
        if (bash != null) {
            bash.descendants().forEach(ProcessHandle::destroyForcibly);
            bash.destroyForcibly();
        }
    }
}
