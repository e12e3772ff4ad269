"""This module is the command `data`: what the datasets are, whether they are here, and getting one."""

import json

from pydantic import Field
from pydantic_settings import CliPositionalArg
from tqdm import tqdm

from cnnlab.app_config import AppConfig
from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, Reporting, Right, say, table
from cnnlab.data import DATASETS, Dataset, DataUnavailableError
from cnnlab.data_folders import DataFolders
from cnnlab.formatting import count
from cnnlab.registry import UnknownNameError


class Data(Reporting):
    """Download a dataset, verify and convert it; without a name, list the datasets."""

    name: CliPositionalArg[str] = Field(LEFT_OUT, description="The dataset to prepare.")

    def cli_cmd(self) -> None:
        """List the datasets, or prepare one."""
        folders = AppConfig().data
        chosen = list(DATASETS)
        one = "name" in self.model_fields_set
        if one:
            prepare(self.name, folders)
            chosen = [DATASETS.get(self.name)]
        if self.as_json:
            for dataset in chosen:
                print(json.dumps(_facts(dataset, folders), ensure_ascii=False))
        elif one:
            print(f"{self.name} is ready in {folders.converted}.")
        else:
            print(f"Downloaded files are in {folders.published}, converted ones in {folders.converted}:\n")
            print(
                table(
                    ["dataset", Right("train"), Right("test"), "size", "here"],
                    (_row(dataset, folders) for dataset in chosen),
                )
            )
            print("\nPrepare one with: python -m cnnlab data NAME")


def _facts(dataset: Dataset, folders: DataFolders) -> dict[str, object]:
    info = dataset.info
    return {
        "name": info.name,
        "ready": dataset.is_ready(folders),
        "classes": list(info.classes),
        "num_train": info.num_train,
        "num_test": info.num_test,
        "channels": info.channels,
        "size_px": info.size_px,
        "download_bytes": info.download_bytes,
        "summary": info.summary,
        "source": info.source,
    }


def _row(dataset: Dataset, folders: DataFolders) -> list[str]:
    info = dataset.info
    size = f"{info.size_px}×{info.size_px}×{info.channels}"
    here = "ready" if dataset.is_ready(folders) else f"to download: {info.download_bytes / 1e6:.0f} MB"
    return [info.name, count(info.num_train), count(info.num_test), size, here]


def prepare(name: str, folders: DataFolders) -> None:
    """Make the dataset ready, with a progress bar where it takes time. Raises CommandError."""
    try:
        dataset = DATASETS.get(name)
    except UnknownNameError as error:
        raise CommandError(Exit.SETTINGS, str(error)) from None
    if not dataset.is_ready(folders):
        say(f"Preparing {name} …")
    bar: tqdm[None] | None = None

    def show(done_bytes: int, total_bytes: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total_bytes, unit="B", unit_scale=True, desc=name, leave=False, disable=None)
        bar.update(done_bytes - bar.n)

    try:
        dataset.prepare(folders, show)
    except DataUnavailableError as error:
        raise CommandError(Exit.NO_DATA, str(error)) from None
    finally:
        if bar is not None:
            bar.close()
