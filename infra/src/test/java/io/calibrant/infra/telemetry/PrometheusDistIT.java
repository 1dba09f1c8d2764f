package io.calibrant.infra.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Prometheus' own tool says of the files for it, and of what the meters show. */
class PrometheusDistIT {
    @TempDir
    private Path dir;

    @BeforeAll
    static void find() throws Exception {
        boolean there;
        try {
            there = new ProcessBuilder("promtool", "--version")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            there = false;
        }
        assumeTrue(there, "promtool is not here (apt-get install prometheus): rules are not checked");
    }

    @Test
    void shouldReadConfigurationAndRules() throws Exception {
        promtool("check", "config", MonitoringFiles.CONFIGURATION.toString());
        assertThat(promtool("check", "rules", MonitoringFiles.RULES.toString())).contains("20 rules found");
    }

    /** Of promtool's own unit tests: nothing fires while all is well, and each for its reason. */
    @Test
    void shouldFireForItsReasonAndNotElse() throws Exception {
        try (InputStream in = getClass().getResourceAsStream("alerts_test.yml")) {
            String tests = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            Path file = Files.writeString(
                    dir.resolve("alerts_test.yml"), tests.replace("RULES", MonitoringFiles.RULES.toString()));
            promtool("test", "rules", file.toString());
        }
    }

    /** Units at the end of names, counters that say so, and help for all. */
    @Test
    void shouldFindNothingToSayOfOurNames() throws Exception {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        List<Object> kept = List.of(
                EveryMeter.fitter(registry), EveryMeter.scorer(registry), EveryMeter.trainer(registry, event -> {}));
        assertThat(kept).hasSize(3);
        Path scrape = Files.writeString(dir.resolve("scrape"), registry.scrape());
        run(new ProcessBuilder("promtool", "check", "metrics").redirectInput(scrape.toFile()));
    }

    private String promtool(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("promtool"));
        command.addAll(List.of(arguments));
        return run(new ProcessBuilder(command));
    }

    private String run(ProcessBuilder builder) throws Exception {
        Path said = dir.resolve("said");
        Process process =
                builder.redirectErrorStream(true).redirectOutput(said.toFile()).start();
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(said)).isZero();
        return Files.readString(said);
    }
}
