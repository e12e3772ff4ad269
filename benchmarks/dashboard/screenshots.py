"""The README's pictures: `python -m benchmarks.dashboard.screenshots URL --run ID --inside ID --compare ID,ID,ID`.

URL is a dashboard that holds finished runs (`python -m benchmarks.training.tutorial` makes three); the pictures show
them as they are. `--inside` is a run with dropout and batch normalisation.
"""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


def main() -> None:
    """Take each page at 1280 px: the landing page and Train in both themes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--run", required=True, help="id of the run to watch")
    parser.add_argument("--inside", required=True, help="id of the run to look into")
    parser.add_argument("--compare", required=True, help="ids of the runs to compare, with commas")
    parser.add_argument("--only", help="names of the pictures to take, with commas; without it: all")
    asked = parser.parse_args()
    inside = f"run={asked.inside}"
    shots = {
        "start": ("", "light", 760),
        "choose": ("train", "light", 1000),
        "train": (f"train?run={asked.run}", "light", 1150),
        "train-dark": (f"train?run={asked.run}", "dark", 1150),
        "compare": (f"compare?runs={asked.compare}", "light", 1250),
        "inside/kernels": (f"kernels?{inside}&layer=conv1", "light", 900),
        "inside/feature-maps": (f"feature_maps?{inside}&layer=relu1&picture=test:18", "light", 1000),
        "inside/feature-maps-dark": (f"feature_maps?{inside}&layer=conv2&picture=test:18", "dark", 1000),
        "inside/formula": (f"feature_maps?{inside}&view=formula&layer=conv1&picture=test:18", "light", 1000),
        "inside/in-training": (f"feature_maps?{inside}&view=training_normalisation&set=validation", "light", 1000),
        "inside/beside": (f"kernels?{inside}&layer=conv1&beside=0", "light", 1000),
        "inside/data": (f"data?{inside}", "light", 800),
        "inside/predictions": (f"predictions?{inside}", "light", 900),
        "inside/map": (f"predictions?{inside}&view=map_pca&set=validation", "light", 900),
    }
    (FOLDER / "inside").mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in asked.only.split(",") if asked.only else shots:
            path, scheme, height_px = shots[name]
            page = browser.new_page(viewport={"width": 1280, "height": height_px}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{asked.url}/{path}")
            page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
            page.wait_for_timeout(4000)
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()
            print(f"{name}.png")


if __name__ == "__main__":
    main()
