"""What differs from one installation to the next, read when a command runs, never at import."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each value comes from the environment variable ROLLCALL_ and its name, or is the default."""

    model_config = SettingsConfigDict(env_prefix="ROLLCALL_", frozen=True)

    data_image: str = Field(
        default="rollcall-data:0.1.0", description="Image of the steps that need no TensorFlow."
    )
    train_image: str = Field(
        default="rollcall-train:0.1.0",
        description="Image of the steps that need TensorFlow or MLflow.",
    )
    registry: str = Field(
        default="http://mlflow:5000",
        description="MLflow URI that a compiled pipeline registers to.",
    )
    checkpoint_claim: str = Field(
        default="rollcall-checkpoints",
        description="Claim on a volume that outlives pods, for the checkpoints of fine-tuning.",
    )
    local: bool = Field(default=False, description="Whether the DAG runs on this machine.")
    audit_log: Path = Field(
        default=Path("runs/audit.jsonl"),
        description="Where the commands write who ran what (components/audit_log.py).",
    )
    signing_secret: str = Field(
        default="",
        description="Kubernetes Secret whose private.pem a compiled pipeline signs models with.",
    )
    verify_config_map: str = Field(
        default="",
        description="Kubernetes ConfigMap whose public.pem it checks the champion's signature by.",
    )
    webhook_secret: str = Field(
        default="",
        description="Kubernetes Secret whose url is the webhook that a compiled pipeline posts to.",
    )
    notify_format: str = Field(
        default="json", description="What is posted to the webhook: json, slack or teams."
    )
    ui_url: str = Field(
        default="", description="Address of the Kubeflow UI, for the link in what is posted."
    )
    kubeflow_api: str = Field(
        default="http://ml-pipeline:8888",
        description="Where a step asks Kubeflow which step failed; empty to ask nobody.",
    )
    host: str = Field(default="", description="Address of the Kubeflow Pipelines server.")
    namespace: str = Field(
        default="rollcall", description="Of the user, where the server keeps users apart."
    )
    service_account: str = Field(
        default="rollcall-runner", description="Kubernetes service account that steps run as."
    )
    token_file: Path | None = Field(
        default=None, description="File with the token that proves to the server who asks."
    )
    token: SecretStr = Field(
        default=SecretStr(""), description="The token itself, if there is no file; never shown."
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) to trust in the place of the public ones."
    )
    parallelism: int = Field(
        default=0,
        ge=0,
        description="Iterations of a loop (shards, backbones) that run at once; 0 for all of them.",
    )
