package io.calibrant.trainer.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {

    @TempDir
    Path directory;

    private Path file(String header, byte[] data) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .array());
        out.write(json);
        out.write(data);
        return Files.write(directory.resolve("model.safetensors"), out.toByteArray());
    }

    private static float[] random(int size, long seed) {
        Random random = new Random(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Test
    void shouldReadWhatItWrote() throws IOException {
        float[] large = random(700_001, 1); // several pieces and chunks, the last one partial
        float[] small = {1.5f, Float.NaN, Float.NEGATIVE_INFINITY, -0.0f, Float.MIN_VALUE, 3};
        Path file = directory.resolve("x.safetensors");
        new SafetensorsWriter()
                .add("large", large, 700_001)
                .add("small", small, 2, 3)
                .add("none", new float[0], 0, 4)
                .describe("who", "\"us\"")
                .write(file);
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            assertThat(reader.names()).containsExactly("large", "small", "none");
            assertThat(Arrays.equals(reader.floats("large"), large)).isTrue();
            assertThat(reader.floats("small")).containsExactly(small);
            assertThat(reader.entry("small").shape()).isEqualTo(List.of(2L, 3L));
            assertThat(reader.floats("none")).isEmpty();
            assertThat(reader.metadata()).containsEntry("who", "\"us\"").containsEntry("format", "pt");
        }
        assertThat(directory.toFile().list()).containsExactly("x.safetensors");
    }

    @Test
    void shouldWriteTheSameBytesForTheSameTensors() throws IOException {
        for (String name : List.of("a", "b")) {
            new SafetensorsWriter().add("t", random(100, 3), 10, 10).write(directory.resolve(name));
        }
        assertThat(directory.resolve("a")).hasSameBinaryContentAs(directory.resolve("b"));
    }

    @Test
    void shouldCopyTensorsOfAnotherFileAsFloat32() throws IOException {
        float[] values = random(700_000, 5); // several chunks, the last one partial
        Path from = directory.resolve("from.safetensors");
        Path to = directory.resolve("to.safetensors");
        new SafetensorsWriter().add("t", values, 7, 100_000).write(from);
        try (SafetensorsReader reader = SafetensorsReader.open(from)) {
            new SafetensorsWriter()
                    .add("own", new float[] {1, 2}, 2)
                    .add("copy", reader, "t")
                    .write(to);
        }
        try (SafetensorsReader reader = SafetensorsReader.open(to)) {
            assertThat(reader.entry("copy", 7, 100_000).type()).isEqualTo(ElementType.F32);
            assertThat(Arrays.equals(reader.floats("copy"), values)).isTrue();
            assertThat(reader.floats("own")).containsExactly(1, 2);
        }
        Path half = file(
                "{\"h\": {\"dtype\": \"BF16\", \"shape\": [2], \"data_offsets\": [0, 4]}}",
                new byte[] {0, 0x40, (byte) 0x80, 0x3f});
        try (SafetensorsReader reader = SafetensorsReader.open(half)) {
            new SafetensorsWriter().add("h", reader, "h").write(to);
            assertThatThrownBy(() -> new SafetensorsWriter().add("h", reader, "none"))
                    .hasMessageContaining("no tensor none");
        }
        try (SafetensorsReader reader = SafetensorsReader.open(to)) {
            assertThat(reader.floats("h")).containsExactly(2, 1);
        }
    }

    /** An embedding of a large vocabulary: no array of bytes holds it. */
    @Test
    void shouldTakeATensorOfMoreNumbersThanAnArrayHolds() throws IOException {
        long numbers = 600_000_000;
        Path large = file(
                "{\"t\": {\"dtype\": \"F32\", \"shape\": [" + numbers + "], \"data_offsets\": [0, " + 4 * numbers
                        + "]}}",
                new byte[0]);
        try (FileChannel channel = FileChannel.open(large, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[1]), Files.size(large) + 4 * numbers - 1); // a hole before it
        }
        try (SafetensorsReader reader = SafetensorsReader.open(large)) {
            assertThatCode(() -> new SafetensorsWriter().add("t", reader, "t")).doesNotThrowAnyException();
        }
    }

    @Test
    void shouldWidenEveryBfloat16() throws IOException {
        short[] all = new short[1 << 16];
        for (int i = 0; i < all.length; i++) {
            all[i] = (short) i;
        }
        float[] read = halves("BF16", all);
        for (int i = 0; i < all.length; i++) {
            assertThat(Float.floatToRawIntBits(read[i])).isEqualTo(i << 16);
        }
    }

    /** The naive twin: sign, exponent and fraction one by one. */
    @Test
    void shouldWidenEveryFloat16() throws IOException {
        short[] all = new short[1 << 16];
        for (int i = 0; i < all.length; i++) {
            all[i] = (short) i;
        }
        float[] read = halves("F16", all);
        for (int i = 0; i < all.length; i++) {
            int exponent = i >> 10 & 31;
            int fraction = i & 1023;
            double sign = i >= 1 << 15 ? -1 : 1;
            float expected;
            if (exponent == 31) {
                expected = fraction == 0 ? (float) (sign / 0.0) : Float.NaN;
            } else if (exponent == 0) {
                expected = (float) (sign * Math.pow(2, -14) * fraction / 1024);
            } else {
                expected = (float) (sign * Math.pow(2, exponent - 15) * (1 + fraction / 1024.0));
            }
            assertThat(Float.floatToIntBits(read[i])).isEqualTo(Float.floatToIntBits(expected));
        }
        assertThat(read[0x3555]).isEqualTo(0.33325195f); // 1/3 in half precision
        assertThat(1 / read[0x8000]).isEqualTo(Float.NEGATIVE_INFINITY); // minus zero keeps its sign
    }

    private float[] halves(String type, short[] values) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asShortBuffer().put(values);
        Path file = file(
                "{\"t\":{\"dtype\":\"" + type + "\",\"shape\":[" + values.length + "],\"data_offsets\":[0,"
                        + 2 * values.length + "]}}",
                data.array());
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            return reader.floats("t");
        }
    }

    /** The naive twin: of all 65,536 numbers of the type the one that is nearest. */
    @Test
    void shouldRoundToTheNearestNumberOfTwoBytes() throws IOException {
        short[] all = new short[1 << 16];
        for (int i = 0; i < all.length; i++) {
            all[i] = (short) i;
        }
        for (ElementType type : new ElementType[] {ElementType.BF16, ElementType.F16}) {
            TreeMap<Double, Integer> numbers = new TreeMap<>();
            float[] values = halves(type.name(), all);
            for (int i = 0; i < values.length; i++) {
                if (Float.isFinite(values[i])) {
                    numbers.put((double) values[i] + 0.0, i);
                }
            }
            Random random = new Random(6);
            for (int i = 0; i < 20_000; i++) {
                float number =
                        i % 4 == 0 ? values[random.nextInt(values.length)] : Float.intBitsToFloat(random.nextInt());
                number = i % 4 == 1 ? (float) random.nextGaussian() * 1e-5f : number;
                if (i % 4 == 2) { // halfway between two neighbours
                    Double low = numbers.floorKey((double) random.nextFloat());
                    number = (float) ((low + numbers.higherKey(low)) / 2);
                }
                if (!(Math.abs(number) <= numbers.lastKey())) {
                    continue;
                }
                double below = numbers.floorKey((double) number);
                double above = numbers.ceilingKey((double) number);
                boolean lower = number - below < above - number
                        || (number - below == above - number && numbers.get(below) % 2 == 0);
                assertThat(type.nearest(number) + 0.0).isEqualTo(lower ? below : above);
            }
            assertThat(type.nearest(Float.MAX_VALUE)).isInfinite();
            assertThat(type.nearest(Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
            assertThat(type.nearest(Float.NaN)).isNaN();
        }
        assertThat(ElementType.F16.nearest(65_519.99f)).isEqualTo(65_504);
        assertThat(ElementType.F16.nearest(65_520)).isInfinite();
    }

    @Test
    void shouldReadDoublesAndIntegers() throws IOException {
        ByteBuffer data = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        data.putDouble(Math.PI).putLong(-7).putInt(5).putInt(-6);
        Path file = file(
                "{\"d\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                        + "\"l\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},"
                        + "\"i\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[16,24]}}",
                data.array());
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            assertThat(reader.doubles("d")).containsExactly(Math.PI);
            assertThat(reader.floats("d")).containsExactly((float) Math.PI);
            assertThat(reader.longs("l")).containsExactly(-7);
            assertThat(reader.longs("i")).containsExactly(5, -6);
            assertThatThrownBy(() -> reader.entry("l", 1))
                    .isInstanceOf(ModelFileException.class)
                    .hasMessageContainingAll("tensor l", "expected one of F32", "found I64");
        }
    }

    @Test
    void shouldReadShardsThroughTheirIndex() throws IOException {
        new SafetensorsWriter().add("a", new float[] {1, 2}, 2).write(directory.resolve("one.safetensors"));
        new SafetensorsWriter().add("b", new float[] {3}, 1).write(directory.resolve("two.safetensors"));
        Path index = directory.resolve("model.safetensors.index.json");
        Files.writeString(index, "{\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}");
        try (SafetensorsReader reader = SafetensorsReader.open(directory)) {
            assertThat(reader.floats("a")).containsExactly(1, 2);
            assertThat(reader.floats("b")).containsExactly(3);
        }
        Files.writeString(index, "{\"weight_map\":{\"a\":\"two.safetensors\"}}");
        assertRefused(directory, "two.safetensors", "no tensor a");
        Files.writeString(index, "{\"weight_map\":{\"a\":\"three.safetensors\"}}");
        assertRefused(directory, "three.safetensors", "no such file");
        Files.writeString(index, "{}");
        assertRefused(directory, "index.json", "no weight_map");
    }

    /** transformers loads every tensor of every shard that the index names. */
    @Test
    void shouldReadWhatShardsHoldBeyondTheirIndex() throws IOException {
        new SafetensorsWriter()
                .add("a", new float[] {1, 2}, 2)
                .add("c", new float[] {5}, 1)
                .write(directory.resolve("1"));
        new SafetensorsWriter()
                .add("a", new float[] {7, 8}, 2)
                .add("b", new float[] {3}, 1)
                .write(directory.resolve("2"));
        Path index = directory.resolve("model.safetensors.index.json");
        Files.writeString(index, "{\"metadata\": {\"total_size\": 24}, \"weight_map\": {\"a\": \"1\", \"b\": \"2\"}}");
        try (SafetensorsReader reader = SafetensorsReader.open(directory)) {
            assertThat(reader.names()).containsExactlyInAnyOrder("a", "b", "c");
            assertThat(reader.floats("c")).containsExactly(5);
            assertThat(reader.floats("a")).as("where the index places it").containsExactly(1, 2);
        }
        Files.writeString(index, "{\"weight_map\": {\"c\": \"1\", \"b\": \"2\"}}");
        assertRefused(directory, "tensor a: expected in one of them, or placed by the index, found in both");
    }

    @Test
    void shouldFindTruncationAtOpenWhereverTheFileEnds() throws IOException {
        Path whole = directory.resolve("whole");
        new SafetensorsWriter().add("t", random(10, 4), 2, 5).write(whole);
        byte[] bytes = Files.readAllBytes(whole);
        Path cut = directory.resolve("cut.safetensors");
        for (int length = 0; length < bytes.length; length++) {
            Files.write(cut, Arrays.copyOf(bytes, length));
            assertRefused(cut, "cut.safetensors");
        }
        Files.write(cut, Arrays.copyOf(bytes, bytes.length - 1));
        assertRefused(
                cut,
                "tensor t",
                "truncated",
                "expected data up to byte " + bytes.length,
                "found " + (bytes.length - 1));
    }

    @Test
    void shouldRefuseWhatIsNoSafetensorsFile() throws IOException {
        assertRefused(Files.createDirectory(directory.resolve("empty")), "neither model.safetensors nor");
        assertRefused(directory.resolve("absent"), "absent", "no such file");
        Path file = directory.resolve("model.safetensors");
        Files.writeString(file, "PK a pickle in a zip archive, perhaps");
        assertRefused(file, "not that of a safetensors file");
        assertRefused(file("not json", new byte[0]), "header is not JSON");
        assertRefused(file("[1,2]", new byte[0]), "header is not a JSON object");
        String tensor = "{\"t\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}}";
        assertRefused(file(String.format(tensor, "F8_E4M3", "[1]", "[0,1]"), new byte[1]), "unknown dtype 'F8_E4M3'");
        assertRefused(file(String.format(tensor, "F32", "[-1]", "[0,4]"), new byte[4]), "shape [-1]");
        assertRefused(file(String.format(tensor, "F32", "[2]", "[0,4]"), new byte[4]), "expected 8 bytes for F32 2");
        assertRefused(file(String.format(tensor, "F32", "[1]", "[-4,0]"), new byte[4]), "data_offsets -4 to 0");
        assertRefused(file(String.format(tensor, "F32", "[9223372036854775807,4]", "[0,4]"), new byte[4]), "too large");
    }

    @Test
    void shouldRefuseAFileWhoseBytesAreNotThoseOfItsTensorsOnceEach() throws IOException {
        String one = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
        String two = "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}";
        assertRefused(file("{" + one + "," + one + "}", new byte[8]), "model.safetensors: header is not JSON", "'a'");
        assertRefused(
                file("{" + one + "," + String.format(two, 4, 8) + "}", new byte[8]),
                "tensor b: shares bytes with tensor a");
        assertRefused(
                file("{" + one + "," + String.format(two, 12, 16) + "}", new byte[16]),
                "tensor b: 4 bytes between it and tensor a belong to no tensor");
        assertRefused(file("{" + one + "}", new byte[9]), "1 bytes behind tensor a belong to no tensor");
        assertRefused(file("{}", new byte[3]), "3 bytes behind the header belong to no tensor");
        assertRefused(file("{" + one + "} x", new byte[8]), "header is not JSON");
    }

    @Test
    void shouldRefuseOffsetsAndSizesThatAreNoWholeNumbersOf64Bits() throws IOException {
        String tensor = "{\"t\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":%s}}";
        for (String offsets :
                List.of("{\"begin\":0,\"end\":8}", "[\"0\",\"8\"]", "[0,8,8]", "[0,8.0]", "[0,18446744073709551624]")) {
            assertRefused(
                    file(String.format(tensor, "[2]", offsets), new byte[8]),
                    "tensor t: data_offsets must be two whole numbers, got " + offsets);
        }
        assertRefused(file(String.format(tensor, "[18446744073709551618]", "[0,8]"), new byte[8]), "tensor t: shape");
        assertRefused(file(String.format(tensor, "2", "[0,8]"), new byte[8]), "tensor t: no shape");
        assertRefused(file(String.format(tensor, "{\"a\":2}", "[0,8]"), new byte[8]), "tensor t: shape");
        assertRefused(file(String.format(tensor, "[2]", "[8,0]"), new byte[8]), "data_offsets 8 to 0");
        assertRefused(file("{\"__metadata__\":{\"format\":1}}", new byte[0]), "__metadata__.format must be a text");
    }

    @Test
    void shouldSayWhatElseTheFileIs() throws IOException {
        Path file = directory.resolve("model.safetensors");
        Files.writeString(file, "version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 6144\n");
        assertRefused(file, "a git-lfs pointer", "'git lfs pull'");
        Files.write(file, new byte[0]);
        assertRefused(file, "expected at least 8 bytes, found 0; it is empty");
        Files.writeString(file, "<!DOCTYPE html><html>Not found</html>");
        assertRefused(file, "HTML");
        Files.delete(file);
        Files.createFile(directory.resolve("pytorch_model.bin"));
        assertRefused(directory, "but pytorch_model.bin is there", "safe_serialization=True");
        Files.createDirectory(file);
        assertRefused(file.resolve("nothing"), "no such file");
        assertRefused(directory, "it is a directory, not a file");
    }

    @Test
    void shouldNameFileTensorAndElementOfANumberThatIsNotFinite() throws IOException {
        float[] values = random(300_000, 5);
        values[299_999] = Float.POSITIVE_INFINITY;
        values[150_001] = Float.NaN;
        Path file = directory.resolve("x.safetensors");
        new SafetensorsWriter().add("t", values, 3, 100_000).write(file);
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            assertThatThrownBy(() -> reader.finiteFloats("t"))
                    .isInstanceOf(ModelFileException.class)
                    .hasMessage(file + ": tensor t: every number must be finite in float32, got NaN at element 150001"
                            + " of 3x100000");
        }
    }

    @Test
    void shouldNameFileTensorExpectedAndFound() throws IOException {
        Path file = directory.resolve("x.safetensors");
        new SafetensorsWriter().add("t", new float[6], 2, 3).write(file);
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            assertThatThrownBy(() -> reader.entry("t", 3, 2))
                    .isInstanceOf(ModelFileException.class)
                    .hasMessage(file + ": tensor t: expected shape 3x2, found 2x3");
            assertThatThrownBy(() -> reader.entry("u", 3, 2))
                    .isInstanceOf(ModelFileException.class)
                    .hasMessage(file + ": no tensor u");
        }
    }

    private static void assertRefused(Path path, String... parts) {
        assertThatThrownBy(() -> SafetensorsReader.open(path).close())
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll(parts)
                .message()
                .doesNotContain("\n");
    }
}
