package io.calibrant.fitter.evidence;

import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;

/** A block's F written out in full, from L and S as stored: no eigenvalue is used. */
final class Dense {
    private Dense() {}

    /**
     * F [r d, r d], index j * d + i of the small side's j and the large side's i: S (x) (L L^T + rho (I - U U^T)) / n.
     */
    static double[] fisher(KroneckerFactor factor) {
        int d = factor.large().dimension();
        int r = factor.smallDimension();
        double[] a = large(factor, d);
        double[] fisher = new double[r * d * r * d];
        for (int x = 0; x < r * d; x++) {
            for (int y = 0; y < r * d; y++) {
                fisher[x * r * d + y] = factor.small()[x / d * r + y / d] * a[x % d * d + y % d] / factor.n();
            }
        }
        return fisher;
    }

    private static double[] large(KroneckerFactor factor, int d) {
        if (factor.large() instanceof FullSum full) {
            return full.sum();
        }
        Columns columns = (Columns) factor.large();
        double[] l = columns.columns();
        double[] norms = new double[columns.count()];
        double kept = 0;
        for (int c = 0; c < l.length; c++) {
            norms[c / d] += l[c] * l[c];
            kept += l[c] * l[c];
        }
        double rho = (columns.trace() - kept) / (d - columns.count());
        double[] a = new double[d * d];
        for (int i = 0; i < d; i++) {
            a[i * d + i] = rho;
            for (int j = 0; j < d; j++) {
                for (int c = 0; c < columns.count(); c++) {
                    a[i * d + j] += l[c * d + i] * l[c * d + j] * (1 - rho / norms[c]);
                }
            }
        }
        return a;
    }
}
