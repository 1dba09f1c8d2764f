package io.calibrant.cluster;

import java.io.IOException;

/**
 * Main class of the registry's child process: the registry's own main, and an end to it when the parent is gone. The
 * parent holds the other end of standard input, which closes with the parent however it dies, SIGKILL included.
 */
final class RegistryProcess {
    private static final String REGISTRY_MAIN = "io.quarkus.runner.GeneratedMain";

    private RegistryProcess() {}

    /** Called by java, with nothing of this project but this class in reach. */
    public static void main(String[] arguments) throws ReflectiveOperationException {
        Thread watch = new Thread(RegistryProcess::exitWithParent, "exit-with-parent");
        watch.setDaemon(true);
        watch.start();
        Class.forName(REGISTRY_MAIN).getMethod("main", String[].class).invoke(null, (Object) arguments);
    }

    @SuppressWarnings("SystemExitOutsideMain") // ending the process is what this thread is for
    private static void exitWithParent() {
        try {
            while (System.in.read() >= 0) {
                // The parent says nothing; only the end of its input matters.
            }
        } catch (IOException e) {
            // As good as the end.
        }
        System.exit(0);
    }
}
