package io.calibrant.schemas.reading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.InvalidNumberEncodingException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.AuthenticationException;
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
            return new Label("A", null, null);
        }
    }

    /** Of the name and with the method that Confluent's has. */
    public static final class RestClientException extends Exception {
        private static final long serialVersionUID = 1L;
        private final int status;
        private final int code;

        RestClientException(int status, int code) {
            super("HTTP status " + status + "; error code: " + code);
            this.status = status;
            this.code = code;
        }

        @SuppressWarnings("unused") // by reflection
        public int getErrorCode() {
            return code;
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
        assertThat(decode(null)).isEqualTo(new ReadResult.Read<>(new Label("A", null, null)));
    }

    @Test
    void shouldKnowAnOutageWhateverItIsWrappedIn() {
        for (RuntimeException outage : new RuntimeException[] {
            because(new ConnectException("Connection refused")),
            because(new RestClientException(503, 50003)),
            because(new RestClientException(429, 429)),
            because(new RestClientException(400, 40001)),
            because(new RestClientException(401, 401)),
            because(new RestClientException(403, 40301)),
            because(new RestClientException(404, 404)),
            because(new RestClientException(404, 40402)),
            new AuthenticationException("not you", new RestClientException(401, 40101)),
            because(new IOException("Premature EOF")),
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
            because(new RestClientException(404, 40403)),
            because(new EOFException()),
            because(new InvalidNumberEncodingException("Invalid long encoding")),
            because(malformedVarint()),
            because(new AvroRuntimeException("Malformed data")),
            new ClassCastException("another record")
        }) {
            Throwable cause = bad.getCause() == null ? bad : bad.getCause();
            assertThat(decode(bad))
                    .as(bad.toString())
                    .isInstanceOfSatisfying(
                            ReadResult.Bad.class,
                            each -> assertThat(each.reason())
                                    .startsWith("topic labels: " + bad.getMessage())
                                    .endsWith(cause.getMessage() == null ? "EOFException" : cause.getMessage()));
        }
        assertThat(decode(new BadRecordException("unknown magic byte")))
                .isEqualTo(new ReadResult.Bad<Label>("unknown magic byte"));
    }

    /** As Avro's decoders throw it: of no class of their own. */
    private static IOException malformedVarint() {
        IOException thrown = new IOException("Invalid long encoding");
        thrown.setStackTrace(new StackTraceElement[] {
            new StackTraceElement("org.apache.avro.io.DirectBinaryDecoder", "readLong", "DirectBinaryDecoder.java", 155)
        });
        return thrown;
    }

    @Test
    void shouldLeaveAWakeupAlone() {
        assertThatThrownBy(() -> decode(new WakeupException())).isInstanceOf(WakeupException.class);
    }
}
