package io.calibrant.fitter.folding;

import io.calibrant.fitter.linalg.FrequentDirections;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorCompression;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * What a fit has folded of one block so far, and of the blocks that share its input: one large side, and a small side
 * of each. Not modified by a fold, which gives a new record.
 */
public final class FactorState {
    /** Factors are published every so many batches, and at the end of the pass. */
    public static final int DUE_EVERY = 32;

    private final FitterSettings settings;
    private final Factor record;
    private final int recordBytes;

    /**
     * The state that a record holds.
     *
     * @param record as it was stored; null where nothing is folded yet
     * @param recordBytes what the topics of the fit take of one record
     * @throws ConfigurationException if the record was made with another compression than the fit's
     */
    public FactorState(FitterSettings settings, Factor record, int recordBytes) {
        if (record != null && record.getCompression() != FoldResults.compression(settings)) {
            throw new ConfigurationException(
                    "--compression",
                    settings.compression(),
                    record.getCompression() + " for fit '" + settings.fit() + "', or --fit a new name");
        }
        this.settings = settings;
        this.record = record;
        this.recordBytes = recordBytes;
    }

    /**
     * Folds a contribution in, once.
     *
     * @param hasOwnState whether a block has a state of its own in this fit and checkpoint
     * @param heldOut the statistics of the block that wait for the end of the pass; asked once it is there
     * @param timestamp of the contribution, milliseconds
     * @return the new state and what is published; empty where all its batches are folded already
     * @throws BadRecordException if the contribution does not continue what is there, or would make it unusable
     */
    public Optional<FoldResults> fold(
            Contribution contribution, Predicate<String> hasOwnState, Supplier<List<Factor>> heldOut, long timestamp) {
        requireSameBlocks(contribution, hasOwnState);
        FoldedBatches folded = record == null
                ? FoldedBatches.NONE
                : FoldedBatches.of(record.getFoldedBelow(), record.getFoldedBeyond(), record.getFoldedSequences());
        long already = contribution.alreadyIn(folded);
        int batches = contribution.statistics().getBatches();
        if (already == batches) {
            return Optional.empty(); // each batch counts once, however often it is sent
        }
        if (already > 0) {
            throw contribution.refused(
                    already + " of its " + batches + " batches are folded already, the others are not");
        }
        FoldedBatches now = contribution.addedTo(folded);
        if (now.beyond().size() > FoldedBatches.MOST_SEQUENCES) {
            throw contribution.refused(
                    "the batches that are missing before it leave more than " + FoldedBatches.MOST_SEQUENCES + " gaps");
        }
        boolean adds = !contribution.isHeldOut() && contribution.refusal() == null;
        KroneckerFactor factor = adds ? folded(contribution) : before(contribution);
        List<Double> scores = List.of();
        boolean ended = contribution.isInput() && isEnded(contribution.statistics());
        if (ended) {
            List<Factor> held = new ArrayList<>(heldOut.get());
            if (contribution.isHeldOut()) {
                held.add(HeldOut.waiting(contribution.statistics(), settings.fit()));
            }
            held = HeldOut.ordered(held);
            scores = HeldOut.scores(factor, held);
            factor = HeldOut.folded(factor, held);
        }
        Factor next = FoldResults.state(settings, contribution, record, factor, now, timestamp);
        StatisticsSelection selection = settings.selection();
        Long expected = next.getBatchesExpected();
        List<String> waitsFor = selection.awaited(MissingShards.of(contribution.statistics(), now, expected), expected);
        FoldResults results = FoldResults.of(contribution, next, factor, isDue(next), waitsFor, recordBytes);
        for (FoldResult result : results.blocks()) {
            result.update().setHeldOutScores(scores);
        }
        return Optional.of(ended ? results.ended() : results);
    }

    /** Whether the block has all batches that the fit takes of its pass, with those of this statistic. */
    private boolean isEnded(Statistics value) {
        Long expected = value.getBatchesExpected() == null && record != null
                ? record.getBatchesExpected()
                : value.getBatchesExpected();
        long batches = value.getBatches() + (record == null ? 0 : record.getBatches());
        String key = Keys.block(value.getRunId(), value.getCheckpoint(), value.getBlock());
        return Objects.equals(batches, settings.selection().batches(key, expected));
    }

    private KroneckerFactor folded(Contribution contribution) {
        KroneckerFactor before = before(contribution);
        try {
            return before.fold(contribution.sums(), contribution.statistics().getForgetting());
        } catch (ArithmeticException e) {
            throw contribution.notFolded(e);
        }
    }

    /** The factor that a contribution continues. */
    private KroneckerFactor before(Contribution contribution) {
        KroneckerFactor before;
        if (record == null) {
            Block block = contribution.blocks().get(0);
            before = KroneckerFactor.empty(
                    RunBlocks.large(block), RunBlocks.small(block), contribution.rank(), settings.compression());
        } else {
            requireRank(contribution);
            before = FactorRecords.factor(record, contribution.rank());
            requireContinued(contribution, before);
        }
        return before;
    }

    /** A run may come again, but not with fewer columns than are kept already: they would have to be dropped. */
    private void requireRank(Contribution contribution) {
        Integer rank = contribution.rank();
        if (rank == null || record.getForm() == FactorForm.FULL) {
            return;
        }
        int columns = record.getLarge().getShape().get(0);
        int dimension = record.getLarge().getShape().get(1);
        int most = record.getCompression() == FactorCompression.FREQUENT_DIRECTIONS
                ? FrequentDirections.most(dimension, rank)
                : rank;
        if (columns > most) {
            throw contribution.refused("the rank is " + rank + " now, and the factors of earlier batches have "
                    + columns + " columns: the rank of a run cannot become smaller; send the run under a new name");
        }
    }

    /** A block is folded one way, alone or always with the same others: else its rows would count twice. */
    private void requireSameBlocks(Contribution contribution, Predicate<String> hasOwnState) {
        List<String> with = contribution.sharedBlocks();
        List<String> before = record == null
                ? with
                : record.getShared().stream().map(SharedInput::getBlock).toList();
        if (!with.equals(before)) {
            throw contribution.refused("it shares its input with " + with + ", earlier batches with " + before);
        }
        for (String block : with) {
            if (hasOwnState.test(block)) {
                throw contribution.refused("it holds block " + block + ", of which earlier batches came alone");
            }
        }
    }

    /** It must have the dimensions of what is there, and belong to a pass of the same length. */
    private void requireContinued(Contribution contribution, KroneckerFactor factor) {
        List<Block> blocks = contribution.blocks();
        int d = RunBlocks.large(blocks.get(0));
        int r = RunBlocks.small(blocks.get(0));
        if (factor.large().dimension() != d || factor.smallDimension() != r) {
            throw contribution.refused("the factors of this checkpoint have dimensions "
                    + factor.large().dimension() + " and " + factor.smallDimension() + ", the run's block " + d
                    + " and " + r);
        }
        for (int i = 1; i < blocks.size(); i++) {
            int found = record.getShared().get(i - 1).getSmall().getShape().get(0);
            int expected = RunBlocks.small(blocks.get(i));
            if (found != expected) {
                throw contribution.refused("the factors of shared block "
                        + blocks.get(i).getName() + " have a small side of dimension " + found + ", the run's block "
                        + expected);
            }
        }
        Long said = record.getBatchesExpected();
        Long says = contribution.statistics().getBatchesExpected();
        if (said != null && says != null && !said.equals(says)) {
            throw contribution.refused("batchesExpected " + says + ", earlier batches of the pass said " + said);
        }
    }

    /** Whether the factors are published after this fold. */
    private boolean isDue(Factor next) {
        long before = record == null ? 0 : record.getBatches();
        String key = Keys.block(next.getRunId(), next.getCheckpoint(), next.getBlock());
        return next.getBatches() / DUE_EVERY > before / DUE_EVERY
                || Objects.equals(next.getBatches(), settings.selection().batches(key, next.getBatchesExpected()));
    }
}
