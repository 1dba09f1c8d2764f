package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BrokerLimitsTest {
    @Test
    void shouldGiveTheNearestTimeoutThatIsAllowed() {
        BrokerLimits limits = new BrokerLimits(10_000, 60_000);
        assertThat(limits.session(6_000)).isEqualTo(10_000);
        assertThat(limits.session(20_000)).isEqualTo(20_000);
        assertThat(limits.session(90_000)).isEqualTo(60_000);
        assertThat(BrokerLimits.UNKNOWN.session(6_000)).isEqualTo(6_000);
    }
}
