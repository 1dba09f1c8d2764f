package io.calibrant.infra.commands.output;

import io.calibrant.trainer.service.ProgressListener;
import java.time.Duration;
import java.util.Locale;

/** A trainer's progress as lines for people: at most one in two seconds, and one at the end of every phase. */
public final class TrainProgress implements ProgressListener {
    private static final Duration QUIET = Duration.ofSeconds(2);

    private final ServiceLines lines;
    private long last = System.nanoTime() - QUIET.toNanos();

    /** @param lines takes each line */
    public TrainProgress(ServiceLines lines) {
        this.lines = lines;
    }

    @Override
    public void progressed(Event event) {
        boolean end = event.done() == event.total();
        if (!end && System.nanoTime() - last < QUIET.toNanos()) {
            return;
        }
        last = System.nanoTime();
        lines.info(describe(event));
    }

    @Override
    public void warned(String line) {
        lines.warn(line);
    }

    static String describe(Event event) {
        StringBuilder text = new StringBuilder();
        switch (event.phase()) {
            case LOADING -> text.append(event.done() == 0 ? "reading questions and model" : "model loaded");
            case FINE_TUNING ->
                text.append("fine-tuning: step ")
                        .append(event.done())
                        .append(" of ")
                        .append(event.total());
            case CURVATURE ->
                text.append("curvature pass: batch ")
                        .append(event.done())
                        .append(" of ")
                        .append(event.total());
            case FITTING ->
                text.append("waiting for the complete posterior before the validation questions are sent: ")
                        .append(event.done())
                        .append(" of ")
                        .append(event.total())
                        .append(" batches");
            case DONE -> text.append("everything is published");
        }
        event.loss().ifPresent(loss -> text.append(String.format(Locale.ROOT, ", loss %.4f", loss)));
        event.remaining()
                .filter(remaining -> event.done() < event.total())
                .ifPresent(remaining ->
                        text.append(", ").append(duration(remaining)).append(" left"));
        return text.toString();
    }

    private static String duration(Duration duration) {
        long seconds = Math.max(1, Math.round(duration.toMillis() / 1000.0));
        return seconds < 120 ? seconds + " s" : (seconds + 30) / 60 + " min";
    }
}
