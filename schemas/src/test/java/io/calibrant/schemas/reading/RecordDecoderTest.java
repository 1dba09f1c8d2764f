package io.calibrant.schemas.reading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.io.EOFException;
import java.net.ConnectException;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.InvalidNumberEncodingException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.DisconnectException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.Deserializer;
import org.junit.jupiter.api.Test;

/** Which failures of a deserializer say something of the record, and which of the registry. */
class RecordDecoderTest {
    private static Supplier<RuntimeException> failure;

    /** Throws what a test wants. */
    public static final class Failing implements Deserializer<Label> {
        @Override
        public Label deserialize(String topic, byte[] data) {
            if (failure.get() != null) {
                throw failure.get();
            }
            return new Label("A");
        }
    }

    /** Of the name and with the method that Confluent's has. */
    public static final class RestClientException extends Exception {
        private static final long serialVersionUID = 1L;
        private final int status;

        RestClientException(int status) {
            super("HTTP status " + status);
            this.status = status;
        }

        @SuppressWarnings("unused") // by reflection
        public int getStatus() {
            return status;
        }
    }

    private static ReadResult<Label> decode(RuntimeException thrown) {
        failure = () -> thrown;
        Connection connection = new Connection(
                "127.0.0.1:9092",
                "http://127.0.0.1:8081",
                "",
                Map.of(Connection.DESERIALIZER, Failing.class.getName()));
        try (RecordDecoder<Label> decoder = new RecordDecoder<>(connection, Label.class)) {
            return decoder.decode(new ConsumerRecord<>("labels", 0, 0, new byte[0], new byte[] {1}));
        }
    }

    private static SerializationException because(Throwable cause) {
        return new SerializationException("Error deserializing Avro message for id 1", cause);
    }

    @Test
    void shouldDecode() {
        assertThat(decode(null)).isEqualTo(new ReadResult.Read<>(new Label("A")));
    }

    @Test
    void shouldKnowAnOutageWhateverItIsWrappedIn() {
        for (RuntimeException outage : new RuntimeException[] {
            because(new ConnectException("Connection refused")),
            because(new RestClientException(503)),
            because(new RestClientException(429)),
            because(new DisconnectException("gone")),
            new AuthorizationException("not for you")
        }) {
            assertThat(decode(outage))
                    .as(outage.toString())
                    .isInstanceOfSatisfying(
                            ReadResult.NotNow.class,
                            notNow -> assertThat(notNow.failure())
                                    .hasMessageStartingWith("registry http://127.0.0.1:8081 cannot be asked: "));
        }
        RegistryUnavailableException own = new RegistryUnavailableException("registry http://a: HTTP status 500");
        assertThat(decode(own)).isEqualTo(new ReadResult.NotNow<Label>(own));
    }

    @Test
    void shouldKnowABadRecordWhateverItIsWrappedIn() {
        for (RuntimeException bad : new RuntimeException[] {
            new BadRecordException("unknown magic byte"),
            because(new RestClientException(404)),
            because(new EOFException()),
            because(new InvalidNumberEncodingException("Invalid long encoding")),
            because(new AvroRuntimeException("Malformed data")),
            new ClassCastException("another record")
        }) {
            assertThat(decode(bad)).as(bad.toString()).isEqualTo(new ReadResult.Bad<Label>(bad.getMessage()));
        }
    }

    @Test
    void shouldLeaveAWakeupAlone() {
        assertThatThrownBy(() -> decode(new WakeupException())).isInstanceOf(WakeupException.class);
    }
}
