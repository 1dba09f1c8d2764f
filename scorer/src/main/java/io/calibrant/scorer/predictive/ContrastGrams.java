package io.calibrant.scorer.predictive;

/**
 * Sums over blocks of J (F + lambda I)^-1 J^T (the posterior's) and J J^T / lambda (the prior's) for the contrasts of
 * every question of a batch, in double precision.
 */
final class ContrastGrams {
    private final int contrasts;
    private final double[][] posterior;
    private final double[][] prior;

    /**
     * Zero sums.
     *
     * @param questions B
     * @param contrasts the most contrasts of a question of the batch; a question with fewer has zeros after its own
     */
    ContrastGrams(int questions, int contrasts) {
        this.contrasts = contrasts;
        this.posterior = new double[questions][contrasts * contrasts];
        this.prior = new double[questions][contrasts * contrasts];
    }

    /**
     * Adds one block.
     *
     * @param products [B, 2 S, 2 S] row-major, S contrasts: first the inner products of the Jacobians' components, then
     *     (rows and columns S on) those of the components over the square root of their posterior precision; what lies
     *     between is not read
     * @param lambda the block's prior precision
     */
    void add(double[] products, double lambda) {
        int width = 2 * contrasts;
        for (int b = 0; b < posterior.length; b++) {
            for (int i = 0; i < contrasts; i++) {
                for (int j = 0; j < contrasts; j++) {
                    int at = (b * width + i) * width + j;
                    prior[b][i * contrasts + j] += products[at] / lambda;
                    posterior[b][i * contrasts + j] += products[at + contrasts * width + contrasts];
                }
            }
        }
    }

    /**
     * What the sums say of one question.
     *
     * @param question index in the batch
     * @param mean its contrasts [C - 1]
     * @throws ArithmeticException if the covariance is not finite
     */
    Predictive predictive(int question, double[] mean) {
        int active = mean.length;
        double[][] covariance = new double[active][active];
        for (int i = 0; i < active; i++) {
            for (int j = 0; j < active; j++) {
                covariance[i][j] =
                        0.5 * (posterior[question][i * contrasts + j] + posterior[question][j * contrasts + i]);
                if (!Double.isFinite(covariance[i][j])) {
                    throw new ArithmeticException("the predictive covariance is " + covariance[i][j]);
                }
            }
        }
        double explained = centredTrace(posterior[question], active);
        double all = centredTrace(prior[question], active);
        // A question without any gradient has no variance to explain: as the prior left it.
        double novelty = all > 0 ? Math.max(Double.MIN_NORMAL, Math.min(1, explained / all)) : 1;
        return new Predictive(mean, covariance, novelty);
    }

    /**
     * The trace of the covariance of the C logits centred over the classes, from that of the contrasts: with a zero row
     * for the reference class, tr(H K H) = tr K - 1^T K 1 / C. The same whichever class is the reference.
     */
    private double centredTrace(double[] gram, int active) {
        double trace = 0;
        double all = 0;
        for (int i = 0; i < active; i++) {
            trace += gram[i * contrasts + i];
            for (int j = 0; j < active; j++) {
                all += gram[i * contrasts + j];
            }
        }
        return trace - all / (active + 1);
    }
}
