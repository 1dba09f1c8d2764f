package io.calibrant.fitter.faults;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.RandomStatistics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Statistics of a pass, sent as a trainer sends them, a batch a transaction, at a steady pace that never ends until
 * told to; and the committed updates of the fit of it, as they come. A seed gives the order of the batches, which of
 * them are sent twice, and which are first sent wrong in a transaction that is given up. In a storm every good record
 * has a bad one behind it, in the same partition and transaction.
 */
final class StatisticsStream implements AutoCloseable {
    /** A record with this header is bad. */
    static final String BAD = "bad";

    static final String RUN = RandomStatistics.RUN;
    static final int RANK = 4;
    static final List<Block> BLOCKS = blocks();

    private static final String CHECKPOINT = RandomStatistics.CHECKPOINT;
    private static final Duration PACE = Duration.ofMillis(50);
    private static final int ROWS = 7;
    private static final int SMALL = 3;

    /** Batches change their places within so many. */
    private static final int WINDOW = 16;

    private static final double TWICE = 0.1;
    private static final double GIVEN_UP = 0.1;

    private final Connection connection;
    private final long seed;
    private final Random chance;
    private final ScheduledExecutorService sender =
            Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "statistics"));
    private final ScheduledFuture<?> pace;
    private final Thread reader = new Thread(this::read, "updates");
    private final Serializer<Statistics> values;
    private final boolean storm;
    private int bad;
    private KafkaProducer<String, byte[]> producer;

    private final Map<String, List<Long>> updates = new HashMap<>();
    private final Map<String, Long> latest = new HashMap<>();
    private long longestPause;
    private int sent;
    private Integer last;
    private boolean reading = true;
    private Exception failure;

    StatisticsStream(Connection connection, long seed, boolean storm) throws Exception {
        this.connection = connection;
        this.seed = seed;
        this.storm = storm;
        this.values = connection.serializer(Statistics.class);
        this.chance = new Random(seed);
        BLOCKS.forEach(block -> updates.put(block.getName(), new ArrayList<>()));
        try (KafkaProducer<String, Run> runs =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), connection.serializer(Run.class))) {
            runs.send(new ProducerRecord<>(connection.topics().runs(), RUN, run()))
                    .get();
        }
        pace = sender.scheduleAtFixedRate(this::send, 0, PACE.toMillis(), TimeUnit.MILLISECONDS);
        reader.start();
    }

    private static List<Block> blocks() {
        List<Block> blocks = new ArrayList<>();
        for (int layer = 0; layer < 4; layer++) {
            blocks.add(new Block("layers." + layer + ".q_proj.lora_A", SMALL, 61, Side.INPUT));
            blocks.add(new Block("layers." + layer + ".q_proj.lora_B", 41, SMALL, Side.GRADIENT));
        }
        return blocks;
    }

    private static Run run() {
        return Run.newBuilder()
                .setRunId(RUN)
                .setBlocks(BLOCKS)
                .setRank(RANK)
                .setTrainingQuestions(1000)
                .build();
    }

    /** Batches of every block that are sent, and acknowledged. */
    synchronized int sent() {
        check();
        return sent;
    }

    /** Batches that every block has folded, as the committed updates say. */
    synchronized int folded() {
        check();
        return updates.values().stream()
                .mapToInt(block -> new HashSet<>(block).size())
                .min()
                .orElseThrow();
    }

    /** Updates that say again what was said. */
    synchronized int repeated() {
        return updates.values().stream()
                .mapToInt(block -> block.size() - new HashSet<>(block).size())
                .sum();
    }

    /** Batches of the block that is furthest behind that are sent, and in no committed update. */
    synchronized int inFlight() {
        return sent() - folded();
    }

    /**
     * The longest that any block has gone without a committed update since the last call; there is always work for it.
     */
    synchronized Duration longestPause() {
        Duration longest = Duration.ofNanos(longestPause);
        longestPause = 0;
        return longest;
    }

    /** Ends the pass with the window that comes next. */
    synchronized void finish() {
        if (last == null) {
            last = (sent / WINDOW + 2) * WINDOW;
        }
    }

    /** Whether all that there will ever be is sent, and how many batches of every block that is. */
    synchronized Integer finished() {
        check();
        return last != null && sent == last ? last : null;
    }

    private void check() {
        if (failure != null) {
            throw new IllegalStateException("the stream of statistics broke: " + failure, failure);
        }
    }

    private void send() {
        int position;
        Integer expected;
        synchronized (this) {
            if (failure != null || (last != null && sent == last)) {
                return;
            }
            position = sent;
            expected = last != null && position >= last - WINDOW ? last : null;
        }
        try {
            if (chance.nextDouble() < GIVEN_UP) {
                begin();
                for (Block block : BLOCKS) {
                    Statistics wrong = statistic(block, batch(block, position), expected);
                    wrong.setN(1e6);
                    sendOne(block, wrong);
                }
                producer.abortTransaction();
            }
            begin();
            for (Block block : BLOCKS) {
                sendOne(block, statistic(block, batch(block, position), expected));
                if (storm) {
                    sendBad(block);
                }
                if (position > 0 && chance.nextDouble() < TWICE) {
                    sendOne(block, statistic(block, batch(block, chance.nextInt(position)), null));
                }
            }
            producer.commitTransaction();
            synchronized (this) {
                sent = position + 1;
            }
        } catch (KafkaException e) {
            startAgain(e);
        } catch (RuntimeException e) {
            fail(e);
        }
    }

    /** What was on its way is sent again by the next call, as a trainer does; it may be there twice then. */
    private void startAgain(KafkaException cause) {
        try {
            if (producer != null) {
                producer.close(Duration.ZERO);
                producer = null;
            }
        } catch (RuntimeException e) {
            e.addSuppressed(cause);
            fail(e);
        }
    }

    private void begin() {
        if (producer == null) {
            Map<String, Object> configs = new HashMap<>(connection.producer());
            configs.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, connection.topicPrefix() + "statistics-stream");
            configs.put(ProducerConfig.LINGER_MS_CONFIG, 0);
            KafkaProducer<String, byte[]> next =
                    new KafkaProducer<>(configs, new StringSerializer(), new ByteArraySerializer());
            producer = next;
            next.initTransactions();
        }
        producer.beginTransaction();
    }

    private void sendOne(Block block, Statistics value) {
        send(record(block, bytes(value)));
    }

    private void sendBad(Block block) {
        BadStatistics[] kinds = BadStatistics.values();
        Statistics good = statistic(block, 0, null);
        byte[] value = kinds[bad++ % kinds.length].spoil(good, this::bytes);
        ProducerRecord<String, byte[]> record = record(block, value);
        record.headers().add(BAD, new byte[0]);
        send(record);
    }

    private byte[] bytes(Statistics value) {
        return values.serialize(connection.topics().statistics(), value);
    }

    private ProducerRecord<String, byte[]> record(Block block, byte[] value) {
        return new ProducerRecord<>(
                connection.topics().statistics(), Keys.block(RUN, CHECKPOINT, block.getName()), value);
    }

    @SuppressWarnings("FutureReturnValueIgnored") // the transaction says it
    private void send(ProducerRecord<String, byte[]> record) {
        producer.send(record);
    }

    /** The batch at a position of a block's order. */
    private int batch(Block block, int position) {
        List<Integer> window =
                new ArrayList<>(IntStream.range(0, WINDOW).boxed().toList());
        int first = position / WINDOW * WINDOW;
        Collections.shuffle(window, new Random(seed + 31L * BLOCKS.indexOf(block) + 1009L * first));
        return first + window.get(position - first);
    }

    private Statistics statistic(Block block, int batch, Integer expected) {
        Statistics value =
                RandomStatistics.of(block, batch, ROWS, seed + 7919L * BLOCKS.indexOf(block) + 104_729L * batch);
        value.setBatchesExpected(expected == null ? null : (long) expected);
        return value;
    }

    private void read() {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                        connection.consumer(null), new ByteArrayDeserializer(), new ByteArrayDeserializer());
                Deserializer<FactorUpdate> deserializer = connection.deserializer(FactorUpdate.class)) {
            String topic = connection.topics().factorUpdates();
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (true) {
                List<FactorUpdate> came = new ArrayList<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    FactorUpdate update = deserializer.deserialize(topic, record.value());
                    if (update.getFit().equals(FitterSettings.DEFAULT_FIT)) {
                        came.add(update);
                    }
                }
                long now = System.nanoTime();
                synchronized (this) {
                    if (!reading) {
                        return;
                    }
                    came.forEach(update -> updates.get(update.getBlock()).add(update.getBatches()));
                    Set<String> moved = new HashSet<>();
                    came.forEach(update -> moved.add(update.getBlock()));
                    for (String block : moved) {
                        Long before = latest.put(block, now);
                        longestPause = Math.max(longestPause, before == null ? 0 : now - before);
                    }
                }
            }
        } catch (RuntimeException e) {
            fail(e);
        }
    }

    private synchronized void fail(Exception e) {
        failure = e;
    }

    @Override
    public void close() {
        synchronized (this) {
            reading = false;
        }
        pace.cancel(false);
        sender.shutdown();
        try {
            if (!sender.awaitTermination(30, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the statistics do not end");
            }
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (producer != null) {
            producer.close(Duration.ZERO);
        }
    }
}
