package io.calibrant.infra.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.infra.report.TypedCommand;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChildTest {
    @TempDir
    private Path dir;

    @Test
    void shouldSayWhatAFailedProcessSaidLast() {
        try (Child child = start(List.of("fit", "--fit", "no/name"))) {
            await().until(() ->
                    !ProcessHandle.of(child.pid()).map(ProcessHandle::isAlive).orElse(false));
            assertThatThrownBy(() -> child.check(true))
                    .isInstanceOf(DemoFailure.class)
                    .hasMessageContaining("'calibrant fit' ended with exit code")
                    .hasMessageContaining("fit");
            assertThat(child.done()).isFalse();
        }
    }

    @Test
    void shouldNotMindAnEndThatWasExpected() {
        try (Child child = start(List.of("--version"))) {
            await().until(child::done);
            assertThatCode(() -> child.check(true)).doesNotThrowAnyException();
            assertThatThrownBy(() -> child.check(false)).hasMessageContaining("exit code 0");
        }
    }

    @Test
    void shouldEndAProcessThatRuns() {
        // Listens to nothing and waits for a broker that is not there: alive until it is ended.
        Child child = Child.start("a sleeper", List.of("sleep", "600"), dir.resolve("log"));
        assertThatCode(() -> child.check(false)).doesNotThrowAnyException();
        long pid = child.pid();
        child.close();
        assertThat(ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false))
                .isFalse();
        assertThatCode(() -> child.check(false)).doesNotThrowAnyException();
    }

    @Test
    void shouldQuoteWhatAShellWouldTakeApart() {
        assertThat(TypedCommand.of(List.of("train", "--model", "my dir/it's", "--lora-targets", "q_proj,v_proj")))
                .isEqualTo("calibrant train --model 'my dir/it'\\''s' --lora-targets q_proj,v_proj");
    }

    private Child start(List<String> arguments) {
        return Child.start("calibrant " + arguments.get(0), Launch.process(arguments), dir.resolve("log"));
    }
}
