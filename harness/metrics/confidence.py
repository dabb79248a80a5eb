"""How sure the model was, from three named sources, and its loss on the gold answer."""

import math
from collections.abc import Sequence

from harness.metrics.unscored import Unscored

# A log-softmax in low precision can end a hair above 0.
_ROUNDING = 1e-3


def stated_confidence(confidence: float | None) -> float:
    """The number that the answer states, in [0, 1].

    Raises:
        Unscored: the answer states none, or one outside [0, 1].
    """
    if confidence is None:
        raise Unscored("the answer states no confidence")
    if not 0 <= confidence <= 1:
        raise Unscored(f"the stated confidence {confidence} is outside 0 to 1")
    return confidence


def sequence_confidence(logprobs: Sequence[float] | None) -> float:
    """The exponential of the mean token log-probability, in [0, 1]: the geometric mean of the tokens' probabilities.

    Args:
        logprobs: one natural log per generated token, each at most 0, or None where the provider reports none.

    Raises:
        Unscored: there are none, or one is above 0 or not a number.
    """
    return min(1.0, math.exp(-mean_nll(logprobs)))


def choice_confidence(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Softmax over the options' log-likelihoods: shape (n,), each in [0, 1], summing to 1.

    Args:
        logprobs: the total natural-log likelihood of each option as the answer; -inf is an impossible one.

    Raises:
        Unscored: there is no option, every option is impossible, or one is not a number.
    """
    top = max(logprobs, default=-math.inf)
    if not math.isfinite(top) or any(map(math.isnan, logprobs)):
        raise Unscored("the options' log-likelihoods are empty, all impossible, or no numbers")
    weights = [math.exp(logprob - top) for logprob in logprobs]
    return tuple(weight / sum(weights) for weight in weights)


def mean_nll(logprobs: Sequence[float] | None) -> float:
    """Mean negative log-likelihood in nats per token, at least 0; inf where a token was impossible.

    Raises:
        Unscored: there are no log-probabilities, or one is above 0 or not a number.
    """
    if logprobs is None:
        raise Unscored("the provider reports no token log-probabilities")
    if not logprobs:
        raise Unscored("there are no tokens")
    if not all(logprob <= _ROUNDING for logprob in logprobs):
        raise Unscored("a token log-probability is above 0 or not a number")
    return max(0.0, -math.fsum(logprobs) / len(logprobs))


def loss(reference_nll: float | None) -> float:
    """Mean negative log-likelihood of the gold answer, in nats per token, at least 0; lower is better.

    Raises:
        Unscored: the provider measured none, or it is not finite.
    """
    if reference_nll is None:
        raise Unscored("the provider measured no loss on the gold answer")
    if not math.isfinite(reference_nll):
        raise Unscored(f"the loss on the gold answer is {reference_nll}")
    return max(0.0, reference_nll)
