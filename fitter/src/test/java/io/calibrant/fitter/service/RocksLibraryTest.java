package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RocksLibraryTest {
    @TempDir
    private Path dir;

    @Test
    void shouldLeaveNothingInTheTemporaryDirectory() throws IOException {
        RocksLibrary.load(dir);
        assertThat(dir).isEmptyDirectory();
    }

    @Test
    void shouldNameATemporaryDirectoryThatDoesNotExist() {
        Path nowhere = dir.resolve("nowhere");
        assertThatIllegalStateException()
                .isThrownBy(() -> RocksLibrary.load(nowhere))
                .withMessage("java.io.tmpdir must be a directory with 15 MB free from which RocksDB's library can be"
                        + " loaded, got '" + nowhere + "' (it does not exist); CALIBRANT_JAVA_OPTS=-Djava.io.tmpdir=DIR"
                        + " names another");
    }
}
