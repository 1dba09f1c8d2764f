package io.calibrant.fitter.linalg;

/**
 * The sum of two factors of the same form (method.md section 3): the columns of the one are folded into the other as
 * rows. Nothing in the service merges factors; that it could is a property of the fold.
 */
final class Merged {
    private Merged() {}

    static LargeSide of(LargeSide left, LargeSide right) {
        if (right instanceof Columns columns) {
            return left.fold(columns.stored(), columns.count(), columns.trace(), 1);
        }
        if (right instanceof FrequentDirections directions) {
            Rows rows = directions.stored();
            FrequentDirections sum =
                    (FrequentDirections) left.fold(rows, rows.length() / directions.dimension(), directions.trace(), 1);
            double delta = sum.delta() + directions.delta();
            return new FrequentDirections(sum.dimension(), sum.rank(), sum.stored(), sum.trace(), delta);
        }
        double[] sum = Naive.plus(((FullSum) left).sum(), ((FullSum) right).sum());
        return new FullSum(left.dimension(), sum, left.trace() + right.trace());
    }

    static KroneckerFactor of(KroneckerFactor left, KroneckerFactor right) {
        return new KroneckerFactor(
                of(left.large(), right.large()),
                Naive.plus(left.small(), right.small()),
                left.n() + right.n(),
                left.examples() + right.examples(),
                left.logLikelihood() + right.logLikelihood());
    }
}
