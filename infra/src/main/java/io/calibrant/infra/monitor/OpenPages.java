package io.calibrant.infra.monitor;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * The pages that are open, at most so many: a new one takes the place of the oldest, which can still be told so. A page
 * whose client reads nothing is dropped. Thread-safe.
 */
final class OpenPages implements AutoCloseable {
    private final int most;
    private final Duration patience;
    private final Set<Page> open = new LinkedHashSet<>(); // the oldest first
    private final Set<Page> leaving = new LinkedHashSet<>(); // crowded out, and to be told so
    private final ScheduledExecutorService watchdog;

    /** Sends something to the client. */
    interface Sending {
        void send() throws IOException;
    }

    /** An open page; all that happens to it happens in the thread that opened it. */
    final class Page implements AutoCloseable {
        private final Thread thread = Thread.currentThread();
        private long since; // when the present sending began; 0 for none
        private boolean crowdedOut;

        /**
         * Sends to the client, for as long as it reads.
         *
         * @throws IOException if the client is gone, or has read nothing for too long
         */
        void send(Sending sending) throws IOException {
            synchronized (OpenPages.this) {
                if (crowdedOut) {
                    Thread.interrupted(); // it was to end the waiting: it would close the channel now
                }
                since = System.nanoTime() | 1;
            }
            try {
                sending.send();
            } finally {
                synchronized (OpenPages.this) {
                    since = 0;
                }
            }
        }

        /** Whether a new page has taken its place. */
        boolean isCrowdedOut() {
            synchronized (OpenPages.this) {
                return crowdedOut;
            }
        }

        /** How many may be open at once. */
        int most() {
            return most;
        }

        @Override
        public void close() {
            synchronized (OpenPages.this) {
                open.remove(this);
                leaving.remove(this);
            }
            // The thread goes on to other requests; what was meant for this page is over.
            Thread.interrupted();
        }
    }

    /**
     * None is open yet.
     *
     * @param most open at once
     * @param patience for a client that reads nothing
     */
    OpenPages(int most, Duration patience) {
        this.most = most;
        this.patience = patience;
        watchdog = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "calibrant-monitor-watchdog");
            thread.setDaemon(true);
            return thread;
        });
        long period = Math.max(1, patience.toMillis() / 4);
        var unused = watchdog.scheduleAtFixedRate(this::dropSilent, period, period, TimeUnit.MILLISECONDS);
    }

    /** Opens a page for the calling thread; the oldest one is interrupted where there are too many. */
    synchronized Page open() {
        while (open.size() >= most) {
            crowdOut(open.iterator().next());
        }
        Page page = new Page();
        open.add(page);
        return page;
    }

    /** How many are open. */
    synchronized int count() {
        return open.size();
    }

    private synchronized void dropSilent() {
        long now = System.nanoTime();
        List<Page> all = new ArrayList<>(open);
        all.addAll(leaving);
        for (Page page : all) {
            if (page.since != 0 && now - page.since > patience.toNanos()) {
                drop(page);
            }
        }
    }

    /** One that is just being sent something may have a client that does not read: nothing more is sent to it. */
    private void crowdOut(Page page) {
        if (page.since == 0) {
            page.crowdedOut = true;
            leaving.add(page);
        }
        drop(page);
    }

    /** An interrupt closes the channel that the thread writes to, and ends its waiting. */
    private void drop(Page page) {
        open.remove(page);
        page.thread.interrupt();
    }

    @Override
    public void close() {
        watchdog.shutdownNow();
    }
}
