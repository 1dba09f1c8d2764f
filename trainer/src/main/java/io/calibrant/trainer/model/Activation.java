package io.calibrant.trainer.model;

import java.util.Optional;

/** What the gate of a feed-forward network passes through. */
public enum Activation {
    /** x sigmoid(x). */
    SILU,
    /** x Phi(x), Phi being the distribution function of a standard normal. */
    GELU,
    /** Its approximation by tanh: x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)). */
    GELU_TANH;

    /** The names that are read, for messages. */
    static final String ACCEPTED = "one of silu, swish, gelu, gelu_pytorch_tanh, gelu_new";

    /** The one that transformers calls so; empty for others. */
    static Optional<Activation> of(String name) {
        return switch (name) {
            case "silu", "swish" -> Optional.of(SILU);
            case "gelu" -> Optional.of(GELU);
            case "gelu_pytorch_tanh", "gelu_new" -> Optional.of(GELU_TANH);
            default -> Optional.empty();
        };
    }
}
