"""A tab on a live run's page, and what it has understood of the run: the curve, the status, whether points were lost."""

import json
import re

from streamlit.proto.BidiComponent_pb2 import BidiComponent
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.dashboard.streamlit_client import Tab

CHART = "cnnlab_live_chart"
BADGE = re.compile(r":\w+-badge\[:material/\w+: (\w+)\]")
STEP = re.compile(r"step ([\d,.\u202f\u00a0 ]+) of ")
EVENTS = "$$STREAMLIT_INTERNAL_KEY_{id}__events"
"""Where Streamlit expects the events of a component of the second kind."""


class Spectator(Tab):
    """It merges the points it is sent as `live_chart/data.js` does, and asks for everything again where some are missing."""

    def __init__(self, url: str, run_id: str) -> None:
        super().__init__(url, "train", f"run={run_id}", self._look)
        self.run_id = run_id
        self.steps: list[int] = []
        """The steps of the curve it has."""
        self.said_step = 0
        """The step that the line under the title says."""
        self.status = ""
        """The newest word of the status badge."""
        self.resyncs = 0

    @property
    def last_step(self) -> int:
        """The newest point of the curve."""
        return self.steps[-1] if self.steps else 0

    def _look(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "bidi_component" and element.bidi_component.component_name == CHART:
            self._merge(element.bidi_component, delta.fragment_id)
        elif kind == "markdown":
            if badge := BADGE.search(element.markdown.body):
                self.status = badge[1]
            if step := STEP.search(element.markdown.body):
                self.said_step = int(re.sub(r"\D", "", step[1]))

    def _merge(self, chart: BidiComponent, fragment: str) -> None:
        data = json.loads(chart.json or chart.mixed.json)
        if data["run"] != self.run_id:
            self.errors.append(f"the chart is of another run: {data['run']}")
            return
        if data["first"] == 0:
            self.steps = []
        if data["first"] > self.last_step:
            self.resyncs += 1
            event = json.dumps([{"event": "resync", "value": data["first"]}])
            self.ask(fragment, [WidgetState(id=EVENTS.format(id=chart.id), json_trigger_value=event)])
            return
        self.steps += [step for step in data["step"] if step > self.last_step]
