package io.calibrant.infra.demo;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Command lines that start this program again with another command. */
final class Launch {
    /** The entry to all commands; by name, since this package does not depend on the commands. */
    private static final String MAIN = "io.calibrant.infra.commands.Calibrant";

    private Launch() {}

    /** The process: this Java, these JVM options, this class path. */
    static List<String> process(List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (!option.startsWith("-agentlib:") && !option.startsWith("-javaagent:")) {
                command.add(option);
            }
        }
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(MAIN);
        command.addAll(arguments);
        return command;
    }
}
