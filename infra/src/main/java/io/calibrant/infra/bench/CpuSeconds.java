package io.calibrant.infra.bench;

import com.sun.management.OperatingSystemMXBean;
import io.calibrant.trainer.statistics.SendQueue;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.Set;

/**
 * Seconds of CPU that this JVM has used, by what for.
 *
 * @param all with the native threads: PyTorch's, garbage collection, compilation
 * @param training of the Java threads that train and reduce rows
 * @param sending of the trainers' send queues and of Kafka's producers
 * @param broker of every other Java thread: the embedded broker's
 */
record CpuSeconds(double all, double training, double sending, double broker) {
    /** The name of a thread that trains. */
    static final String TRAINER = "bench-trainer";

    private static final Set<String> TRAINING = Set.of(TRAINER, "calibrant-math");
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final OperatingSystemMXBean SYSTEM =
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    /** Until now. */
    static CpuSeconds now() {
        double training = 0;
        double sending = 0;
        double broker = 0;
        for (ThreadInfo thread : THREADS.getThreadInfo(THREADS.getAllThreadIds())) {
            if (thread == null) {
                continue; // has ended meanwhile
            }
            double seconds = Math.max(0, THREADS.getThreadCpuTime(thread.getThreadId())) / 1e9;
            String name = thread.getThreadName();
            if (TRAINING.contains(name)) {
                training += seconds;
            } else if (name.equals(SendQueue.THREAD) || name.startsWith("kafka-producer-network-thread")) {
                sending += seconds;
            } else {
                broker += seconds;
            }
        }
        return new CpuSeconds(SYSTEM.getProcessCpuTime() / 1e9, training, sending, broker);
    }

    CpuSeconds since(CpuSeconds before) {
        return new CpuSeconds(
                all - before.all, training - before.training, sending - before.sending, broker - before.broker);
    }

    CpuSeconds over(double count) {
        return new CpuSeconds(all / count, training / count, sending / count, broker / count);
    }
}
