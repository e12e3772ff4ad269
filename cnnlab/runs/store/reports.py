"""This module keeps what a running run says of itself beside its records: what it is busy with, and how it computes."""

import json
from collections.abc import Mapping
from typing import Any

from cnnlab import logs
from cnnlab.records import Phase
from cnnlab.runs.store.transactions import Connected, progress


class Reports(Connected):
    """A `Reports` is the part of the store to which a run's own process says what it is doing."""

    def say(self, id: str, sentence: str) -> None:
        """Record what a claimed run is busy with before its first step; `start` and `finish` replace the sentence."""
        with self.database.writing() as connection:
            progress(connection, id, message=sentence)

    def tell(self, id: str, phase: Phase) -> None:
        """Record what a running run is doing, and when its result is expected."""
        with self.database.writing() as connection:
            progress(connection, id, phase=phase.model_dump_json())

    def start(
        self, id: str, device: str, environment: Mapping[str, Any], steps_total: int, phase: Phase | None = None
    ) -> None:
        """Record where a claimed run trains, how many steps it has, and when its result is expected."""
        values: dict[str, Any] = {"device": device, "environment": json.dumps(dict(environment))}
        values |= {"steps_total": steps_total, "message": None, "phase": phase and phase.model_dump_json()}
        with self.database.writing() as connection:
            progress(connection, id, **values)
        logs.event("begun", run=id, device=device, steps_total=steps_total)
