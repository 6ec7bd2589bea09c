"""Latency of translation while the source is read, in source words."""

from collections.abc import Sequence


def average_lagging(delays: Sequence[int], source_length: int, target_length: int | None = None) -> float:
    """Return the average lagging AL of one text, in source words; NaN for an empty one (Ma et al. 2019, "STACL").

    AL = 1/tau sum_{t=1}^{tau} (g(t) - (t - 1) / r), r = |y| / |x|, with g(t) = delays[t - 1] the source words read when
    word t was written, |x| = source_length, |y| = `target_length` (default: the words of the text itself), and tau the
    first t with g(t) = |x|, or the last word. SimulEval divides by the length of the reference instead.
    """
    if not delays:
        return float("nan")
    length = len(delays) if target_length is None else target_length
    last = next((t for t, read in enumerate(delays, 1) if read >= source_length), len(delays))
    return sum(read - t * source_length / length for t, read in enumerate(delays[:last])) / last


def length_adaptive_average_lagging(delays: Sequence[int], source_length: int, reference_length: int) -> float:
    """Return LAAL of one text (Papi et al. 2022, "Over-Generation Cannot Be Rewarded"; Polak et al. 2022, "CUNI-KIT
    System"): AL whose |y| is the larger of the lengths of text and reference, so that a text longer than its reference
    gains nothing."""
    return average_lagging(delays, source_length, max(len(delays), reference_length))
