"""Text, letter by letter: encoding, streams to train on, bits per letter, and writing.

A network that writes reads one letter and answers with K numbers, one for each letter of the
alphabet; their softmax is its probability that this letter comes next. Its parameters are those
of `lstm.network`, with input size and output size K.

A text is treated as a ring (`streams`): b readers, evenly spaced, go round it for ever, and each
batch moves all of them n letters on. A reader's state at the end of one batch is its state
at the beginning of the next, so that what was read long ago can matter although gradients go back
through n letters only. This is truncated backpropagation through time; ``carry`` of
`lstm.train.fit` does it.

Source: Graves, Generating Sequences With Recurrent Neural Networks (2013).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import network
from .arguments import ArrayLike, as_array
from .settings import Rng, check_float, check_real, check_rng, check_shape, check_size
from .tasks import Batch

__all__ = ["ALPHABET", "Writer", "bits", "decode", "encode", "probabilities", "sample", "streams"]

ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
"""The letters unless others are given, the 95 of ASCII that can be printed and the line's end.

:meta hide-value:
"""


def encode(text: str, alphabet: str = ALPHABET) -> NDArray[np.intp]:
    """Turn letters into indices into the alphabet.

    Args:
        text: The letters to encode.
        alphabet: All letters, each once.

    Returns:
        numpy.ndarray: Integers from 0 to K - 1, shape (len(text),).

    Raises:
        TypeError: If an argument is not a string.
        ValueError: If a letter is not in the alphabet, or is in it twice.

    Example:
        >>> encode("cab", "abc")
        array([2, 0, 1])
        >>> encode("cafe\u0301", "acef")
        Traceback (most recent call last):
            ...
        ValueError: text: expected letters of the alphabet, got '\u0301' at place 4
    """
    place = _places(alphabet)
    if not isinstance(text, str):
        raise TypeError(f"text: expected a string, got a {type(text).__name__}")
    try:
        return np.array([place[letter] for letter in text], np.intp)
    except KeyError as error:
        letter = error.args[0]
        at = text.index(letter)
        raise ValueError(
            f"text: expected letters of the alphabet, got {letter!r} at place {at}"
        ) from None


def decode(symbols: ArrayLike, alphabet: str = ALPHABET) -> str:
    """Turn indices into the alphabet back into letters.

    Args:
        symbols: Integers from 0 to K - 1, shape (n,).
        alphabet: All letters that there are, each once.

    Returns:
        str: n letters.

    Raises:
        TypeError: If the symbols are not integers.
        ValueError: If an index is out of range, or they do not have one axis.

    Example:
        >>> decode([2, 0, 1], "abc")
        'cab'
    """
    _places(alphabet)
    return "".join(alphabet[k] for k in _symbols(symbols, len(alphabet)))


def streams(
    symbols: ArrayLike, n: int, batch: int, K: int = len(ALPHABET), *,
    dtype: DTypeLike = np.float32,
) -> Iterator[Batch]:  # fmt: skip
    """Read a text with several readers at once, piece after piece, for ever.

    Args:
        symbols: The text as `encode` gives it, shape (length,).
        n: The number of letters that each reader reads in a batch.
        batch: The number of readers, b; reader k starts at index k * length // b.
        K: The number of letters in the alphabet.
        dtype: The dtype of the arrays: float32 or float64.

    Yields:
        Batch: X (n, b, K), the letters read, as ones among zeros; Y (n, b, K), the letters after
        them; where (n, b), all True; lengths (b,), all n. The next batch continues where this one
        ends; after the text's last letter comes its first.

    Raises:
        TypeError: If a size or symbol is not an integer, or the dtype is wrong.
        ValueError: If a size is below 1, a symbol is not below K, or there are fewer letters
            than readers.

    Example:
        >>> pieces = streams(encode("abcdef", "abcdef"), n=2, batch=3, K=6)
        >>> first, second = next(pieces), next(pieces)
        >>> [decode(column, "abcdef") for column in first.X.argmax(axis=-1).T]
        ['ab', 'cd', 'ef']
        >>> [decode(column, "abcdef") for column in second.X.argmax(axis=-1).T]
        ['cd', 'ef', 'ab']
    """
    n, batch = check_size("n", n, 1), check_size("batch", batch, 1)
    ring = _symbols(symbols, check_size("K", K, 1))
    if len(ring) < batch:
        raise ValueError(
            f"symbols: expected at least one for each of {batch} readers, got {len(ring)}"
        )
    check_shape("n, batch, K", n, batch, K)
    letters = np.eye(*check_shape("K", K, K), dtype=check_float("dtype", dtype))

    def pieces() -> Iterator[Batch]:
        place = np.arange(batch) * len(ring) // batch + np.arange(n + 1)[:, None]
        while True:
            read = letters[ring[place % len(ring)]]
            yield Batch(read[:-1], read[1:], np.ones((n, batch), bool), np.full(batch, n))
            place = place + n

    return pieces()


def probabilities(answers: ArrayLike, *, temperature: float = 1.0, top: int | None = None) -> Any:
    """Turn the network's answers into probabilities of the next letter.

    Args:
        answers: The network's answers, shape (..., K).
        temperature: A number to divide the
            answers by: below 1 the likely letters become more likely, above 1 less.
        top: Keep only this many letters, the most likely ones, and those as likely as the last of
            them; None for all.

    Returns:
        numpy.ndarray: float64, shape (..., K); each row adds up to 1.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there is no letter, the temperature is not positive, or ``top`` is below 1.

    Example:
        >>> probabilities([0.0, 0.0, np.log(2)]).round(4)
        array([0.25, 0.25, 0.5 ])
        >>> probabilities([0.0, 0.0, np.log(2)], temperature=0.5).round(4)
        array([0.1667, 0.1667, 0.6667])
        >>> probabilities([0.0, 0.0, np.log(2)], top=1)
        array([0., 0., 1.])
    """
    given = as_array("answers", answers)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"answers: expected real numbers, got dtype {given.dtype}")
    if not given.ndim or not given.shape[-1]:
        raise ValueError(f"answers: expected shape (..., K) with K >= 1, got {given.shape}")
    z = given.astype(float)
    temperature = check_real("temperature", temperature)
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature: expected a positive number, got {temperature}")
    if top is not None and check_size("top", top, 1) < z.shape[-1]:
        z = np.where(z >= np.sort(z)[..., -top, None], z, -np.inf)
    with np.errstate(under="ignore", over="ignore"):
        powers = np.exp((z - z.max(axis=-1, keepdims=True)) / temperature)  # (eq-softmax)
    return powers / powers.sum(axis=-1, keepdims=True)


def bits(params: network.Params, symbols: ArrayLike, *, piece: int = 1000) -> NDArray[Any]:
    """Return how many bits each letter of a text costs a network, -log2 of its probability.

    The text is read once, starting from zero states. The mean is the bits per letter.

    Args:
        params: As from `lstm.network.init`, with D = K.
        symbols: The text as `encode` gives it, shape (length,), or several texts of one length
            that are read side by side, (length, b).
        piece: The number of letters to read at once, which changes only the memory needed.

    Returns:
        numpy.ndarray: float64, shape (length - 1,) or (length - 1, b): the bits of each letter
        except the first, before which there is nothing.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a shape does not fit, or there are fewer than two letters.

    Example:
        >>> params = network.init(3, 8, 3, rng=0)
        >>> params["WOUT"][:] = 0                       # one letter is as likely as another
        >>> bits(params, encode("abacab", "abc")).round(3)
        array([1.585, 1.585, 1.585, 1.585, 1.585])
    """
    params, piece = network.check_params(params), check_size("piece", piece, 1)
    K, dtype = params["WOUT"].shape[1], params["WOUT"].dtype
    array = as_array("symbols", symbols)
    read = _symbols(array.ravel(), K).reshape(array.shape)
    if read.ndim not in (1, 2) or len(read) < 2:
        raise ValueError(
            f"symbols: expected shape (length,) or (length, b) with 2 letters or more, "
            f"got {array.shape}"
        )
    side_by_side = read.reshape(len(read), -1)
    letters, cost = np.eye(K, dtype=dtype), np.zeros((len(read) - 1, side_by_side.shape[1]))
    c = h = None
    for start in range(0, len(cost), piece):
        come = side_by_side[start + 1 : start + piece + 1]
        X = letters[side_by_side[start : start + len(come)]]
        answers, c, h, _ = network.forward(params, X, c0=c, h0=h)
        z = np.asarray(answers, float)
        z = z - z.max(axis=-1, keepdims=True)
        with np.errstate(under="ignore"):
            total = np.exp(z).sum(axis=-1)
        came = np.take_along_axis(z, come[..., None], axis=-1)[..., 0]
        # -log2 p, in which p itself may be too small for a number
        cost[start : start + piece] = (np.log(total) - came) / np.log(2)  # (eq-bits)
    return cost.reshape(len(read) - 1, *read.shape[1:])


class Writer(NamedTuple):
    """A network in the middle of a text: its states hold what it has read. See `read`.

    Attributes:
        params: The network's parameters.
        alphabet: Its letters.
        answers: Its answers for the next letter, shape (K,); None if it has not read anything.
        c: Its cell states, as `lstm.network.forward` returns them.
        h: Its outputs, in the same form.
    """

    params: network.Params
    alphabet: str = ALPHABET
    answers: NDArray[Any] | None = None
    c: Any = None
    h: Any = None

    @property
    def expected(self) -> NDArray[Any]:
        """Return the answers of a writer, which must have read something."""
        if self.answers is None:
            raise ValueError("answers: expected a writer that has read something: call read first")
        return self.answers

    def read(self, text: str) -> "Writer":
        """Read some letters, and return a writer that has read them.

        Args:
            text: Letters of the alphabet; at least one.

        Returns:
            Writer: The same network, further on in its text. The writer it was called on is
                unchanged.

        Raises:
            TypeError: If ``text`` is not a string, or the parameters are not valid.
            ValueError: If a letter is not in the alphabet, or the alphabet does not have K letters.

        Example:
            >>> first = Writer(network.init(3, 8, 3, rng=0), "abc").read("ab")
            >>> bool((first.read("ca").answers == first.read("c").read("a").answers).all())
            True
        """
        symbols = encode(text, self.alphabet)
        if not len(symbols):
            raise ValueError("text: expected at least one letter, got none")
        params = network.check_params(self.params)
        K = len(self.alphabet)
        if params["WOUT"].shape[1] != K:
            raise ValueError(
                f"alphabet: expected K = {params['WOUT'].shape[1]} letters, as there are "
                f"answers, got {K}"
            )
        X = np.eye(K, dtype=params["WOUT"].dtype)[symbols][:, None]
        answers, c, h, _ = network.forward(params, X, c0=self.c, h0=self.h)
        return self._replace(answers=answers[-1, 0], c=c, h=h)


def sample(
    params: network.Params,
    beginning: str,
    length: int,
    *,
    temperature: float = 1.0,
    top: int | None = None,
    rng: Rng | Sequence[float] = None,
    alphabet: str = ALPHABET,
) -> str:
    """Let a network continue a text.

    Each letter uses one random number u from [0, 1): it is the first letter of the alphabet at
    which the cumulative probability exceeds u.

    Args:
        params: As from `lstm.network.init`, with D = K.
        beginning: The text that the network reads first, at least one letter.
        length: The number of letters to write.
        temperature: A number to divide the answers by; see `probabilities`.
        top: Keep only this many letters, the most likely ones; None for all.
        rng: A random generator, a seed for one, None for a new one, or a list of ``length``
            random numbers.
        alphabet: The K letters.

    Returns:
        str: The letters written, without the beginning.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a letter is not in the alphabet, or there are too few random numbers or one
            is outside [0, 1).

    Example:
        >>> params = network.init(3, 8, 3, rng=0)
        >>> sample(params, "ab", 8, rng=1, alphabet="abc")
        'bcacaaca'
        >>> sample(params, "ab", 8, top=1, alphabet="abc")      # always the likeliest
        'aaaaaaaa'
    """
    length = check_size("length", length, 0)
    check_shape("length", length)
    numbers = _numbers(rng, length)
    writer, written = Writer(params, alphabet).read(beginning), ""
    for u in numbers:
        p = probabilities(writer.expected, temperature=temperature, top=top)
        reached = np.cumsum(p)
        written += alphabet[int(np.argmax(reached > u * reached[-1]))]
        writer = writer.read(written[-1])
    return written


def _places(alphabet: Any) -> dict[str, int]:
    """The place of each letter."""
    if not isinstance(alphabet, str):
        raise TypeError(f"alphabet: expected a string, got a {type(alphabet).__name__}")
    place = {letter: k for k, letter in enumerate(alphabet)}
    if not alphabet or len(place) < len(alphabet):
        twice = next((letter for letter in place if alphabet.count(letter) > 1), None)
        got = "none" if twice is None else f"{twice!r} more than once"
        raise ValueError(f"alphabet: expected letters, each once, got {got}")
    return place


def _symbols(symbols: Any, K: int) -> NDArray[np.intp]:
    """Places in an alphabet of K letters."""
    array = as_array("symbols", symbols)
    if array.dtype.kind not in "iu" and array.shape != (0,):
        raise TypeError(f"symbols: expected integers, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"symbols: expected shape (length,), got {array.shape}")
    if array.size and (array.min() < 0 or array.max() >= K):
        wrong = array.min() if array.min() < 0 else array.max()
        raise ValueError(f"symbols: expected integers from 0 to K - 1 = {K - 1}, got {wrong}")
    return array.astype(np.intp)


def _numbers(rng: Any, length: int) -> NDArray[Any]:
    """One random number for each letter."""
    if not isinstance(rng, (list, tuple, np.ndarray)):
        return check_rng(rng).random(length)
    numbers = as_array("rng", rng)
    if numbers.dtype.kind not in "fiu":
        raise TypeError(f"rng: expected numbers, got dtype {numbers.dtype}")
    outside = numbers[~((numbers >= 0) & (numbers < 1))]  # nan is outside, too
    if numbers.shape != (length,) or outside.size:
        got = outside[0] if numbers.shape == (length,) else f"shape {numbers.shape}"
        raise ValueError(
            f"rng: expected {length} numbers from 0 to below 1, one for each letter, got {got}"
        )
    return numbers
