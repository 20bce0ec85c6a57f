"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-data:0.1.0", install_kfp_package=False)
def notify(status: dsl.PipelineTaskFinalStatus) -> None:
    """Say how the run ended.

    Args:
        status: Given by Kubeflow to an exit handler.
    """
    from components.notify.notice import notify as say

    say(status.state, status.pipeline_task_name, status.error_code, status.error_message)
