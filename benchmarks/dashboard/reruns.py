"""How long each page takes on the server: `python -m benchmarks.dashboard.reruns [--runs 100] [--n 20]`.

A store of its own with that many runs of 10 epochs, the newest hundred with 7,820 steps each (no list reads those of the
others), the newest of them really trained (on `shapes`), so that the pages that look inside have something to show.
Measured by Streamlit's AppTest: the whole script, without network and browser.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WITH_STEPS = 100
PAGES = ("home", "train", "compare", "data", "kernels", "feature_maps", "predictions")


def main() -> None:
    """Fill the store, open each page, rerun it n times, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--n", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        from cnnlab.app_config import AppConfig

        data = AppConfig().data
        os.environ["CNNLAB_DATA_DIR"], os.environ["CNNLAB_CONVERTED_DIR"] = str(data.published), str(data.converted)
        os.environ["CNNLAB_HOME"] = home
        newest = fill(asked.runs)
        from benchmarks.machine import machine

        print(f"{machine()}; {asked.runs} runs in the store; n = {asked.n} reruns a page")
        print(f"{'page':32}{'first':>10}{'median':>10}{'worst':>10}")
        for page in PAGES:
            report(page, {}, asked.n)
        for page in ("train", "kernels", "feature_maps"):
            report(page, {"run": newest}, asked.n)
        for view in ("confusion", "each_class", "mistakes", "over_epochs", "reliability"):
            report("predictions", {"run": newest, "view": view}, asked.n)


def fill(runs: int) -> str:
    """That many runs; returns the id of the newest."""
    from benchmarks.crowd import filled
    from cnnlab import worker
    from cnnlab.app_config import AppConfig
    from cnnlab.models import complete
    from cnnlab.runs import Store
    from cnnlab.schema import TrainingConfig

    store = Store(AppConfig())
    filled.fill(store, runs - 1, WITH_STEPS)
    store.create(complete(TrainingConfig(dataset="shapes", epochs=3, train_subset=3000, validation_size=500)))
    run = store.claim()
    assert run is not None
    return worker.work(store, store.app_config, run).id


def report(page: str, query: dict[str, str], n: int) -> None:
    """One line of the table."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "cnnlab" / "dashboard" / "app" / "router.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    times = []
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    for _ in range(n + 1):
        started = time.perf_counter()
        app.run()
        times.append(1000 * (time.perf_counter() - started))
        assert not app.exception, app.exception
    first, *rest = times
    name = f"{page}{' ?run=' if query else ''}{' ' + query['view'] if 'view' in query else ''}"
    print(f"{name:32}{first:7.0f} ms{statistics.median(rest):7.0f} ms{max(rest):7.0f} ms", flush=True)


if __name__ == "__main__":
    main()
