"""Memory that one step frees, the next one finds."""

import json
import subprocess
import sys

import pytest

from cnnlab.training.engine.malloc import _glibc

pytestmark = pytest.mark.skipif(_glibc() is None, reason="another C library than glibc: nothing is changed there")

PROGRAM = """
import json, resource, sys
from pathlib import Path
from contextlib import nullcontext
import torch
from cnnlab.training.engine.malloc import keeping_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def held():
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS"))

def step():
    for size in (40_000, 400_000, 4_000_000, 16_000_000):  # of float32: up to 64 MB
        torch.ones(size)

step()
before = held()
with keeping_freed_memory() if sys.argv[1] == "kept" else nullcontext():
    step()
    first = faults()
    for _ in range(10):
        step()
    during = faults() - first
    inside = held()
after = held()
print(json.dumps({"faults": during, "before": before, "inside": inside, "after": after}))
"""


def outcome(way: str) -> dict[str, int]:
    """Page faults of ten steps, and what the process held, kB, around them."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, way], check=True, capture_output=True, text=True)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_steps_take_no_new_pages_and_the_end_gives_all_back() -> None:
    """Ten steps of 80 MB are 160 000 page faults with glibc's own ways, fewer where pages are larger, and none in the block."""
    kept, usual = outcome("kept"), outcome("usual")

    assert kept["faults"] < usual["faults"] / 20
    assert kept["inside"] > kept["before"] + 50_000, "the block holds what the next step will need"
    assert kept["after"] < kept["before"] + 10_000, "afterwards it is the system's again"


MANY = """
import json, sys, threading
from pathlib import Path
import torch
from cnnlab.training.engine.malloc import give_back_freed_memory

def held():
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS"))

if sys.argv[1] == "server":
    give_back_freed_memory()
torch.set_num_threads(1)
torch.ones(10)
before = held()
ready = threading.Barrier(31)

def look():
    for _ in range(3):
        ready.wait(60)
        pieces = [torch.ones(size) for size in (2_000_000, 70_000, 1_000_000, 70_000)]  # of float32: up to 8 MB
        ready.wait(60)
        del pieces
    ready.wait(60)
    ready.wait(60)

threads = [threading.Thread(target=look) for _ in range(30)]
for thread in threads:
    thread.start()
for _ in range(7):
    ready.wait(60)
print(json.dumps(held() - before))
ready.wait(60)
"""


def test_a_server_with_many_threads_gives_back_what_they_freed() -> None:
    """Thirty threads that had 380 MB leave next to nothing; with glibc's own ways the heaps of the threads keep it."""

    def kept(way: str) -> int:
        done = subprocess.run([sys.executable, "-c", MANY, way], check=True, capture_output=True, text=True)
        return int(json.loads(done.stdout))

    assert kept("server") < kept("usual") / 3
