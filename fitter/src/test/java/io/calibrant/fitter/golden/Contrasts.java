package io.calibrant.fitter.golden;

/** Class logits to contrasts, the naive way. */
public final class Contrasts {
    private Contrasts() {}

    public static double[] mean(double[] logits) {
        int last = logits.length - 1;
        double[] y = new double[last];
        for (int c = 0; c < last; c++) {
            y[c] = logits[c] - logits[last];
        }
        return y;
    }

    public static double[][] covariance(double[][] sigma) {
        int last = sigma.length - 1;
        double[][] k = new double[last][last];
        for (int i = 0; i < last; i++) {
            for (int j = 0; j < last; j++) {
                k[i][j] = sigma[i][j] - sigma[i][last] - sigma[last][j] + sigma[last][last];
            }
        }
        return k;
    }
}
