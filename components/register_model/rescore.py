"""The reigning champion on this run's test features, beside the model that is to replace it.

Both are asked about the same transactions: those of people the new model was trained on. Whom the
champion does not know, it gets wrong, as it would at the door. The new model is taken as it ships,
and the champion in float, which is at worst a little too good for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.artifacts import read_json
from components.contracts import (
    EMBEDDING_FILE,
    INDEX,
    INDEX_FILE,
    TRANSACTIONS,
    Split,
    features_file,
    features_schema,
)
from components.errors import ContractError
from components.evaluation.trials import SMALLEST_PROBABILITY
from components.exported_backbones import HEAD_FILE, REIGNING, Status, read_exported
from components.intervals import paired_difference
from components.model_directory import (
    CLASSES_FILE,
    LINEAGE_FILE,
    STRANGER,
    TRANSACTIONS_FILE,
    Classes,
)
from components.parquet import open_table, read_table
from components.register_model.gate import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from components.exported_backbones import ExportedBackbone

    Features = npt.NDArray[np.float16]

FEWEST_PEOPLE: Final = 6
"""Of fewer, not even a difference that all show is one at the 5 % level (sign test: 2 / 2^n)."""
_BATCH_ROWS: Final = 2048


def compare_with_champion(
    model: Path, dataset: Path, exported: Path, version: str | None
) -> Comparison:
    """Score the champion and the new model on the test transactions, and take the difference.

    Transactions of clips that the champion learnt from or was calibrated on are left out.

    Args:
        model: directory of the new model.
        dataset: the directory that split_dataset wrote.
        exported: the directory that export_backbones wrote.
        version: number of the version that is champion in the registry now; None if none is.

    Returns:
        The comparison, or the reason why there is none.

    Raises:
        ContractError: index, features and transactions do not belong together.
    """
    if version is None:
        return Comparison()
    known = read_exported(exported)
    reigning, directory = known.get(REIGNING), exported / REIGNING
    if reigning is None or reigning.version not in {version, None}:
        return Comparison(version, "it became champion while this run went on", curable=True)
    name = reigning.same_as or REIGNING
    if reason := _obstacle(reigning, directory, model, read_json(dataset / EMBEDDING_FILE)):
        return Comparison(version, reason)
    trials = Trials(dataset, read_json(directory / LINEAGE_FILE)["clips"])
    counted = Comparison(
        version,
        transactions=len(trials.names),
        people=trials.people,
        excluded=trials.excluded,
    )
    if trials.people < FEWEST_PEOPLE:
        told = (
            f"it learnt from {trials.excluded} of the test transactions, and the others are of "
            f"{trials.people} people; it takes {FEWEST_PEOPLE} to tell two models apart"
        )
        return replace(counted, reason=told)
    champion = trials.right_of_head(name, known[name], directory)
    challenger = trials.right_of_model(model)
    difference, interval = paired_difference(champion, challenger, trials.person)
    return replace(
        counted,
        champion=float(champion.mean()),
        challenger=float(challenger.mean()),
        difference=difference,
        interval=interval,
    )


def _obstacle(
    reigning: ExportedBackbone, directory: Path, model: Path, embedding: dict[str, Any]
) -> str | None:
    """Why no run can ask the champion what it asks the model; None if it can."""
    if reigning.status is not Status.SUCCEEDED:
        return reigning.reason
    row = embedding[reigning.same_as or REIGNING]
    if row["status"] != Status.SUCCEEDED:
        return f"its features cannot be had: {row['reason']}"
    crops = [read_json(each / LINEAGE_FILE)["parameters"]["crop"] for each in (directory, model)]
    if crops[0] != crops[1]:
        return f"its frames were cut with crop={crops[0]}, those of this run with crop={crops[1]}"
    return None


class Trials:
    """The test transactions of people in the classes from whose clips the champion learnt nothing.

    Attributes:
        names: of the transactions [n], sorted.
        person: whose each is [n], an index into the dataset's classes.
        people: how many people those are.
        excluded: transactions left out.
    """

    def __init__(self, dataset: Path, clips: dict[str, list[str]]) -> None:
        """Find them.

        Args:
            dataset: the directory that split_dataset wrote.
            clips: of the champion's lineage, by side.
        """
        columns = ["clip_id", "index", "split", "transaction", "person"]
        index = read_table(dataset / INDEX_FILE, INDEX, columns)
        self._dataset = dataset
        self._clip, self._index, split, transaction, person = (
            np.asarray(index[name].to_pylist()) for name in columns
        )
        tested = (split == Split.TEST) & (person != STRANGER)
        learnt = np.isin(self._clip, [*clips[Split.TRAIN], *clips[Split.CALIBRATION]])
        self.excluded = len(np.unique(transaction[tested & learnt]))
        rows = tested & ~learnt
        self.names, first, group = np.unique(
            transaction[rows], return_index=True, return_inverse=True
        )
        self.person = person[rows][first]
        self.people = len(np.unique(self.person))
        self._group = np.full(len(rows), -1)
        self._group[rows] = group

    def right_of_head(
        self, backbone: str, exported: ExportedBackbone, directory: Path
    ) -> npt.NDArray[np.float64]:
        """1 for each transaction of which a head names the right person, else 0, [n].

        The frames are pooled by their mean log-probability.

        Args:
            backbone: whose features it takes.
            exported: what is known of that backbone.
            directory: holds the head and the classes that it knows.
        """
        import keras  # noqa: PLC0415 - slow, and not needed where there is no champion

        head = keras.saving.load_model(directory / HEAD_FILE, compile=False, safe_mode=True)
        classes = Classes.read(directory / CLASSES_FILE)
        logs = np.zeros((len(self.names), len(classes.people)))
        for group, features in self._batches(backbone, exported.dimension or 0):
            frames = head.predict(features, batch_size=_BATCH_ROWS, verbose=0)["person"]
            np.add.at(logs, group, np.log(np.maximum(frames, SMALLEST_PROBABILITY)))
        named = np.asarray(classes.people)[logs.argmax(1)]
        own = np.asarray(Classes.read(self._dataset / CLASSES_FILE).people)[self.person]
        return np.asarray(named == own, np.float64)

    def right_of_model(self, model: Path) -> npt.NDArray[np.float64]:
        """1 for each transaction that a new model got right, by its own account, else 0, [n].

        Raises:
            ContractError: it does not account for all of them.
        """
        columns = ["transaction", "split", "person", "predicted"]
        rows = read_table(model / TRANSACTIONS_FILE, TRANSACTIONS, columns).to_pylist()
        right = {
            row["transaction"]: row["predicted"] == row["person"]
            for row in rows
            if row["split"] == Split.TEST
        }
        if missing := set(self.names.tolist()) - right.keys():
            raise ContractError(f"{TRANSACTIONS_FILE} lacks {len(missing)} test transactions")
        return np.asarray([right[name] for name in self.names.tolist()], np.float64)

    def _batches(
        self, backbone: str, dimension: int
    ) -> Iterator[tuple[npt.NDArray[np.intp], Features]]:
        """The features of the frames that count, and the transaction of each, a batch at a time."""
        path = self._dataset / features_file(backbone)
        with open_table(path, features_schema(dimension)) as file:
            if file.metadata.num_rows != len(self._clip):
                raise ContractError(f"{path.name} has other rows than {INDEX_FILE}")
            at = 0
            for batch in file.iter_batches(_BATCH_ROWS):
                rows = slice(at, at + batch.num_rows)
                at = rows.stop
                same_clip = np.asarray(batch["clip_id"].to_pylist()) == self._clip[rows]
                if not (same_clip & (batch["index"].to_numpy() == self._index[rows])).all():
                    raise ContractError(f"{path.name}: its rows are not those of {INDEX_FILE}")
                wanted = self._group[rows] >= 0
                if wanted.any():
                    features = batch["feature"].flatten().to_numpy().reshape(-1, dimension)
                    yield self._group[rows][wanted], features[wanted]
