"""This room is the command line: the same settings, runs and sentences as the dashboard. It imports torch only where it
trains.
"""

import os
import re
import sys
from collections.abc import Sequence

from pydantic import BaseModel, Field
from pydantic_settings import (
    BaseSettings,
    CliApp,
    CliSubCommand,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    get_subcommand,
)
from pydantic_settings import (
    SettingsError as OptionError,
)

from cnnlab.app_config import AppConfig, AppConfigError, misspelt
from cnnlab.cli._common import CommandError, Exit, say
from cnnlab.cli._data import Data
from cnnlab.cli._inspect import Inspect
from cnnlab.cli._logs import Logs
from cnnlab.cli._probe import LrRangeCommand, PreflightCommand
from cnnlab.cli._runs import Delete, Pause, Runs, Show, Stop
from cnnlab.cli._sweep import Sweep
from cnnlab.cli._train import Measure, Resume, Train
from cnnlab.cli._weights import Export, Import
from cnnlab.cli.doctor.command import Doctor
from cnnlab.files.descriptors import allow_many
from cnnlab.runs import StoreError, UnknownRunError

_HELP = """\
Train small convolutional networks, watch them learn, and look inside.
The dashboard starts with: streamlit run streamlit_app.py

exit codes:
  0    done
  1    the runs cannot be read or changed as asked, or doctor has found a fault; a sentence says what
  2    an option or setting is wrong
  3    there is no such run
  4    the dataset is not available
  5    the run diverged: its loss is no longer a number
  6    the run failed, or could not be measured
  130  the run ended early (Ctrl-C, stop, pause); continue it with: resume"""


class Worker(BaseModel):
    """Wait for one queued run, train it and end. The dashboard starts this by itself; you do not need it."""

    def cli_cmd(self) -> None:
        """Serve until a run is trained, or the parent process is gone."""
        app_config = AppConfig()
        from cnnlab import worker

        worker.serve(app_config)


class Cnnlab(BaseSettings):
    """`Cnnlab` is the whole command line."""

    model_config = SettingsConfigDict(
        cli_prog_name="python -m cnnlab",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
        cli_implicit_flags=True,
        json_schema_extra={"description": _HELP},
    )

    train: CliSubCommand[Train] = Field(description="train a network here and now")
    resume: CliSubCommand[Resume] = Field(description="continue a run that ended early")
    measure: CliSubCommand[Measure] = Field(description="measure a run that ended early, as it is now")
    sweep: CliSubCommand[Sweep] = Field(description="train many runs, to try out values of some settings")
    preflight: CliSubCommand[PreflightCommand] = Field(description="measure how much time and memory a run would need")
    lr_range: CliSubCommand[LrRangeCommand] = Field(description="find a good learning rate by a short test")
    runs: CliSubCommand[Runs] = Field(description="list all runs")
    show: CliSubCommand[Show] = Field(description="show one run")
    inspect: CliSubCommand[Inspect] = Field(description="look inside a run's network: print what a view computes")
    stop: CliSubCommand[Stop] = Field(description="stop a run that trains or waits")
    pause: CliSubCommand[Pause] = Field(description="pause a run that trains or waits")
    delete: CliSubCommand[Delete] = Field(description="delete a run")
    import_: CliSubCommand[Import] = Field(alias="import", description="load weights from a file, to look inside")
    export: CliSubCommand[Export] = Field(description="write a run's weights, scores or losses to a file")
    data: CliSubCommand[Data] = Field(description="list the datasets, or prepare one")
    doctor: CliSubCommand[Doctor] = Field(description="check this machine and the stored runs, and repair them")
    logs: CliSubCommand[Logs] = Field(description="show what happened to a run")
    worker: CliSubCommand[Worker] = Field(description="(for the dashboard) wait for a queued run")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line alone: an environment variable named RUNS is not for us."""
        return (init_settings,)

    def cli_cmd(self) -> None:
        """Run the command that was asked for."""
        if get_subcommand(self, is_required=False) is None:
            CliApp.print_help(self, file=sys.stderr)
            raise CommandError(Exit.SETTINGS, "Choose one of these commands.")
        CliApp.run_subcommand(self)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; say on stderr what is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    say(*misspelt(os.environ))
    allow_many()
    code: int = Exit.DONE
    try:
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # `… | head` has read enough
        _print_no_more()
    except OSError as error:
        if error.filename is not None:  # some file's fault, which nobody foresaw
            raise
        _print_no_more()
        return _refuse(Exit.STORE, f"What this command prints cannot be written: {error.strerror}.")
    return code


def _run(given: Sequence[str]) -> int:
    try:
        CliApp.run(Cnnlab, cli_args=[_with_dashes(argument) for argument in given])
    except CommandError as error:
        return _refuse(error.code, *error.sentences)
    except OptionError:  # brackets and quotes in a list, which pydantic-settings would read as JSON
        return _refuse(Exit.SETTINGS, "The value of --over cannot be read. Write it like: --over lr=0.1,0.01")
    except AppConfigError as error:
        return _refuse(Exit.SETTINGS, str(error))
    except UnknownRunError as error:
        return _refuse(Exit.NO_SUCH_RUN, str(error))
    except StoreError as error:
        return _refuse(Exit.STORE, str(error))
    except KeyboardInterrupt:
        return Exit.ENDED_EARLY
    return Exit.DONE


def _print_no_more() -> None:
    """Send what is still to be printed nowhere, so that the end of the process does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(code: Exit, *sentences: str) -> int:
    say(*sentences)
    return code


def _with_dashes(argument: str) -> str:
    """Write an option with dashes: --batch_size is what the setting is called, so it may be typed so."""
    return re.sub(r"^--[a-z_]+", lambda option: option[0].replace("_", "-"), argument)
