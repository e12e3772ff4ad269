"""This module is the command `doctor`: what is wrong with this machine or this store, in words; and mending it."""

import json

from pydantic import Field
from pydantic_settings import CliToggleFlag

from cnnlab import logs
from cnnlab.app_config import AppConfig
from cnnlab.cli._common import CommandError, Exit, Reporting
from cnnlab.cli.doctor.checks import findings
from cnnlab.runs import StoreError
from cnnlab.runs.repair.checks import Finding, run_findings, store_findings


class Doctor(Reporting):
    """Check this machine, the stored runs and every checkpoint: say what is wrong, and what to do."""

    mend: CliToggleFlag[bool] = Field(False, description="Repair what can be repaired. Nothing is lost by it.")
    deep: CliToggleFlag[bool] = Field(False, description="Read every checkpoint, and compare its checksum (SHA-256).")

    def cli_cmd(self) -> None:
        """Print each finding; end with 1 where something is wrong still."""
        app_config = AppConfig()
        if self.mend:
            logs.begin(app_config.home, "command")
        wrong = sum(not self._tell(finding) for finding in findings(app_config))
        stores = [self._tell(finding) for finding in store_findings(app_config)]
        if all(stores):
            wrong += sum(not self._tell(finding) for finding in run_findings(app_config, deep=self.deep))
        wrong += stores.count(False)
        if wrong:
            raise CommandError(Exit.STORE, *([] if self.as_json else [_in_all(wrong)]))
        if not self.as_json:
            print("\nNo fault was found.")

    def _tell(self, finding: Finding) -> bool:
        """Print the finding, and mend it where that was asked for; return whether it is well now."""
        done, well = None, finding.well
        if not well and self.mend and finding.mend:
            try:
                done, well = finding.mend(), True
            except (StoreError, OSError) as error:
                done = f"This could not be repaired: {error}"
            logs.event("mended" if well else "not mended", what=finding.what, says=finding.says, done=done)
        if self.as_json:
            said = {"what": finding.what, "well": well, "says": finding.says, "can_mend": finding.mend is not None}
            print(json.dumps(said | {"mended": done}, ensure_ascii=False), flush=True)
        else:
            mark = "mended" if done and well else "ok" if well else "WRONG"
            print(f"{mark:<7} {finding.what:<12} {done or finding.says}", flush=True)
        return well


def _in_all(wrong: int) -> str:
    things = "1 thing is" if wrong == 1 else f"{wrong} things are"
    return f"\n{things} wrong. To repair what can be repaired: python -m cnnlab doctor --mend"
