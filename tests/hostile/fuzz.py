"""Minutes of damaged and invented pictures through the decoder: python -m tests.hostile.fuzz --minutes 10

Each is decoded in a process as an upload is. What is neither shown nor refused in a sentence, or takes more than 4 s or
300 MB, is written to the folder given with --keep, to become a test.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from cnnlab.data import images
from cnnlab.data.images import PictureError, believed
from tests.hostile.pictures import QUARTERS, chunk, encode, forty

BATCH = 50
MEASURED = Path(__file__).with_name("measured.py")


def seeds() -> list[bytes]:
    """Sound files of every kind that is taken, and the forty hostile ones that are small."""
    modes = ("1", "L", "LA", "P", "RGB", "RGBA")
    sound = [encode(Image.fromarray(QUARTERS).convert(mode)) for mode in modes]
    sound += [
        encode(QUARTERS, "JPEG", progressive=p, quality=q, subsampling=s)
        for p in (0, 1)
        for q in (30, 95)
        for s in (0, 2)
    ]
    sound.append(encode(Image.fromarray(QUARTERS).convert("CMYK"), "JPEG"))
    sound.append(encode(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8), "JPEG"))
    return sound + [each.data for each in forty() if 0 < len(each.data) < 100_000]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """A few of: bytes flipped, cut, doubled, lengths falsified, pieces put in, two files spliced."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                changed[at : at + 4] = chance.choice(
                    [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"]
                )
            case 2:
                del changed[at : at + chance.randint(1, 64)]
            case 3:
                changed[at:at] = changed[at : at + chance.randint(1, 256)] * chance.randint(1, 40)
            case 4:
                kind = chance.choice([b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"eXIf", b"fdAT", b"IHDR"])
                changed[at:at] = chunk(kind, chance.randbytes(chance.randint(0, 40)))
            case 5:
                changed[at:at] = (
                    b"\xff"
                    + chance.choice([b"\xc0", b"\xc2", b"\xc4", b"\xda", b"\xdb", b"\xe1"])
                    + chance.randbytes(20)
                )
    return bytes(changed)


def judge(taken: dict, answer: bytes) -> str:
    """What became of it; a word in capitals is a fault."""
    if taken["cpu_s"] > 3 or taken["memory_bytes"] > 300_000_000:
        return "OVER ITS LIMITS"
    if taken["code"] == -24:
        return "too slow"
    if taken["code"]:
        return f"ENDED WITH {taken['code']}"
    try:
        believed(answer)
    except PictureError as fault:
        return str(fault).split(":")[0]
    return "shown"


def main() -> int:
    """Exit code 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    chance, end, known = random.Random(options.seed), time.monotonic() + 60 * options.minutes, seeds()
    found: Counter[str] = Counter()
    slowest = largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            paths = [Path(folder, f"{number}.upload") for number in range(BATCH)]
            for path in paths:
                path.write_bytes(mutate(chance.choice(known), chance))
            command = [sys.executable, "-I", "-S", str(MEASURED), json.dumps(images.command())]
            done = subprocess.run(command, input="\n".join(map(str, paths)), capture_output=True, text=True, check=True)
            for path, line in zip(paths, done.stdout.splitlines(), strict=True):
                taken = json.loads(line)
                word = judge(taken, path.with_suffix(".answer").read_bytes())
                found[word] += 1
                slowest, largest = max(slowest, taken["cpu_s"]), max(largest, taken["memory_bytes"])
                if word.isupper():
                    options.keep.mkdir(exist_ok=True)
                    (options.keep / f"{options.seed}-{found.total()}.upload").write_bytes(path.read_bytes())
    print(f"{found.total()} pictures, the slowest {slowest:.2f} s of work, the largest {largest / 1e6:.0f} MB")
    for word, times in found.most_common():
        print(f"{times:8}  {word}")
    return int(any(word.isupper() for word in found))


if __name__ == "__main__":
    sys.exit(main())
