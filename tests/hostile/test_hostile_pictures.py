"""Hostile pictures of every kind that is taken: each is shown rightly or refused in a sentence, within 4 s and 300 MB."""

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.own_picture import keep
from cnnlab.data import images
from cnnlab.data.images import PictureError, _decoder, believed, decode
from cnnlab.files import confined
from tests.hostile.pictures import (
    MARK,
    NAMES,
    QUARTERS,
    Hostile,
    encode,
    forty,
    other_kinds,
    with_chunk,
    with_jpeg_segment,
)

HERE = Path(__file__).resolve().parent
FORTY = {each.name: each for each in [*forty(), *other_kinds()]}
LIMIT_S, LIMIT_BYTES = 4.0, 300_000_000


def measured(data: bytes, folder: Path) -> dict[str, Any]:
    """What the decoder answers to these bytes, and what that takes."""
    path = folder / "picture.upload"
    path.write_bytes(data)
    script = [sys.executable, "-I", "-S", str(HERE / "measured.py"), json.dumps(images.command())]
    done = subprocess.run(script, input=str(path), capture_output=True, text=True, check=True)
    return {**json.loads(done.stdout), "answer": path.with_suffix(".answer").read_bytes()}


@pytest.mark.parametrize("hostile", FORTY.values(), ids=FORTY)
def test_each_is_shown_or_refused_within_its_limits(hostile: Hostile, tmp_path: Path) -> None:
    """The right picture, the right way up, or the right sentence; never more than 4 s of work or 300 MB."""
    taken = measured(hostile.data, tmp_path)

    assert taken["cpu_s"] < LIMIT_S
    assert taken["memory_bytes"] < LIMIT_BYTES
    if not hostile.refused and hostile.shown is None:
        assert taken["code"] in (0, -signal.SIGXCPU)  # it may be either, within its limits
    elif taken["code"]:
        assert (taken["code"], hostile.refused) == (-signal.SIGXCPU, "too long to read")
    elif not hostile.data:
        assert hostile.refused == "empty"  # said without asking the decoder
    elif hostile.refused:
        with pytest.raises(PictureError, match=hostile.refused):
            believed(taken["answer"])
    else:
        picture = believed(taken["answer"]).pixels
        if hostile.shown is not None:
            assert picture.shape == hostile.shown.shape
            assert abs(picture.astype(int) - hostile.shown).mean() < 12


def test_one_that_never_ends_is_cut_off() -> None:
    """Twenty-five megabytes that cost Pillow twelve seconds and more: a sentence, by the limit on processor time.

    Its process is gone and buried, too.
    """
    before = children()
    with pytest.raises(PictureError, match="takes too long to read"):
        decode(FORTY["twenty-five megabytes of 0xFF"].data)
    assert children() <= before


TOLD = {
    "a profile": with_chunk(encode(QUARTERS), b"iCCP", b"p\0\0" + zlib.compress(MARK)),
    "a text": with_chunk(encode(QUARTERS), b"tEXt", b"Author\0" + MARK),
    "a comment": with_jpeg_segment(encode(QUARTERS, "JPEG"), 0xFE, MARK),
    **{name: FORTY[name].data for name in ("EXIF with HTML", "EXIF orientation 6", "a picture that is also a page")},
}


@pytest.mark.parametrize("data", TOLD.values(), ids=TOLD)
def test_nothing_of_the_file_is_kept_but_its_pixels(data: bytes, app_config: AppConfig) -> None:
    """The kept PNG has a header, pixels and an end: no profile, text, place or time, nor what was hidden behind it."""
    keep.add(app_config, data)

    (kept,) = (app_config.home / "pictures").iterdir()
    content = kept.read_bytes()
    assert {kind for kind, _ in chunks(content)} == {b"IHDR", b"IDAT", b"IEND"}
    assert MARK not in content


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The pieces of a PNG; fails where anything stands behind them."""
    at = 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += 12 + length
    assert at == len(content)


def test_names_of_files_are_never_used(app_config: AppConfig) -> None:
    """Whatever a file is called: what is kept is named by its content, in its folder, and nothing else is written."""
    before = set(app_config.home.parent.rglob("*"))
    assert "add(services.app_config(), file.getvalue(), " in Path(keep.__file__).with_name("drawer.py").read_text()
    for name in NAMES:
        keep.add(app_config, FORTY[name].data)

    new = {path for path in app_config.home.parent.rglob("*") if path.is_file()} - before
    assert len(new) == 1
    assert keep.NAME.fullmatch(new.pop().stem)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Beside the decoder's module, isolated as the decoder is."""
    head = f"import sys; sys.path += {[str(Path(_decoder.__file__).parent), images.command()[-1]]!r}; import _decoder\n"
    return subprocess.run([sys.executable, "-I", "-S", "-c", head + code], capture_output=True, text=True, env={})


def test_the_decoder_lives_within_300_mb() -> None:
    """Of address space: no allocation beyond it, no large file, no twenty files, no core, and no way back."""
    done = run_python(
        "import resource, tempfile; _decoder.limit()\n"
        "assert resource.getrlimit(resource.RLIMIT_AS) == (300_000_000, 300_000_000)\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
        "assert resource.getrlimit(resource.RLIMIT_CPU) == (3, 4)\n"
        "try: bytearray(300_000_000)\n"
        "except MemoryError: print('memory')\n"
        "try: [open('/dev/null') for _ in range(20)]\n"
        "except OSError: print('files')\n"
    )
    assert done.stdout.split() == ["memory", "files"], done.stderr


def test_the_decoder_knows_pillow_alone() -> None:
    """Neither numpy nor torch nor any other of the packages is loaded to decode."""
    done = run_python(
        f"assert _decoder.answer({encode(QUARTERS)!r})[4] == 0\n"
        f"assert _decoder.answer({encode(QUARTERS, 'JPEG')!r})[4] == 0\n"
        "print({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'_decoder', '__main__'})"
    )
    assert done.stdout.strip() == "{'PIL'}", done.stderr


def test_secrets_do_not_reach_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment holds no more than a Python needs to start."""
    monkeypatch.setenv("CNNLAB_ACCESS_CODE", "secret")
    show = [sys.executable, "-I", "-c", "import os; print(*os.environ)"]
    monkeypatch.setattr(images, "command", lambda: show)

    assert set(images._answer(b"x").decode().split()) <= {*confined.NEEDED, "LC_CTYPE"}


def test_a_decoder_gone_mad_cannot_flood_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty megabytes of answer no more is read than the largest picture has, and it is refused."""
    flood = [sys.executable, "-I", "-c", "import sys; sys.stdout.buffer.write(b'x' * 50_000_000)"]
    monkeypatch.setattr(images, "command", lambda: flood)
    tracemalloc.start()
    with pytest.raises(PictureError):
        decode(b"x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2 * _decoder.MOST_BYTES + 1_000_000


@pytest.mark.parametrize(("code", "words"), [("os.abort()", "damaged"), ("os.kill(os.getpid(), 9)", "too much memory")])
def test_a_decoder_that_dies_is_a_sentence(monkeypatch: pytest.MonkeyPatch, code: str, words: str) -> None:
    """A crash in Pillow's C code, or the kernel short of memory: this upload ends, and nothing else."""
    monkeypatch.setattr(images, "command", lambda: [sys.executable, "-I", "-c", f"import os; {code}"])
    with pytest.raises(PictureError, match=words):
        decode(b"x")


def test_a_class_waits_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve who upload at once, two are served at a time and all are served; who has waited too long is told."""
    at_work, most, guard = 0, 0, threading.Lock()
    answer = _decoder.answer(encode(QUARTERS))

    def work(data: bytes) -> bytes:
        nonlocal at_work, most
        with guard:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.02)
        with guard:
            at_work -= 1
        return answer

    monkeypatch.setattr(images, "_answer", work)
    seen: list[images.Decoded] = []
    threads = [threading.Thread(target=lambda: seen.append(decode(b"x"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, len(seen)) == (images.AT_ONCE, 12)

    monkeypatch.setattr(images, "MOST_WAIT_S", 0.01)
    with images._turns, images._turns, pytest.raises(PictureError, match="try again in a few seconds"):
        decode(b"x")
    assert decode(b"x").pixels.shape == QUARTERS.shape


def test_no_process_is_left_behind() -> None:
    """Whether shown or refused: nothing runs on, and nothing waits to be buried."""
    before = children()
    for name in ("a palette", "an EPS"):
        try:
            decode(FORTY[name].data)
        except PictureError:
            continue
    assert children() <= before


def children() -> set[str]:
    """Processes that this one has started."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
