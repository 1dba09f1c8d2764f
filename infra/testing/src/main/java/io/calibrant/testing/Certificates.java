package io.calibrant.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Keys of a test, made by the JDK's keytool: those of an authority, and of servers with certificates signed by it. */
final class Certificates {
    /** Of all stores, and unlike anything else that could stand in a log. */
    static final String PASSWORD = "store-Pa55-kq7";

    private static final String TYPE = "PKCS12";
    private static final String AUTHORITY = "authority";
    private static final long PATIENCE_SECONDS = 60;

    private final Path dir;
    private final Path all;

    /** Makes the authority. */
    Certificates(Path dir) throws IOException {
        this.dir = Files.createDirectories(dir);
        all = dir.resolve("all.p12");
        make(AUTHORITY, "-ext", "bc:c", "-validity", "30");
    }

    /**
     * A store with the key of a server.
     *
     * @param host as it stands in the certificate, for example {@code ip:127.0.0.1}
     * @param start when the certificate begins to be valid, for example {@code -10d}
     * @param days how long it is valid from then on
     */
    Path server(String name, String host, String start, int days) throws IOException {
        make(
                name,
                "-signer",
                AUTHORITY,
                "-ext",
                "san=" + host,
                "-startdate",
                start,
                "-validity",
                Integer.toString(days));
        return write(name + ".p12", (from, to) -> {
            char[] password = PASSWORD.toCharArray();
            to.setKeyEntry(name, from.getKey(name, password), password, from.getCertificateChain(name));
        });
    }

    /** A store in which only the authority is trusted. */
    Path trust() throws IOException {
        return write("trust.p12", (from, to) -> to.setCertificateEntry(AUTHORITY, from.getCertificate(AUTHORITY)));
    }

    private interface Filling {
        void fill(KeyStore from, KeyStore to) throws GeneralSecurityException;
    }

    private Path write(String name, Filling filling) throws IOException {
        Path file = dir.resolve(name);
        try (InputStream in = Files.newInputStream(all);
                OutputStream out = Files.newOutputStream(file)) {
            KeyStore from = KeyStore.getInstance(TYPE);
            from.load(in, PASSWORD.toCharArray());
            KeyStore to = KeyStore.getInstance(TYPE);
            to.load(null, null);
            filling.fill(from, to);
            to.store(out, PASSWORD.toCharArray());
        } catch (GeneralSecurityException e) {
            throw new IOException(name + ": " + e.getMessage(), e);
        }
        return file;
    }

    private void make(String alias, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-J-XX:TieredStopAtLevel=1",
                "-J-XX:+UseSerialGC",
                "-genkeypair",
                "-alias",
                alias,
                "-dname",
                "CN=" + alias,
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-storetype",
                TYPE,
                "-storepass",
                PASSWORD,
                "-keystore",
                all.toString()));
        command.addAll(List.of(more));
        Path said = dir.resolve("keytool.log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException("keytool of " + alias + ": " + Files.readString(said));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            process.destroyForcibly();
        }
    }
}
