package io.calibrant.fitter.topology;

/**
 * How many partitions the inputs have.
 *
 * @param statistics of topic statistics; what is made of them has as many
 * @param questions of the topics answers and labels
 */
public record InputPartitions(int statistics, int questions) {}
