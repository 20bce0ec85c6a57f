"""Programs that are not az, kubectl and kubelogin, though they are called so.

They do nothing but write down how they were called. Put first on the PATH, they show what a command
would have asked of Azure and Kubernetes; whether these would have done it, they cannot tell.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("az", "kubectl", "kubelogin")
OUTPUTS = {
    "clusterName": "rollcall-dev",
    "tenantId": "33333333-aaaa-4bbb-8ccc-000000000003",
    "runnerClientId": "11111111-aaaa-4bbb-8ccc-000000000001",
    "secretsClientId": "22222222-aaaa-4bbb-8ccc-000000000002",
    "storageAccount": "schoolrecordings",
    "containerRegistry": "schoolimages.azurecr.io",
    "keyVault": "school-vault",
}
SCRIPT = """\
#!{python} -I
import json, pathlib, sys
folder = pathlib.Path({folder!r})
call = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
for words, told in json.loads((folder / "refusals").read_text()).items():
    if words in " ".join(call):
        sys.exit(told)
if "properties.outputs" in call:
    print((folder / "outputs").read_text())
"""


class FakeCloudTools:
    """The programs, in a folder.

    Attributes:
        folder: to put on the PATH.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in NAMES:
            program = folder / name
            program.write_text(SCRIPT.format(python=sys.executable, folder=str(folder)))
            program.chmod(0o755)
        outputs = {name: {"type": "String", "value": value} for name, value in OUTPUTS.items()}
        (folder / "outputs").write_text(json.dumps(outputs))
        self.refuse({})

    def refuse(self, refusals: dict[str, str]) -> None:
        """Let calls fail that contain certain words, with a message each."""
        (self.folder / "refusals").write_text(json.dumps(refusals))

    @property
    def calls(self) -> list[list[str]]:
        """The programs that were called, with their arguments."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
