"""The step as KFP sees it."""

from kfp import dsl


@dsl.component(base_image="rollcall-train:0.1.0", install_kfp_package=False)
def export_saved_model(registered: dsl.Input[dsl.Model], saved: dsl.Output[dsl.Model]) -> str:
    """Write the champion as a TensorFlow SavedModel; nothing if the model did not become it.

    Args:
        registered: What register_model wrote.
        saved: A directory with saved_model.pb.

    Returns:
        The URI of that directory, for an importer; empty if there is nothing in it.
    """
    from pathlib import Path

    from components.lean_keras import load_keras

    load_keras()  # before the module that imports it by name
    from components.export_saved_model.export import export_saved_model

    return saved.uri if export_saved_model(Path(registered.path), Path(saved.path)) else ""
