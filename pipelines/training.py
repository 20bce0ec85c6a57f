"""The training pipeline: from a source of videos to a registered model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kfp import dsl

from components.compare_models.component import compare_models
from components.decide_retraining.component import decide_retraining
from components.decide_retraining.decide import TRAIN
from components.embed_frames.component import embed_frames
from components.export_backbones.component import export_backbones
from components.extract_frames.component import extract_frames
from components.ingest_videos.component import ingest_videos
from components.notify.component import notify
from components.register_model.component import register_model
from components.split_dataset.component import split_dataset
from components.train_model.component import train_model
from pipelines.options import DEFAULTS
from pipelines.placement import REGULAR_NODES, SPOT_NODES, SPOT_TOLERATIONS, Nodes, place
from pipelines.settings import Settings

NAME: Final = "rollcall-training"


@dataclass(frozen=True)
class Platform:
    """What a pipeline is laid out for.

    Attributes:
        place: gives a task what the row of its step says, as `placement.place`.
        wrap: what the component of a step that may run on spot nodes is made into.
        follow: lays out what follows the task of register_model.
    """

    place: Callable[[Any, str, Settings, Mapping[str, Nodes]], Any] = place
    wrap: Callable[[Any, str], Any] = lambda component, _: component
    follow: Callable[[Any], None] = lambda _: None


KUBERNETES: Final = Platform()


def training_pipeline(settings: Settings) -> Any:  # noqa: ANN401 - kfp has no name for it
    """Make the pipeline, placed as `settings` and the placement table say."""
    description = "Videos in; honestly compared classifiers and a registered champion out."
    return dsl.pipeline(name=NAME, description=description)(training_steps(settings))


def training_steps(
    settings: Settings,
    fine_tune: Callable[[Any, Any], Any] | None = None,
    own_options: Callable[[], dict[str, Any]] = dict,
    platform: Platform = KUBERNETES,
) -> Callable[..., None]:
    """Make the function that lays out the DAG.

    Args:
        settings: of this installation.
        fine_tune: makes a task that goes on with a backbone's trained model, given the tasks of
            split_dataset and train_model; its model is compared, too.
        own_options: gives the parameters that `fine_tune` goes by, by name.
        platform: what it is laid out for.
    """
    extract = platform.wrap(extract_frames, "extract_frames")
    embed = platform.wrap(embed_frames, "embed_frames")
    train = platform.wrap(train_model, "train_model")

    def training(
        source: str,
        backbones: list[str] = list(DEFAULTS.backbones),  # noqa: B006 - KFP compiles it
        workers: int = DEFAULTS.workers,
        epochs: int = DEFAULTS.epochs,
        weights: str = DEFAULTS.weights,
        registry: str = settings.registry,
        frames_per_second: float = DEFAULTS.frames_per_second,
        min_sharpness: float = DEFAULTS.min_sharpness,
        near_duplicate_bits: int = DEFAULTS.near_duplicate_bits,
        max_dark_share: float = DEFAULTS.max_dark_share,
        max_bright_share: float = DEFAULTS.max_bright_share,
        crop: str = DEFAULTS.crop,
        precision: str = DEFAULTS.precision,
        stranger_share: float = DEFAULTS.stranger_share,
        seed: int = DEFAULTS.seed,
        roster: str = DEFAULTS.roster,
        protocol: str = DEFAULTS.protocol,
        target_fpir: float = DEFAULTS.target_fpir,
        prefer: str = DEFAULTS.prefer,
        thumbnails: bool = DEFAULTS.thumbnails,
        gate_min_accuracy: float = DEFAULTS.gate_min_accuracy,
        gate_max_fpir: float = DEFAULTS.gate_max_fpir,
        gate_max_latency_ms: float = DEFAULTS.gate_max_latency_ms,
        gate_max_size_mb: float = DEFAULTS.gate_max_size_mb,
        augment_views: int = DEFAULTS.augment_views,
        regular_node_selector: dict[str, str] = REGULAR_NODES,
        spot_node_selector: dict[str, str] = SPOT_NODES,
        spot_tolerations: list[dict[str, str]] = SPOT_TOLERATIONS,
        retrain: str = DEFAULTS.retrain,
        notify_format: str = settings.notify_format,
        ui_url: str = settings.ui_url,
    ) -> None:
        """Train, compare and register.

        Args:
            source: Folder with roster.csv and videos/ or images/ or both, or its https:// or az://
                URL in Azure Blob.
            backbones: Names of pretrained backbones, as in keras.applications.
            workers: Shards that are extracted and embedded at the same time.
            epochs: Passes over the features at the most; heads stop early.
            weights: imagenet, none (random), or a folder of weights files.
            registry: MLflow URI.
            frames_per_second: Frames sampled from each second of video.
            min_sharpness: Blurred frames below it are dropped, but never a whole clip.
            near_duplicate_bits: Frames whose 64-bit hash differs in fewer bits from that of a kept
                frame of the clip are dropped. 0 keeps all.
            max_dark_share: Frames with more black than that in their middle are dropped. 1 keeps
                all.
            max_bright_share: Frames with more white than that in their middle are dropped. 1 keeps
                all.
            crop: face to cut out the head, none for the whole square.
            precision: Of the embedding: auto, bf16 or f32.
            stranger_share: Part of the visitors that is never trained on.
            seed: Of everything random.
            roster: Where the roster is, if not roster.csv in the source: path, https:// or az://.
            protocol: How frames are split: by_session, time_blocks, auto (by session where a person
                has two or more), or random_frames (shows the leak, ranks nothing).
            target_fpir: Share of strangers that may be taken for somebody; it chooses the
                threshold, on the calibration side.
            prefer: Of the models that are tied in accuracy: latency, accuracy or size.
            thumbnails: Whether the report shows a frame of each person. These are faces.
            gate_min_accuracy: Identity accuracy of transactions that a champion needs. A school has
                to set its own.
            gate_max_fpir: Rate of strangers taken for somebody that the test may leave possible
                (its upper bound). 1 demands nothing; a school has to set its own.
            gate_max_latency_ms: Latency (p50) of one image with the edge model that a champion may
                have.
            gate_max_size_mb: Size of the edge model that a champion may have.
            augment_views: Augmented views of each frame that are embedded to learn from, too.
            regular_node_selector: Labels of the nodes for steps that should not be interrupted.
            spot_node_selector: Labels of the nodes for steps that are started again when their node
                is taken away. The regular ones: nothing runs on spot nodes.
            spot_tolerations: Of the taints of those nodes.
            retrain: always, or when_changed: end early, as a success, if the source and the options
                are those of the champion.
            notify_format: What is posted to the webhook at the end: json, slack or teams.
            ui_url: Address of the Kubeflow UI, for the link in what is posted.
        """
        run = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        pools = {
            "regular": Nodes(regular_node_selector),
            "spot": Nodes(spot_node_selector, spot_tolerations),
        }

        def place(task: Any, step: str) -> Any:  # noqa: ANN401 - kfp has no types
            return platform.place(task, step, settings, pools)

        ended = place(
            notify(
                registry=registry,
                run=run,
                notify_format=notify_format,
                ui_url=ui_url,
                kubeflow_api="" if settings.local else settings.kubeflow_api,
            ),
            "notify",
        )
        with dsl.ExitHandler(ended, name="until-notified"):
            ingested = place(
                ingest_videos(source=source, workers=workers, roster=roster),
                "ingest_videos",
            )
            decided = place(
                decide_retraining(
                    retrain=retrain,
                    clips=ingested.outputs["clips"],
                    registry=registry,
                    run=run,
                    backbones=backbones,
                    epochs=epochs,
                    weights=weights,
                    frames_per_second=frames_per_second,
                    min_sharpness=min_sharpness,
                    near_duplicate_bits=near_duplicate_bits,
                    max_dark_share=max_dark_share,
                    max_bright_share=max_bright_share,
                    crop=crop,
                    precision=precision,
                    stranger_share=stranger_share,
                    seed=seed,
                    protocol=protocol,
                    target_fpir=target_fpir,
                    prefer=prefer,
                    augment_views=augment_views,
                    **own_options(),
                ),
                "decide_retraining",
            )
            # Both loops and what gathers them stand in the one condition: KFP gathers from no other
            # level.
            with dsl.If(decided.outputs["Output"] == TRAIN, name="if-training-is-due"):
                exported = place(
                    export_backbones(
                        backbones=backbones, weights=weights, registry=registry, seed=seed
                    ),
                    "export_backbones",
                )
                with dsl.ParallelFor(
                    ingested.outputs["Output"], name="each-shard", parallelism=settings.parallelism
                ) as shard:
                    extracted = place(
                        extract(
                            shard=shard,
                            clips=ingested.outputs["clips"],
                            frames_per_second=frames_per_second,
                            min_sharpness=min_sharpness,
                            near_duplicate_bits=near_duplicate_bits,
                            max_dark_share=max_dark_share,
                            max_bright_share=max_bright_share,
                            crop=crop,
                        ),
                        "extract_frames",
                    )
                    embedded = place(
                        embed(
                            shard=shard,
                            frames=extracted.outputs["frames"],
                            exported=exported.outputs["exported"],
                            precision=precision,
                            seed=seed,
                            augment_views=augment_views,
                        ),
                        "embed_frames",
                    )
                split = place(
                    split_dataset(
                        features=dsl.Collected(embedded.outputs["features"]),
                        frames=dsl.Collected(extracted.outputs["frames"]),
                        clips=ingested.outputs["clips"],
                        extractions=dsl.Collected(extracted.outputs["extraction"]),
                        stranger_share=stranger_share,
                        seed=seed,
                        protocol=protocol,
                        pictures="all" if fine_tune else "evaluation",
                    ),
                    "split_dataset",
                )
                with dsl.ParallelFor(
                    backbones, name="each-backbone", parallelism=settings.parallelism
                ) as backbone:
                    trained = place(
                        train(
                            backbone=backbone,
                            dataset=split.outputs["dataset"],
                            exported=exported.outputs["exported"],
                            epochs=epochs,
                            seed=seed,
                            crop=crop,
                            frames_per_second=frames_per_second,
                            target_fpir=target_fpir,
                        ),
                        "train_model",
                    )
                    tuned = fine_tune(split, trained) if fine_tune else None
                behind_heads = (
                    {
                        "tuned": dsl.Collected(tuned.outputs["model"]),
                        "tuned_metrics": dsl.Collected(tuned.outputs["metrics"]),
                    }
                    if tuned
                    else {}
                )
                compared = place(
                    compare_models(
                        models=dsl.Collected(trained.outputs["model"]),
                        audit=split.outputs["audit"],
                        dataset=split.outputs["dataset"],
                        ingest_metrics=ingested.outputs["metrics"],
                        export_metrics=exported.outputs["metrics"],
                        extract_metrics=dsl.Collected(extracted.outputs["metrics"]),
                        embed_metrics=dsl.Collected(embedded.outputs["metrics"]),
                        split_metrics=split.outputs["metrics"],
                        train_metrics=dsl.Collected(trained.outputs["metrics"]),
                        prefer=prefer,
                        thumbnails=thumbnails,
                        **behind_heads,
                    ),
                    "compare_models",
                )
                registered = place(
                    register_model(
                        champion=compared.outputs["champion"],
                        dataset=split.outputs["dataset"],
                        exported=exported.outputs["exported"],
                        audit=split.outputs["audit"],
                        options=decided.outputs["options"],
                        registry=registry,
                        run=run,
                        min_accuracy=gate_min_accuracy,
                        max_fpir=gate_max_fpir,
                        max_latency_ms=gate_max_latency_ms,
                        max_size_mb=gate_max_size_mb,
                    ),
                    "register_model",
                )
                platform.follow(registered)

    return training
