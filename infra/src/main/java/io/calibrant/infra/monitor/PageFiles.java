package io.calibrant.infra.monitor;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The files of the page: our own, and uPlot's. */
final class PageFiles {
    private static final List<String> OWN = List.of(
            "monitor.css",
            "charts.css",
            "monitor.js",
            "answers.js",
            "blocks.js",
            "charts.js",
            "choice.js",
            "dom.js",
            "opened.js",
            "readout.js",
            "reliability.js",
            "runs.js",
            "series.js",
            "stream.js");

    private final Map<String, PageFile> files = new HashMap<>();

    /**
     * A file.
     *
     * @param type its media type, without a charset
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    record PageFile(String type, byte[] bytes) {}

    /**
     * Reads them.
     *
     * @param basePath what stands before every path of the page, as a browser sees it; empty for nothing
     */
    PageFiles(String basePath) {
        for (String name : OWN) {
            files.put("/" + name, new PageFile(type(name), own(name)));
        }
        String uplot = "/META-INF/resources/webjars/uplot/" + uplotVersion() + "/dist/";
        files.put("/uplot.js", new PageFile("text/javascript", read(uplot + "uPlot.esm.js")));
        files.put("/uplot.css", new PageFile("text/css", read(uplot + "uPlot.min.css")));
        // A proxy may answer for the path without a slash at its end: what is relative would be beside the page then.
        String base = basePath.isEmpty() ? "" : "<base href=\"" + basePath + "/\">";
        String index = new String(own("index.html"), StandardCharsets.UTF_8).replace("<!--base-->", base);
        files.put("/", new PageFile("text/html", index.getBytes(StandardCharsets.UTF_8)));
    }

    /** The file at a path, which begins with a slash; null for none. */
    PageFile get(String path) {
        return files.get(path);
    }

    private static String type(String name) {
        return name.endsWith(".css") ? "text/css" : "text/javascript";
    }

    private static byte[] own(String name) {
        return read("/io/calibrant/infra/monitor/" + name);
    }

    private static byte[] read(String resource) {
        try (InputStream in = PageFiles.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException(resource + " is not on the class path");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The webjar's path has its version in it. */
    private static String uplotVersion() {
        Properties properties = new Properties();
        try (InputStream in =
                PageFiles.class.getResourceAsStream("/META-INF/maven/org.webjars.npm/uplot/pom.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties.getProperty("version");
    }
}
