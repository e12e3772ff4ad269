"""Run as a script: what the reader of PyTorch archives answers to each file named on stdin, one process each.

torch is imported once, and each file is then read by a fork, as the reader does after it has imported torch.
"""

import json
import os
import sys
from pathlib import Path

sys.path += sys.argv[1:]

from cnnlab.models.pth import _process

_process.get_ready = (lambda ready: lambda: None)(_process.get_ready())
for line in sys.stdin.read().splitlines():
    path = Path(line)
    if not (child := os.fork()):
        for number, file in ((0, os.open(path, os.O_RDONLY)), (1, os.open(f"{path}.answer", os.O_CREAT | os.O_WRONLY))):
            os.dup2(file, number)
            os.close(file)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        try:
            _process.main()
        except SystemExit as end:
            os._exit(end.code)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    facts = {
        "code": os.waitstatus_to_exitcode(status),
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_bytes": 1024 * usage.ru_maxrss,
    }
    print(json.dumps(facts), flush=True)
