"""`make cluster-up`, `cluster-down` and `deploy`: which commands they are (docs/deployment.md).

Nothing here speaks to Azure or Kubernetes itself. Each action is a list of command lines of az and
kubectl, which are printed, and run only with --run.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from components.audit_log import DECLINED, audited
from components.errors import RollcallError
from pipelines.commands import Command, carry_out, show
from pipelines.overlay import OVERLAY, Installation, render_overlay
from pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

INFRASTRUCTURE: Final = Path("manifests/infrastructure")
BUILD: Final = Path("build/deploy")
KUBEFLOW_VERSION: Final = "2.17.2"
"""Of Kubeflow Pipelines. Before 2.17 there is no exit handler around loops."""
KUBEFLOW: Final = "github.com/kubeflow/pipelines/manifests/kustomize"
NAMESPACE: Final = "kubeflow"
NAMESPACED: Final = f"--namespace {NAMESPACE}"
DEPLOYMENT: Final = "rollcall"
UNSET: Final = ("00000000-0000", "'192.0.2.")
"""What stands in a parameter file for what only the school knows."""

MINUTE: Final = 60
ROLLOUT_S: Final = 15 * MINUTE
ROLLCALL: Final = ".venv/bin/rollcall"

DELETED: Final = """\
# Deletes the cluster and the disks of its volumes: Kubeflow's runs and artifacts, and every
# registered model that lies on MLflow's volume.
# Keeps the storage account (recordings and checkpoints), the images, the vault, the logs, the
# network and the identities. EVERYTHING=yes deletes these, too."""
DELETED_TOO: Final = """\
# Deletes ALL of it: the storage account with every recording and checkpoint, which soft delete does
# not bring back once the account has gone; the images; the cluster with its volumes; the network;
# the identities; the logs, which Azure keeps for another 14 days. The vault can be brought back
# until its days are over, and has to be before a vault of that name can be made again."""


class Environment(enum.StrEnum):
    """Which parameter file."""

    DEV = "dev"
    PROD = "prod"

    @property
    def parameters(self) -> Path:
        """The parameter file."""
        return INFRASTRUCTURE / f"{self.value}.bicepparam"

    @property
    def group(self) -> str:
        """Name of the resource group, and of the cluster in it."""
        return f"rollcall-{self.value}"

    @property
    def folder(self) -> Path:
        """Of what `deploy` writes."""
        return BUILD / self.value

    @property
    def outputs(self) -> Path:
        """What the template says of what it made."""
        return self.folder / "outputs.json"

    @property
    def manifests(self) -> Path:
        """The rendered ones."""
        return self.folder / "manifests"


def up_commands(environment: Environment, subscription: str, location: str) -> list[Command]:
    """What makes the cluster and all beside it, or changes it to what the files say."""
    az = _Azure(subscription)
    template = {
        "resource_group": environment.group,
        "name": DEPLOYMENT,
        "parameters": environment.parameters,
    }
    return [
        az.signed_in(),
        az.command(
            "A group for all of it",
            "group create",
            {"name": environment.group, "location": location, "output": "none"},
            "You need the role Owner, or Contributor and User Access Administrator.",
            5 * MINUTE,
        ),
        az.command(
            "What would change",
            "deployment group what-if",
            template,
            f"Mend {environment.parameters} as the message says; nothing was changed.",
            15 * MINUTE,
        ),
        az.command(
            "Change it",
            "deployment group create",
            {**template, "output": "none"},
            "What was made stays. Mend the cause (docs/deployment.md has the usual ones) and run "
            "it again: it goes on from there.",
            90 * MINUTE,
        ),
    ]


def down_commands(
    environment: Environment, subscription: str, *, everything: bool = False
) -> list[Command]:
    """What deletes the cluster, or the whole group with the recordings."""
    az = _Azure(subscription)
    if everything:
        purpose, command, named = "The whole group", "group delete --yes", {}
    else:
        purpose, command = "The cluster and its volumes", "aks delete --yes"
        named = {"resource_group": environment.group}
    options = {**named, "name": environment.group}
    remedy = "ResourceGroupNotFound: it was gone already. Else run it again."
    return [az.signed_in(), az.command(purpose, command, options, remedy, 60 * MINUTE)]


def deploy_commands(
    environment: Environment, subscription: str, public_key: Path, images: Path
) -> list[Command]:
    """What installs Kubeflow Pipelines and Rollcall's manifests on the cluster, or updates them."""
    az, kubectl = _Azure(subscription), _Kubectl(environment.folder / "kubeconfig")
    render = ("cluster", "render", environment.value, "--public-key", public_key)
    return [
        az.signed_in(),
        Command(
            "A folder for what follows",
            ("mkdir", "-p", str(environment.folder)),
            "May you write here?",
            MINUTE,
        ),
        az.command(
            "What cluster-up made",
            "deployment group show",
            {
                "resource_group": environment.group,
                "name": DEPLOYMENT,
                "query": "properties.outputs",
                "output": "json",
            },
            f"Make the cluster first: make cluster-up ENVIRONMENT={environment.value}.",
            5 * MINUTE,
            environment.outputs,
        ),
        Command(
            "The manifests with what is this installation's own",
            (ROLLCALL, *map(str, render), "--images", str(images)),
            "Nothing was changed on the cluster.",
            MINUTE,
        ),
        az.command(
            "Where the cluster is; your own kubeconfig stays as it is",
            "aks get-credentials --overwrite-existing",
            {
                "resource_group": environment.group,
                "name": environment.group,
                "file": kubectl.kubeconfig,
            },
            "You have to be in one of the groups that the parameter file calls administrators.",
            5 * MINUTE,
        ),
        Command(
            "Sign in to it as az is signed in",
            (
                *("kubelogin", "convert-kubeconfig", "--login", "azurecli"),
                *("--kubeconfig", str(kubectl.kubeconfig)),
            ),
            "Is kubelogin current? `az aks install-cli` brings it.",
            MINUTE,
        ),
        kubectl.command(
            "May you install?",
            "auth can-i create clusterroles",
            "Your address has to be among the operatorRanges, and you in one of the "
            "administrators' groups; a new role takes some minutes to be known.",
        ),
        kubectl.applied(
            f"Kubeflow Pipelines {KUBEFLOW_VERSION}: what is of the whole cluster",
            f"{KUBEFLOW}/cluster-scoped-resources?ref={KUBEFLOW_VERSION}",
        ),
        kubectl.command(
            "Kubernetes knows its kinds",
            "wait --for=condition=established --timeout=60s crd/workflows.argoproj.io",
        ),
        kubectl.applied(
            f"Kubeflow Pipelines {KUBEFLOW_VERSION}",
            f"{KUBEFLOW}/env/platform-agnostic?ref={KUBEFLOW_VERSION}",
        ),
        kubectl.command(
            "No run uses its account that may do all there is to pods",
            f"{NAMESPACED} delete rolebinding pipeline-runner-binding --ignore-not-found",
        ),
        kubectl.applied("Rollcall", f"{environment.manifests / OVERLAY}", owner="rollcall"),
        kubectl.command(
            "Argo reads what it retries, and what not, when it starts",
            f"{NAMESPACED} rollout restart deployment workflow-controller",
        ),
        kubectl.command(
            "All of it runs",
            f"{NAMESPACED} wait --for=condition=available --timeout={ROLLOUT_S}s deployment --all",
        ),
    ]


@dataclass(frozen=True)
class _Azure:
    """Commands of az: each names its subscription, and takes none that az happens to be set to."""

    subscription: str

    def command(
        self,
        purpose: str,
        command: str,
        options: Mapping[str, object],
        remedy: str,
        timeout_s: int,
        output: Path | None = None,
    ) -> Command:
        given = {**options, "subscription": self.subscription}
        flags = [word for key, value in given.items() for word in (_flag(key), str(value))]
        return Command(purpose, ("az", *command.split(), *flags), remedy, timeout_s, output)

    def signed_in(self) -> Command:
        return self.command(
            "Signed in, and the subscription is there",
            "account show",
            {"output": "table"},
            "Run `az login`, and take SUBSCRIPTION from `az account list --output table`. Nothing "
            "was changed.",
            2 * MINUTE,
        )


@dataclass(frozen=True)
class _Kubectl:
    """Commands of kubectl, for one cluster."""

    kubeconfig: Path

    def command(self, purpose: str, command: str, remedy: str = "") -> Command:
        words = ("kubectl", "--kubeconfig", str(self.kubeconfig), *command.split())
        look = (
            f"Look why: kubectl --kubeconfig {self.kubeconfig} {NAMESPACED} get pods,events. "
            "Mend it and run it again; what is there by then stays."
        )
        return Command(purpose, words, remedy or look, ROLLOUT_S + MINUTE)

    def applied(self, purpose: str, folder: str, owner: str = "kubectl") -> Command:
        """`owner` keeps the fields that it sets when another owner's are applied anew."""
        how = f"apply --server-side --force-conflicts --field-manager={owner} --kustomize"
        return self.command(purpose, f"{how} {folder}")


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


app = typer.Typer(
    help="The cluster on Azure: which commands make, delete and fill it (docs/deployment.md).",
    no_args_is_help=True,
)

Which = Annotated[Environment, typer.Argument(help="Which parameter file.")]
Subscription = Annotated[str, typer.Option(help="Name or id of the Azure subscription.")]
Run = Annotated[bool, typer.Option("--run", help="Run the commands, too.")]
PublicKey = Annotated[Path, typer.Option(help="PEM file: what models are checked with.")]
Images = Annotated[Path, typer.Option(help="What `make images` wrote.")]
IMAGES: Final = Path("build/images.json")
PUBLIC_KEY: Final = Path("public.pem")


@app.command(epilog="Example: rollcall cluster up dev")
def up(
    environment: Which,
    subscription: Subscription = "",
    location: Annotated[str, typer.Option(help="Azure region.")] = "westeurope",
    *,
    run: Run = False,
) -> None:
    """Make the cluster and all beside it, or change it to what the parameter file says."""
    unset = [mark for mark in UNSET if mark in environment.parameters.read_text(encoding="utf-8")]
    if unset:
        told = (
            f"{environment.parameters} still has placeholders ({', '.join(unset)}): set "
            "operatorRanges, administrators and privacyOfficers to yours"
        )
        if run:
            raise RollcallError(told)
        typer.echo(f"# {told}")
    _either(up_commands(environment, _subscription(subscription, run=run), location), run=run)


@app.command(epilog="Example: rollcall cluster down dev")
def down(
    environment: Which,
    subscription: Subscription = "",
    *,
    everything: Annotated[
        bool, typer.Option("--everything", help="The recordings, logs and images, too.")
    ] = False,
    run: Run = False,
) -> None:
    """Delete the cluster; the recordings stay unless --everything is given."""
    told = DELETED_TOO if everything else DELETED
    typer.echo(told)
    named = _subscription(subscription, run=run)
    commands = down_commands(environment, named, everything=everything)
    if not run:
        _either(commands, run=False)
        return
    with audited(Settings().audit_log, "cluster-down") as record:
        if not _typed(environment.group):
            record.outcome = DECLINED
            raise RollcallError(f"nothing was deleted: {environment.group} was not typed")
        _either(commands, run=True)


@app.command(epilog="Example: rollcall cluster deploy prod --public-key public.pem")
def deploy(
    environment: Which,
    subscription: Subscription = "",
    public_key: PublicKey = PUBLIC_KEY,
    images: Images = IMAGES,
    *,
    run: Run = False,
) -> None:
    """Install Kubeflow Pipelines and Rollcall on the cluster, or update them."""
    named = _subscription(subscription, run=run)
    _either(deploy_commands(environment, named, public_key, images), run=run)


@app.command(epilog="Example: rollcall cluster render prod --public-key public.pem")
def render(environment: Which, public_key: PublicKey = PUBLIC_KEY, images: Images = IMAGES) -> None:
    """Write the manifests with what is this installation's own (a part of deploy)."""
    installation = Installation(environment.outputs, public_key, images)
    typer.echo(render_overlay(installation, environment.manifests))


def _typed(name: str) -> bool:
    try:
        return bool(typer.prompt(f"Type {name} to go on") == name)
    except typer.Abort:  # interrupted, or nobody is there to answer
        return False


def _subscription(given: str, *, run: bool) -> str:
    """What stands behind --subscription: never whichever az happens to be set to."""
    if run and not given:
        raise RollcallError(
            "say which subscription: SUBSCRIPTION= (`az account list --output table` has them)"
        )
    return given or "SUBSCRIPTION"


def _either(commands: list[Command], *, run: bool) -> None:
    if run:
        carry_out(commands, typer.echo)
    else:
        show(commands, typer.echo)
        typer.echo("# Nothing was run. RUN=yes runs these.")
