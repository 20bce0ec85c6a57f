"""The step as KFP sees it."""

from typing import List, Optional

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def compare_models(
    models: dsl.Input[List[dsl.Model]],
    audit: dsl.Input[dsl.Artifact],
    leaderboard: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    champion: dsl.Output[dsl.Model],
    tuned: Optional[dsl.Input[List[dsl.Model]]] = None,
) -> str:
    """Rank the models, write the report, choose the champion.

    Args:
        models: What train_model wrote, one a backbone.
        audit: What split_dataset found.
        leaderboard: leaderboard.json.
        report: Self-contained HTML.
        champion: A copy of the best model's directory.
        tuned: What fine_tune_model wrote, in a pipeline that has it.

    Returns:
        Name of the champion.
    """
    from pathlib import Path

    from components.compare_models.compare import compare_models

    return compare_models(
        [Path(model.path) for model in [*models, *(tuned or [])]],
        Path(audit.path),
        leaderboard=Path(leaderboard.path),
        report=Path(report.path),
        champion=Path(champion.path),
    )
