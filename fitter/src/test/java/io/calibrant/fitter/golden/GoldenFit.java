package io.calibrant.fitter.golden;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.linalg.SymmetricEigen;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Spectra of all blocks of a reference fit, with what the reference found on them.
 *
 * @param logLikelihood LL of the training questions
 * @param blocks every block, both sides in full
 * @param expected the reference's results
 */
public record GoldenFit(double logLikelihood, List<Block> blocks, JsonNode expected) {

    /** One block: all eigenvalues of its large and small side. */
    @SuppressWarnings("ArrayRecordComponent") // dense numbers, never compared
    public record Block(String name, double[] large, double[] small, double n, double squaredNorm) {}

    /** The blocks with the large side truncated. */
    public List<BlockSpectrum> spectra(Integer rank, boolean residual) {
        return blocks.stream()
                .map(block -> BlockSpectrum.of(
                        block.name,
                        new Spectrum(
                                rank == null || rank >= block.large.length
                                        ? block.large
                                        : Arrays.copyOf(block.large, rank),
                                block.large.length,
                                Arrays.stream(block.large).sum()),
                        residual,
                        block.small,
                        block.n,
                        block.squaredNorm))
                .toList();
    }

    /**
     * 32 questions; {@code expand}, {@code expand_headlast} or {@code authors} with {@code _full} or {@code _rank10}.
     */
    public static GoldenFit of32(String variant) {
        JsonNode json = Golden.json("mcq_golden.json");
        Safetensors kfac = Golden.tensors("mcq_kfac.safetensors");
        JsonNode expected = json.path("lml").path(variant);
        boolean headLast = !variant.startsWith("expand_full") && !variant.startsWith("expand_rank10");
        List<Block> blocks = new ArrayList<>();
        for (String name : Golden.blocks()) {
            String a = (headLast && name.startsWith("lm_head") ? "last.A." : "expand.A.") + name;
            blocks.add(block(
                    name,
                    kfac.values(a),
                    kfac.values("expand.S.exact." + name),
                    1 / expected.path("scale").path(name).asDouble(),
                    json.path("theta_sq").path(name).asDouble()));
        }
        ObjectNode results = expected.deepCopy();
        results.set("lambda_grid", json.path("lambda_grid"));
        return new GoldenFit(json.path("LL_train32").asDouble(), blocks, results);
    }

    /** 200 questions, EXPAND, lm_head from last positions with n = examples: the defaults. */
    public static GoldenFit wholeWay() {
        return of200("fit200", true, Golden.json("mcq_endtoend.json"));
    }

    /** 200 questions, every block EXPAND or REDUCE. */
    public static GoldenFit supplement(boolean reduce) {
        return of200(reduce ? "supplement" : "fit200", false, Golden.json("mcq_supplement.json"));
    }

    private static GoldenFit of200(String source, boolean headLast, JsonNode expected) {
        JsonNode json = Golden.json("mcq_golden.json");
        Safetensors tensors = Golden.tensors("mcq_" + source + ".safetensors");
        boolean reduce = "supplement".equals(source);
        List<Block> blocks = new ArrayList<>();
        for (String name : Golden.blocks()) {
            boolean last = headLast && name.startsWith("lm_head");
            String a = (reduce ? "reduce.A." : last ? "last.A." : "expand.A.") + name;
            blocks.add(block(
                    name,
                    tensors.values(a),
                    tensors.values((reduce ? "reduce.S." : "expand.S.exact.") + name),
                    reduce || last ? 200 : json.path("n_tokens_train200").asDouble(),
                    json.path("theta_sq").path(name).asDouble()));
        }
        return new GoldenFit(json.path("LL_train200").asDouble(), blocks, expected);
    }

    private static Block block(String name, double[] inputs, double[] gradients, double n, double squaredNorm) {
        double[] a = spectrum(inputs);
        double[] s = spectrum(gradients);
        return Golden.gradientIsLarge(name)
                ? new Block(name, s, a, n, squaredNorm)
                : new Block(name, a, s, n, squaredNorm);
    }

    private static double[] spectrum(double[] matrix) {
        int n = (int) Math.round(Math.sqrt(matrix.length));
        return Arrays.stream(SymmetricEigen.values(matrix, n))
                .map(w -> Math.max(0, w))
                .toArray();
    }

    /** The committed extract: {@code headlast32} (25-point grids of both ranks) or {@code wholeWay}. */
    public static GoldenFit extract(String name) {
        try (InputStream in = GoldenFit.class.getResourceAsStream("/golden-spectra.json")) {
            JsonNode fit = new ObjectMapper().readTree(in).path(name);
            List<Block> blocks = new ArrayList<>();
            for (JsonNode block : fit.path("blocks")) {
                blocks.add(new Block(
                        block.path("name").asText(),
                        doubles(block.path("large")),
                        doubles(block.path("small")),
                        block.path("n").asDouble(),
                        block.path("squaredNorm").asDouble()));
            }
            return new GoldenFit(fit.path("logLikelihood").asDouble(), blocks, fit.path("expected"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static double[] doubles(JsonNode array) {
        return IntStream.range(0, array.size())
                .mapToDouble(i -> array.path(i).asDouble())
                .toArray();
    }

    /** Writes the extract anew, from the shared reference; working directory: the module. */
    public static void main(String[] args) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode all = mapper.createObjectNode();
        GoldenFit headlast = of32("expand_headlast_full");
        ObjectNode both = mapper.createObjectNode();
        both.set("full", headlast.expected());
        both.set("rank10", of32("expand_headlast_rank10").expected());
        all.set("headlast32", node(mapper, headlast, both));
        GoldenFit whole = wholeWay();
        ObjectNode few = mapper.createObjectNode();
        for (String variant :
                List.of("full.scalar", "full.layerwise", "rank10_residual.scalar", "rank10_residual.layerwise")) {
            ObjectNode results = whole.expected().path(variant).deepCopy();
            results.remove("metrics");
            few.set(variant, results);
        }
        all.set("wholeWay", node(mapper, whole, few));
        Files.writeString(Path.of("src", "test", "resources", "golden-spectra.json"), mapper.writeValueAsString(all));
    }

    private static ObjectNode node(ObjectMapper mapper, GoldenFit fit, JsonNode expected) {
        ObjectNode node = mapper.createObjectNode().put("logLikelihood", fit.logLikelihood);
        ArrayNode blocks = node.putArray("blocks");
        fit.blocks.forEach(block -> blocks.add(mapper.valueToTree(block)));
        node.set("expected", expected);
        return node;
    }
}
