package io.calibrant.infra.telemetry;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Memory of the process as the system counts it, and the part of it that is not Java's: PyTorch, RocksDB, tokenizers
 * and the stacks of threads. Java's part is what of it was ever used at once and has not been given back, as memory
 * that was never touched is not resident. On systems without {@code /proc} there is no such gauge.
 */
final class ProcessMemory implements MeterBinder {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String RESIDENT = "VmRSS:";

    private final Path status;

    ProcessMemory() {
        this(STATUS);
    }

    /** @param status of the process, as Linux writes it */
    ProcessMemory(Path status) {
        this.status = status;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        if (Files.isReadable(status)) {
            Gauge.builder("process.resident.memory", this, ProcessMemory::resident)
                    .baseUnit("bytes")
                    .description("Resident memory of the process")
                    .register(registry);
            Gauge.builder("calibrant.native.memory", this, ProcessMemory::outsideJava)
                    .baseUnit("bytes")
                    .description("Resident memory of the process that is not Java's")
                    .strongReference(true)
                    .register(registry);
        }
    }

    /** NaN where it cannot be read, which shows as no value. */
    double resident() {
        try {
            for (String line : Files.readAllLines(status)) {
                if (line.startsWith(RESIDENT)) {
                    return 1024.0
                            * Long.parseLong(line.substring(RESIDENT.length())
                                    .replace("kB", "")
                                    .strip());
                }
            }
            return Double.NaN;
        } catch (IOException | NumberFormatException e) {
            return Double.NaN;
        }
    }

    double outsideJava() {
        long java = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            java += Math.min(pool.getPeakUsage().getUsed(), pool.getUsage().getCommitted());
        }
        return Math.max(0, resident() - java);
    }
}
