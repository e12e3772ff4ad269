"""This module is the command `logs`: what happened to a run, from the logs of every process that had to do with it."""

import json

from cnnlab import logs
from cnnlab.cli._common import OneRun, Reporting, open_store

_ALWAYS = ("time", "level", "event", "run", "pid", "traceback", "stacks")


class Logs(OneRun, Reporting):
    """Show what happened to a run: when it was queued, claimed, interrupted, and by which process."""

    def cli_cmd(self) -> None:
        """Print the log lines of the run."""
        store = open_store()
        lines = logs.read(store.app_config.home, self.found(store).id)
        for line in lines:
            if self.as_json:
                print(json.dumps(line, ensure_ascii=False))
                continue
            facts = ", ".join(
                f"{name} {value}" for name, value in line.items() if name not in _ALWAYS and value is not None
            )
            print(f"{line.get('time')}  process {line.get('pid')}  {line.get('event')}{f': {facts}' if facts else ''}")
            for text in (line.get("traceback"), line.get("stacks")):
                if text:
                    print(text)
        if not lines and not self.as_json:
            print(f"The logs in {logs.folder_of(store.app_config.home)} no longer say anything about this run.")
