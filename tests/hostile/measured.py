"""Run as a script: a command once for each file given on stdin; prints what each took.

In a small process of its own: Linux counts a parent's memory as its child's peak until the child has replaced it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

command = json.loads(sys.argv[1])
for line in sys.stdin.read().splitlines():
    path = Path(line)
    with path.open("rb") as given, path.with_suffix(".answer").open("wb") as said:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdin=given, stdout=said, stderr=subprocess.DEVNULL, env={})
        _, status, usage = os.wait4(process.pid, 0)
    facts = {
        "code": os.waitstatus_to_exitcode(status),
        "wall_s": time.monotonic() - begin,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_bytes": 1024 * usage.ru_maxrss,
    }
    print(json.dumps(facts), flush=True)
