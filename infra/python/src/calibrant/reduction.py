"""Many rows to few with nearly the same R^T R (method.md section 3). m rows, d columns, l = 2k.

What is drawn depends on a seed alone, so that the same rows give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

QUICK = 1
THOROUGH = 2
"""Power steps: one is needed, two are enough."""

_64_BITS = (1 << 64) - 1
# Share of the trace that is added before Cholesky: directions below it are rounding.
_RIDGE = 1e-14


@dataclass(frozen=True)
class FactorRows:
    """R [m, d] of a large side, and the exact sum of the squared norms of all rows before they were reduced, [1]."""

    values: Tensor
    trace: Tensor

    def times(self, factor: Tensor) -> FactorRows:
        """The rows times a number [1]."""
        return FactorRows(self.values * factor.to(self.values), self.trace * factor.to(self.trace) ** 2)


def seed(*parts: object) -> int:
    """63 bits of a SHA-256 over the parts."""
    return _first_bits(parts) >> 1


def uniform(*parts: object) -> float:
    """A number from [0, 1) for the parts: that of the Java trainer, so that both draw the same labels.

    The first one of SplitMix64 (Steele, Lea and Flood 2014) from the first 64 bits of a SHA-256 over them.
    """
    z = (_first_bits(parts) + 0x9E3779B97F4A7C15) & _64_BITS
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _64_BITS
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _64_BITS
    return float((z ^ z >> 31) >> 11) * 2.0**-53


def _first_bits(parts: Sequence[object]) -> int:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(str(part).encode() + b"\0")
    return int.from_bytes(digest.digest()[:8], "big")


def reduce(rows: Tensor, rank: int | None, power_steps: int, drawn: int) -> FactorRows:
    """Rows [m, d] to at most 2k, float32, where they are. None for k reduces nothing.

    Randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4). Nothing is read back to the host.
    """
    rows = rows.detach().float()
    trace = _squares(rows)
    if rank is None or rows.shape[0] <= 2 * rank:
        return FactorRows(rows.clone(), trace)
    if rows.shape[1] <= 2 * rank:
        return FactorRows(_root(rows), trace)
    return FactorRows(_leading(rows[None], trace[None], 2 * rank, power_steps, [drawn])[0], trace)


def reduce_all(blocks: Sequence[Tensor], rank: int | None, power_steps: int, drawn: Sequence[int]) -> list[FactorRows]:
    """The same for blocks whose rows have one shape, device and type: every step is one batched product.

    Of a block what comes out is that of ``reduce``, but for the rounding of the products.
    """
    count, width = blocks[0].shape
    if len(blocks) == 1 or rank is None or min(count, width) <= 2 * rank:
        return [reduce(rows, rank, power_steps, each) for rows, each in zip(blocks, drawn, strict=True)]
    rows = torch.stack([each.detach() for each in blocks]).float()
    traces = _squares(rows)
    values = _leading(rows, traces, 2 * rank, power_steps, drawn)
    return [FactorRows(one, trace) for one, trace in zip(values.unbind(), traces.unbind(), strict=True)]


def _squares(rows: Tensor) -> Tensor:
    squares: Tensor = torch.linalg.vector_norm(rows, dim=(-2, -1), dtype=torch.float64).square()
    return squares


def _leading(rows: Tensor, traces: Tensor, size: int, power_steps: int, drawn: Sequence[int]) -> Tensor:
    """[blocks, l, d] of [blocks, m, d]."""
    # Keeps products of rows as small as a saturated model's within float32; of rows that are all zero nothing comes.
    unit = torch.where(traces > 0, traces.clamp_min(1e-76).rsqrt(), torch.zeros_like(traces)).float()[:, None, None]
    signs = torch.stack([_signs(size, rows.shape[2], each) for each in drawn]).to(rows.device)
    basis = (signs.float() * 2 - 1) * unit @ rows.mT
    for _ in range(power_steps):
        left = basis if power_steps == QUICK else _orthonormal(basis)
        basis = _orthonormal(left @ rows) * unit @ rows.mT
    leading: Tensor = _orthonormal(basis) @ rows
    return leading


def _signs(size: int, width: int, drawn: int) -> Tensor:
    generator = torch.Generator().manual_seed(drawn)
    return torch.randint(0, 2, (size, width), generator=generator, dtype=torch.int8)


def _root(rows: Tensor) -> Tensor:
    """d rows with the same R^T R, exactly."""
    wide = rows.double()
    values, vectors = torch.linalg.eigh(wide.T @ wide)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()).T.float()
    return root


def _orthonormal(rows: Tensor) -> Tensor:
    """An orthonormal basis of what a few long rows span, by Cholesky-QR in double precision (Yamamoto et al. 2015).

    Rows [blocks, l, m] that depend on each other leave rows of nearly no length, which carry nothing.
    """
    wide = rows.double()
    gram = wide @ wide.mT
    square = gram.diagonal(dim1=-2, dim2=-1)
    scale = torch.where(square > 0, square.clamp_min(1e-300).rsqrt(), torch.zeros_like(square))
    gram = gram * scale[:, None, :] * scale[:, :, None]
    gram.diagonal(dim1=-2, dim2=-1).add_(_RIDGE * rows.shape[1])
    root, _ = torch.linalg.cholesky_ex(gram)
    basis: Tensor = torch.linalg.solve_triangular(root, scale.diag_embed(), upper=False) @ wide
    return basis.float()


def stacked(parts: Sequence[FactorRows], rank: int | None, drawn: int) -> FactorRows:
    """Rows of several batches as those of one, at most 2k."""
    if len(parts) == 1:
        return parts[0]
    trace = torch.stack([part.trace for part in parts]).sum()
    values = torch.cat([part.values for part in parts])
    return FactorRows(reduce(values, rank, THOROUGH, drawn).values, trace)
