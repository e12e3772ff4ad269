"""This module shows moments in the time zone of whoever looks: as text, and as a column of a table."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from cnnlab import formatting
from cnnlab.dashboard.widgets.columns import MOMENT, Column
from cnnlab.runs import Run

UTC = ZoneInfo("UTC")


def zone() -> ZoneInfo:
    """Return the time zone of the visitor's browser; UTC where the browser names none that is known here."""
    with suppress(KeyError, ValueError, OSError):  # a browser may say anything
        return ZoneInfo(st.context.timezone or "UTC")
    return UTC


def moment(when: datetime) -> str:
    """Write a moment in the visitor's time zone: "5 Nov 2026, 14:05 CET"."""
    return formatting.moment(when, zone())


def moments(run: Run) -> str:
    """Write when the run was created, queued, started and ended, in the visitor's time zone."""
    return " · ".join(f"{what} {moment(when)}" for what, when in run.moments.items())


def column(heading: str, moments: Sequence[datetime | None], help: str) -> Column:
    """Return a column of moments in the visitor's time zone, which its help names; it sorts by time."""
    here = str(zone())
    config = st.column_config.DatetimeColumn(
        help=f"{help} Time zone: {here}.", format="D MMM YYYY, HH:mm", timezone=here
    )
    return Column(heading, moments, config, MOMENT)
