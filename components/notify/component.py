"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def notify(
    registry: str,
    run: str,
    notify_format: str,
    ui_url: str,
    kubeflow_api: str,
    status: dsl.PipelineTaskFinalStatus,
) -> None:
    """Say how the run ended and who is champion: in the log, and to the webhook if there is one.

    Args:
        registry: MLflow URI, where what the run registered and the champion are looked up.
        run: Id of this run.
        notify_format: What is posted: json, slack or teams.
        ui_url: Address of the Kubeflow UI, for the link; empty for none.
        kubeflow_api: Where Kubeflow is asked which step failed; empty to ask nobody.
        status: Given by Kubeflow to an exit handler.
    """
    from components.notify.notify import notify as say

    ended = (status.state, status.error_message)
    say(*ended, run, registry, notify_format=notify_format, ui_url=ui_url, api=kubeflow_api)
