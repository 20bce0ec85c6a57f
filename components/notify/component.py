"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def notify(registry: str, run: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Say how the run ended, and what the gate decided.

    Args:
        registry: MLflow URI, where the version that the run registered is looked up.
        run: Id of this run.
        status: Given by Kubeflow to an exit handler.
    """
    from components.notify.notice import notify as say

    ended = (status.state, status.pipeline_task_name, status.error_code, status.error_message)
    say(*ended, registry, run)
