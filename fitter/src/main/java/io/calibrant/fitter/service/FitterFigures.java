package io.calibrant.fitter.service;

import io.calibrant.fitter.labels.RecentLabels;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.reading.GroupPlace;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a fitter knows at a moment, of the partitions that are its own.
 *
 * @param running whether it runs; where its partitions are being assigned anew it knows what it knew last, else of no
 *     runs, posteriors and labels
 * @param runs names of the runs that are there
 * @param posteriors the latest of every fit, of these runs
 * @param totals what the labels of all answers say of these fits
 * @param recent what the labels of the newest answers say of them
 * @param places where the whole fit is, however many processes it has, by topic; empty where the broker does not answer
 */
public record FitterFigures(
        boolean running,
        Set<String> runs,
        List<Posterior> posteriors,
        List<CalibrationMetrics> totals,
        List<RecentLabels> recent,
        Map<String, GroupPlace> places) {
    /** Copies nothing that is immutable. */
    public FitterFigures {
        runs = Set.copyOf(runs);
        posteriors = List.copyOf(posteriors);
        totals = List.copyOf(totals);
        recent = List.copyOf(recent);
        places = Map.copyOf(places);
    }
}
