"""How long a scrub to the next epoch takes on the server: `python -m benchmarks.inspection.scrubbing [--n 30]`.

Feature maps of a run that keeps all its epochs. The slider goes an epoch on, as a person would, with a pause between; at
the last one comes another picture. Measured by Streamlit's AppTest (the whole script, without network and browser), with
the neighbours computed ahead and without, picture by picture in turns. The weights are random: a picture's way through
them takes as long.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARS_MS = {"SimpleCNN": 100, "VGGishCNN": 300}
EPOCHS = 5


def main() -> None:
    """Fill a store with one run of each architecture, scrub, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=30)
    parser.add_argument("--pause-s", type=float, default=1.5, help="how long a person looks at an epoch")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        from cnnlab.app_config import AppConfig

        data = AppConfig().data
        os.environ["CNNLAB_DATA_DIR"], os.environ["CNNLAB_CONVERTED_DIR"] = str(data.published), str(data.converted)
        os.environ["CNNLAB_HOME"] = home
        import torch

        from benchmarks.crowd import filled
        from benchmarks.machine import machine
        from cnnlab.runs import Store

        torch.set_num_threads(1)  # as in a server
        print(f"{machine()}; n = {asked.n} scrubs each way, {asked.pause_s:g} s apart")
        print(f"{'':10}{'computed ahead: median':>24}{'worst':>12}{'not ahead: median':>20}{'worst':>12}")
        for architecture, bar_ms in BARS_MS.items():
            run = filled.untrained(Store(AppConfig()), architecture, EPOCHS)
            ahead, plain = scrub(run.id, asked.n, asked.pause_s)
            median = statistics.median(ahead)
            numbers = f"{median:21.0f} ms{max(ahead):9.0f} ms{statistics.median(plain):17.0f} ms{max(plain):9.0f} ms"
            verdict = "reached" if median <= bar_ms else "MISSED"
            print(f"{architecture:10}{numbers}   median ≤ {bar_ms} ms: {verdict}", flush=True)


def scrub(run: str, n: int, pause_s: float) -> tuple[list[float], list[float]]:
    """The milliseconds of n scrubs with the neighbours computed ahead, and of n without."""
    from streamlit.testing.v1 import AppTest

    from cnnlab.dashboard.inspect.computing import ahead

    app = AppTest.from_file(str(ROOT / "cnnlab" / "dashboard" / "app" / "router.py"), default_timeout=60)
    app.query_params["run"], app.query_params["epoch"] = run, "0"
    app.switch_page(str(ROOT / "pages" / "feature_maps.py")).run()
    times: dict[bool, list[float]] = {True: [], False: []}
    picture = 0
    while min(len(one) for one in times.values()) < n:
        wanted = picture % 2 == 0
        ahead.AHEAD.end()
        if wanted:
            ahead.AHEAD.begin()
        app.query_params["picture"], app.query_params["epoch"] = f"test:{picture}", "0"
        app.run()
        for epoch in range(1, EPOCHS + 1):
            time.sleep(pause_s)
            started = time.perf_counter()
            app.select_slider(key="looking_epoch").set_value(epoch).run()
            times[wanted].append(1000 * (time.perf_counter() - started))
            assert not [*app.exception, *app.warning, *app.error]
            assert (app.query_params["epoch"], app.query_params["picture"]) == (str(epoch), f"test:{picture}")
        picture += 1
    ahead.AHEAD.end()
    return times[True][:n], times[False][:n]


if __name__ == "__main__":
    main()
