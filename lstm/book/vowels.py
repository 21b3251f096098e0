"""Nine speakers, two vowels: the data of chapter 11.

Nine men said /a/ and /e/ in succession. Each step is a frame of 25.6 ms, one every 6.4 ms,
described by 12 coefficients of its LPC cepstrum; the sequences have 7 to 29 steps. Of the 640
utterances 270, thirty from each man, are there to train on; 370, recorded on other occasions, are
there to test on.

Source: Kudo, Toyama and Shimbo, Multidimensional Curve Classification Using Passing-Through
Regions, Pattern Recognition Letters 20 (1999). ``book/data/vowels.py`` says where the file is from.
"""

import os
import zipfile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..masks import pad
from ..tasks import Batch

__all__ = ["SPEAKERS", "Utterances", "Vowels", "decibels", "load", "standard"]

SPEAKERS = 9
"""How many men speak."""

RATE = 10_000
"""Samples a second."""


class Utterances(NamedTuple):
    """Some utterances, padded to the longest.

    Attributes:
        X: Coefficients, shape (n, b, 12), float32; zeros after an utterance's end.
        lengths: Steps of each utterance, shape (b,).
        speakers: Who speaks, from 0 to 8, shape (b,).
    """

    X: NDArray[np.float32]
    lengths: NDArray[np.intp]
    speakers: NDArray[np.intp]

    def batch(self, which: Any = slice(None)) -> Batch:
        """Some of them as a batch for `lstm.train` with ``last=True``: one answer for each.

        Args:
            which: Their indices, or a slice; all if left out.

        Returns:
            Batch: X (n, b, 12), n being the longest of them; Y (b, 9), the speaker as a one
            among zeros; where (b,), True; lengths (b,).
        """
        lengths = self.lengths[which]
        Y = np.eye(SPEAKERS, dtype=np.float32)[self.speakers[which]]
        return Batch(self.X[: lengths.max(), which], Y, np.full(len(Y), True), lengths)


class Vowels(NamedTuple):
    """All utterances, in the authors' own division.

    Attributes:
        training: 270, thirty of each speaker.
        test: 370, from 24 to 88 of each speaker.
    """

    training: Utterances
    test: Utterances


def load(path: str | os.PathLike[str]) -> Vowels:
    """Read the file that ``book/data/vowels.py`` writes.

    Args:
        path: Where it is.

    Returns:
        Vowels: The named tuple (training, test).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or of another kind.

    Example:
        >>> load("vowels.npz")
        Traceback (most recent call last):
            ...
        FileNotFoundError: vowels.npz: expected a file, found none: see book/data/vowels.npz
    """
    wanted = {"frames", "lengths", "speakers", "parts"}
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: expected a file, found none: see book/data/vowels.npz")
    try:
        with open(path, "rb") as source, np.load(source, allow_pickle=False) as file:
            found = {name: file[name] for name in wanted & set(file.files)}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{path}: expected an .npz file, got {error}") from error
    if found.keys() != wanted:
        missing = ", ".join(sorted(wanted - found.keys()))
        raise ValueError(f"{path}: expected the arrays of the nine speakers, found no {missing}")
    frames, lengths, speakers = found["frames"], found["lengths"], found["speakers"]
    counts = (len(lengths), int(lengths.sum()), int(found["parts"].sum()))
    expected = (len(speakers), len(frames), len(speakers))
    if counts != expected or frames.shape[1:] != (12,) or not np.isfinite(frames).all():
        raise ValueError(
            f"{path}: expected (utterances, steps, in both parts) = {expected} and 12 finite "
            f"coefficients a step, got {counts} and frames of shape {frames.shape}"
        )
    if not (speakers < SPEAKERS).all():
        raise ValueError(f"{path}: expected speakers from 0 to 8, got {speakers.max()}")
    pieces = np.split(frames, np.cumsum(lengths[:-1], dtype=int))
    first = int(found["parts"][0])

    def part(which: slice) -> Utterances:
        X, steps = pad(pieces[which])
        return Utterances(X, steps, speakers[which].astype(np.intp))

    return Vowels(part(slice(first)), part(slice(first, None)))


def standard(of: Utterances, by: Utterances, which: Any = slice(None)) -> Utterances:
    """Coefficients less their means, over their spreads.

    Args:
        of: What to scale.
        by: Utterances whose steps give the mean and the spread of each coefficient: those that are
            trained on.
        which: Indices of those among them that count; all if left out.

    Returns:
        Utterances: As ``of``, with other X; zeros after an utterance's end, as before.

    Example:
        >>> X = np.array([[[1.0]], [[3.0]]], np.float32)
        >>> one = Utterances(X, np.array([2]), np.array([0]))
        >>> standard(one, one).X.ravel()
        array([-1.,  1.], dtype=float32)
    """
    X, lengths = by.X[:, which], by.lengths[which]
    steps = X[np.arange(len(X))[:, None] < lengths]
    inside = (np.arange(len(of.X))[:, None] < of.lengths)[..., None]
    return of._replace(X=np.where(inside, (of.X - steps.mean(axis=0)) / steps.std(axis=0), 0))


def decibels(c: NDArray[Any], hertz: NDArray[Any]) -> NDArray[Any]:
    """The spectral envelope that cepstral coefficients describe.

    The model behind a frame is a filter 1/A(z) whose logarithm is the sum of c_k z^-k. On the unit
    circle its real part, the logarithm of the magnitude, is the sum of c_k cos(k w).

    Args:
        c: Coefficients 1 to K, shape (..., K).
        hertz: Frequencies, shape (m,), up to 5,000.

    Returns:
        numpy.ndarray: Decibels, up to a constant, shape (..., m).

    Example:
        >>> decibels(np.array([1.0, 0.0]), np.array([0.0, 2500.0, 5000.0])).round(2)
        array([ 8.69,  0.  , -8.69])
    """
    k = np.arange(1, c.shape[-1] + 1)[:, None]
    return np.asarray(20 / np.log(10) * c @ np.cos(2 * np.pi * hertz / RATE * k))
