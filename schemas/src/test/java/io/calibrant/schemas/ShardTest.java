package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardTest {
    @Test
    void shouldReadAndWriteItsName() {
        assertThat(Shard.parse("1/2")).isEqualTo(new Shard(1, 2)).hasToString("1/2");
        assertThat(Shard.parse("0/1")).isEqualTo(Shard.WHOLE);
        assertThat(Shard.find("2/3")).contains(new Shard(2, 3));
    }

    @ParameterizedTest
    @ValueSource(strings = {"2/2", "-1/2", "1", "a/b", "0/0", "", " 0/1", "0/1234567890"})
    void shouldRefuseWhatIsNoShard(String name) {
        assertThat(Shard.find(name)).isEmpty();
        assertThatThrownBy(() -> Shard.parse(name))
                .isInstanceOf(ConfigurationException.class)
                .hasMessage("--shard must be i/N with i from 0 to N - 1, got '" + name + "'");
    }

    @Test
    void shouldNotExistOutsideItsPass() {
        assertThatThrownBy(() -> new Shard(2, 2)).hasMessageEndingWith("got '2/2'");
        assertThatThrownBy(() -> new Shard(-1, 2)).hasMessageEndingWith("got '-1/2'");
        assertThatThrownBy(() -> new Shard(0, 0)).hasMessageEndingWith("got '0/0'");
    }

    @Test
    void shouldShareAPassSoThatEveryBatchIsTakenOnceAndCountWhatItTakes() {
        for (int count = 1; count <= 5; count++) {
            for (long end = 0; end < 17; end++) {
                long taken = 0;
                for (int index = 0; index < count; index++) {
                    Shard shard = new Shard(index, count);
                    long own = LongStream.range(0, end).filter(shard::has).count();
                    assertThat(shard.batchesBelow(end))
                            .as("%s below %d", shard, end)
                            .isEqualTo(own);
                    taken += own;
                }
                assertThat(taken).isEqualTo(end);
            }
        }
    }

    @Test
    void shouldComeInOrderOfTheNumberOfShardsThenOfTheShard() {
        assertThat(Stream.of("1/3", "0/3", "1/2", "0/10", "9/10", "0/2")
                        .map(Shard::parse)
                        .sorted()
                        .map(Shard::toString))
                .containsExactly("0/2", "1/2", "0/3", "1/3", "0/10", "9/10");
    }
}
