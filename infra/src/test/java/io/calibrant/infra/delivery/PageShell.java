package io.calibrant.infra.delivery;

import io.calibrant.infra.documents.Page;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs the shell blocks of a page in one bash, in their order, in a copy of what a user has: the launcher, built, and
 * the demo's files; or beside the distribution. What a page calls {@code /tmp/calibrant} is a directory of its own, and
 * its ports are free ones. All processes that a block leaves in the background are ended, the last one first, and must
 * exit with 0.
 */
final class PageShell {
    private static final String DIRECTORY = "/tmp/calibrant";
    private static final Path DEMO = Path.of("infra/src/main/resources/demo");

    private final Path home;
    private final Path root;
    private final Path java;

    /** To what lies elsewhere and must stay when this directory goes; null where there is none. */
    private final Path link;

    private PageShell(Path home, Path root, Path java, Path link) {
        this.link = link;
        this.home = home;
        this.root = root;
        this.java = java;
    }

    /**
     * A shell in a checkout that is built.
     *
     * @param home an empty directory; everything that is written lies in it
     */
    static PageShell inCheckout(Path home) throws IOException {
        Path root = Files.createDirectories(home.resolve("calibrant"));
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
        return new PageShell(home, root, Path.of(System.getProperty("java.home")), null);
    }

    /**
     * A shell beside a distribution that the page unpacks first.
     *
     * @param home a directory; everything that is written lies in it
     * @param java the home of the Java that is to be used
     */
    static PageShell besideDistribution(Path home, Path distribution, Path java) throws IOException {
        Path download = Files.createDirectories(home.resolve("download"));
        Path link =
                Files.createSymbolicLink(download.resolve(distribution.getFileName()), distribution.toAbsolutePath());
        return new PageShell(home, download, java, link);
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
     * @param limit how long it may take
     * @return what each block wrote, both standard output and standard error
     * @throws AssertionError with the output if a line fails or time is up
     */
    List<String> run(List<String> blocks, List<String> ports, Duration limit) throws Exception {
        StringBuilder script = new StringBuilder("set -euo pipefail\n");
        // Where a line fails, too, nothing goes on after the shell.
        script.append("trap 'left=$(jobs -p); [ -z \"$left\" ] || kill -9 $left' EXIT\n");
        for (int i = 0; i < blocks.size(); i++) {
            script.append("exec > '").append(output(i)).append("' 2>&1\n").append(blocks.get(i));
        }
        script.append("exec > '").append(output(blocks.size())).append("' 2>&1\n");
        script.append("for job in $(jobs -p | tac); do kill $job; wait $job; done\n");
        List<String> command = List.of("bash", "-c", withFreePorts(script.toString(), ports));
        Shell bash = Shell.run(root, environment(), command, limit);
        if (link != null) {
            Files.delete(link);
        }
        List<String> outputs = new ArrayList<>();
        for (int i = 0; i <= blocks.size(); i++) {
            outputs.add(Files.exists(output(i)) ? Files.readString(output(i)) : "");
        }
        bash.succeeded("the page's blocks:\n" + String.join("\n----\n", outputs));
        return outputs;
    }

    private Map<String, String> environment() {
        return Map.of(
                "JAVA_HOME",
                java.toString(),
                "XDG_STATE_HOME",
                home.resolve("state").toString(),
                "CALIBRANT_JAVA_OPTS",
                "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
    }

    private String withFreePorts(String script, List<String> ports) throws IOException {
        Map<String, String> free = new HashMap<>();
        for (String port : ports) {
            free.put(port, freePort());
        }
        return Pattern.compile("\\b(" + String.join("|", ports) + ")\\b")
                .matcher(script.replace(DIRECTORY, directory().toString()))
                .replaceAll(port -> free.get(port.group()));
    }

    /** What the page calls {@code /tmp/calibrant}. */
    Path directory() {
        return home.resolve("files");
    }

    private Path output(int block) {
        return home.resolve("output-" + block);
    }

    private static String freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return Integer.toString(socket.getLocalPort());
        }
    }
}
