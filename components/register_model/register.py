"""From a model directory to a registered version: gate, card, SBOM, digests, signature, alias."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING, Any

from components.artifacts import atomic_directory, read_json, sha256_of, write_json
from components.champions import FAILED, PASSED, crown
from components.contracts import AUDIT_FILE, SOURCE_FILE
from components.edge.model import measure_together
from components.model_directory import (
    CLASSES_FILE,
    EDGE_MODEL_FILE,
    EVALUATION_FILE,
    GATE_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    MODEL_CARD_FILE,
    SBOM_FILE,
    Classes,
)
from components.register_model.card import Facts, render_card
from components.register_model.gate import decide
from components.register_model.rescore import compare_with_champion
from components.register_model.sbom import make_sbom
from components.registry import (
    ACCURACY,
    CHALLENGER,
    GATE,
    MODEL_NAME,
    OPTIONS,
    REASON,
    RUN,
    SOURCE,
    champion_version,
    connected,
    register_version,
)
from components.signing import sign_model
from components.telemetry import step
from components.trusted_model import verify_model, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from components.register_model.gate import Limits, Verdict

log = logging.getLogger("rollcall")


def register_model(
    champion: Path,
    dataset: Path,
    exported: Path,
    audit: Path,
    limits: Limits,
    *,
    options: Path,
    registry: str,
    run: str,
    registered: Path,
) -> str:
    """Register the best model of a run: as champion if the gate lets it pass, else as challenger.

    Args:
        champion: the model directory that compare_models chose; one without metrics is none.
        dataset: the directory that split_dataset wrote.
        exported: the directory that export_backbones wrote.
        audit: the audit directory that split_dataset wrote.
        limits: of the gate.
        options: the file that decide_retraining wrote.
        registry: an MLflow URI.
        run: id of the pipeline's run, by which the exit handler finds the version.
        registered: the directory to make: the model with card, SBOM, verdict, digests and, if
            there is a key, signature; empty where nothing was registered.

    Returns:
        The new version's number; nothing where there was nothing to register.

    Raises:
        DigestError: a file is not what train_model wrote.
        ContractError: what the steps wrote does not belong together.
        RegistryError: the registry cannot be reached, or refused.
        TrustError: the key to sign with cannot be used.
    """
    with step("register_model") as progress, atomic_directory(registered) as directory:
        progress.expect(3, "phases")
        if not (champion / METRICS_FILE).is_file():
            log.warning("no model was chosen: nothing is registered")
            progress.advance(3)
            return ""
        verify_model(champion)
        shutil.copytree(champion, directory, dirs_exist_ok=True)
        comparison = compare_with_champion(champion, dataset, exported, champion_version(registry))
        findings, metrics = read_json(audit / AUDIT_FILE), read_json(champion / METRICS_FILE)
        # Anew: while it was trained, others were, too.
        latency = measure_together({metrics["name"]: champion / EDGE_MODEL_FILE})
        metrics["latency_ms"] = latency[metrics["name"]]
        verdict = decide(metrics, findings, limits, comparison)
        progress.advance()
        source = read_json(audit / SOURCE_FILE)
        _write_papers(directory, findings, source, verdict)
        progress.advance()
        tags = {
            RUN: run,
            SOURCE: source["fingerprint"],
            OPTIONS: json.dumps(read_json(options)),
            ACCURACY: json.dumps(_accuracy(metrics, findings)),
            **_gate_tags(verdict),
        }
        card = (directory / MODEL_CARD_FILE).read_text(encoding="utf-8")
        version = register_version(directory, registry, tags, card)
        with connected(registry) as client:
            if verdict.passed:
                crown(client, version, "registered")
            else:
                client.set_registered_model_alias(MODEL_NAME, CHALLENGER, version)
        _tell(version, verdict)
        progress.advance()
    return version


def _write_papers(
    directory: Path, audit: dict[str, object], source: dict[str, object], verdict: Verdict
) -> None:
    metrics, lineage = (read_json(directory / name) for name in (METRICS_FILE, LINEAGE_FILE))
    evaluation = directory / EVALUATION_FILE
    facts = Facts(
        metrics=metrics,
        lineage=lineage,
        lineage_sha256=sha256_of(directory / LINEAGE_FILE),
        classes=Classes.read(directory / CLASSES_FILE),
        audit=audit,
        source=source,
        evaluation=read_json(evaluation) if evaluation.is_file() else {},
        verdict=verdict,
    )
    write_json(directory / GATE_FILE, verdict.to_json())
    (directory / MODEL_CARD_FILE).write_text(render_card(facts), encoding="utf-8")
    write_json(directory / SBOM_FILE, make_sbom(metrics["name"], lineage))
    write_manifest(directory)
    sign_model(directory)


def _accuracy(metrics: dict[str, Any], audit: dict[str, Any]) -> dict[str, Any]:
    transaction = metrics.get("transaction", {})
    return {
        "value": transaction.get("identity_accuracy"),
        "interval": transaction.get("identity_interval"),
        "trials": transaction.get("n"),
        "within_session": (audit.get("protocol") or {}).get("within_session"),
    }


def _gate_tags(verdict: Verdict) -> dict[str, str]:
    reasons = {f"{REASON}{check.name}": check.sentence for check in verdict.failed}
    return {GATE: PASSED if verdict.passed else FAILED, **reasons}


def _tell(version: str, verdict: Verdict) -> None:
    if verdict.passed:
        log.info("version %s passed the gate and is champion", version)
    for check in verdict.failed:
        log.warning("version %s did not pass the gate: %s", version, check.sentence)
    for warning in verdict.warnings:
        log.warning("%s", warning)
