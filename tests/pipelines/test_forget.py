"""Forgetting a person: what is found, removed, revoked, and what the receipt says."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from azure.storage.blob import RetentionPolicy
from mlflow import MlflowClient

from components.artifacts import digests_of, read_json, write_json
from components.audit_log import read_log
from components.contracts import CLIPS, CLIPS_FILE, REJECTS_FILE, Reason, Reject, rejects_table
from components.errors import ContractError, RegistryError, RollcallError, TrustError
from components.model_directory import CLASSES_FILE, LINEAGE_FILE, METRICS_FILE, Classes
from components.parquet import write_table
from components.pseudonyms import hide
from components.registry import CHAMPION, MODEL_NAME, fetch_model
from pipelines import cli
from pipelines.forget import RECEIPTS, Request, find_traces, forget, receipts_of
from pipelines.local import CHECKPOINTS
from tests.registered import aliases, register

PERSON, OTHER = "p-1", "p-2"
ROSTER = (PERSON, OTHER, "p-10")


def clip_id(content):
    return hashlib.sha256(content).hexdigest()[:16]


def write_model(folder, *, people=(), strangers=(), clips=(), with_digests=True):
    """A model directory as train_model writes it, as far as its origin goes."""
    folder.mkdir(parents=True)
    Classes(tuple(people), (0,) * len(people)).write(folder / CLASSES_FILE)
    write_json(folder / METRICS_FILE, {"name": "MobileNetV2"})
    everybody = {"people": hide([*people, *strangers], "salt")} if with_digests else {}
    lineage = {"code_version": "0.1.0", "clips": {"train": [], "test": list(clips)}, **everybody}
    write_json(folder / LINEAGE_FILE, {**lineage, "sha256": digests_of(folder)})
    return folder


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    for person in ROSTER:
        for area, name in (("videos", "s1.mp4"), ("images", "s1/a.jpg")):
            path = folder / area / person / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{area} of {person}")
    rows = [f"{person},student,2025-01-01,2099-12-31" for person in ROSTER]
    header = "person_id,role,consent_given_on,consent_expires_on"
    (folder / "roster.csv").write_text("\n".join([header, *rows, ""]))
    return folder


OWN_CLIP = clip_id(b"videos of p-1")


@pytest.fixture
def output(tmp_path, source):
    """A run's output, whose model knows both people."""
    folder = tmp_path / "out"
    write_model(folder / "champion", people=(PERSON, OTHER), clips=(OWN_CLIP,))
    (folder / "report.html").write_text(f"<td>{PERSON}</td><td>{OTHER}</td>")
    (folder / "run.log").write_text("2 clips accepted")
    write_json(folder / "leaderboard.json", {"models": []})
    rows = [f'"{source.as_uri()}/videos/{person}/x.mp4",,i,empty,"0 bytes"' for person in ROSTER]
    copy = f'"file:///elsewhere/copy.mp4",{OWN_CLIP},i,duplicate,copy'
    (folder / "rejects.csv").write_text(
        "\n".join(['"uri","clip_id","step","reason","detail"', *rows, copy, ""])
    )
    people = [f"{person},student,1,good" for person in ROSTER]
    (folder / "enrolment.csv").write_text(
        "\n".join(["person_id,role,sessions,verdict", *people, ""])
    )
    pair = [f'1,"{person}","s1","{source.as_uri()}/x",c-{person}' for person in (PERSON, OTHER)]
    (folder / "copies.csv").write_text("\n".join(["pair,person_id,session,uri,clip_id", *pair, ""]))
    return folder


@pytest.fixture
def registry(registry, tmp_path):
    """Version 1 knows OTHER alone; version 2, the champion, knows both."""
    register(write_model(tmp_path / "m1", people=(OTHER,)), registry, "1" * 64)
    register(write_model(tmp_path / "m2", people=(PERSON, OTHER)), registry, "2" * 64)
    return registry


@pytest.fixture
def request_(source, output, registry):
    return Request(PERSON, str(source), output, registry, delete_source=True)


def run(request):
    plan = find_traces(request)
    path = forget(plan)
    return plan, read_json(path)


def text_of_receipt(output):
    (path,) = (output / RECEIPTS).iterdir()
    return path.read_text()


def found(plan):
    return {(item.what, item.place): item.action for item in plan.items}


def test_everything_that_derives_from_the_person_is_found(request_):
    assert found(find_traces(request_)) == {
        ("model version", "version 2"): "revoke",
        ("model", "champion/"): "remove",
        ("text", "report.html"): "remove",
        ("table", "rejects.csv"): "rewrite without them",
        ("table", "enrolment.csv"): "rewrite without them",
        ("table", "copies.csv"): "rewrite without them",
        ("file of the source", "videos/<person>/s1.mp4"): "remove",
        ("file of the source", "images/<person>/s1/a.jpg"): "remove",
    }


def test_looking_changes_nothing(request_, tmp_path):
    before = digests_of(tmp_path / "source"), digests_of(tmp_path / "out")
    find_traces(request_)
    assert (digests_of(tmp_path / "source"), digests_of(tmp_path / "out")) == before


def test_the_source_stays_unless_its_deletion_is_asked_for(source, output, registry):
    plan, receipt = run(Request(PERSON, str(source), output, registry))
    assert (source / "videos" / PERSON / "s1.mp4").exists()
    outcomes = {item["outcome"] for item in receipt["items"] if "source" in item["what"]}
    assert outcomes == {"left"}
    assert receipt["outcome"] == "succeeded"
    assert plan.counts()["left"] == 2


def test_afterwards_nothing_of_the_person_is_left_and_all_of_the_others_is(
    request_, source, output
):
    run(request_)
    assert not (source / "videos" / PERSON).exists()
    assert not (source / "images" / PERSON).exists()
    assert (source / "videos" / "p-10" / "s1.mp4").exists()
    assert not (output / "champion").exists()
    assert (output / "leaderboard.json").exists()
    assert (output / "run.log").exists()
    rejects = (output / "rejects.csv").read_text()
    assert f"/{PERSON}/" not in rejects
    assert OWN_CLIP not in rejects
    assert f"/{OTHER}/" in rejects
    assert "/p-10/" in rejects
    enrolment = (output / "enrolment.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in enrolment] == [OTHER, "p-10"]
    copies = (output / "copies.csv").read_text()
    assert PERSON not in copies.replace("p-10", "")
    assert f",{OTHER}," in copies


def test_a_second_time_nothing_is_found(request_):
    run(request_)
    assert find_traces(request_).items == []


def test_a_stranger_to_everything_is_found_nowhere(source, output, registry):
    plan = find_traces(Request("p-9", str(source), output, registry, delete_source=True))
    assert (plan.items, plan.problems) == ([], [])


def test_the_version_that_knows_them_is_revoked_and_not_the_other(request_, registry, tmp_path):
    run(request_)
    client = MlflowClient(registry)
    assert client.get_model_version(MODEL_NAME, "2").tags["status"] == "revoked"
    assert "status" not in client.get_model_version(MODEL_NAME, "1").tags
    assert aliases(registry) == {"previous": "1"}  # which is not champion unless somebody says so
    with pytest.raises(TrustError, match="revoked"):
        fetch_model(registry, tmp_path / "fetched", "2")
    assert fetch_model(registry, tmp_path / "fetched", "1")


def test_a_champion_that_a_kept_run_was_held_to_goes_with_it(request_, output):
    """Its clips are of an earlier run: no table of this one names the person."""
    write_kept_work(output, [OTHER])
    write_model(output / ".work" / "pipeline" / "reigning-champion", people=(PERSON,))
    run(request_)
    assert not (output / ".work").exists()


def test_a_champion_that_does_not_know_them_stays(request_, registry, output, tmp_path):
    register(write_model(tmp_path / "m3", people=(OTHER,)), registry, "3" * 64)
    shutil.rmtree(output / "champion")
    shutil.copytree(tmp_path / "m3", output / "champion")
    run(request_)
    found = MlflowClient(registry).get_model_version_by_alias(MODEL_NAME, CHAMPION)
    assert str(found.version) == "3"
    assert (output / "champion").is_dir()


@pytest.mark.parametrize(
    "origin",
    [
        {"people": (PERSON,), "with_digests": False},
        {"strangers": (PERSON,)},
        {"clips": (OWN_CLIP,), "with_digests": False},
    ],
    ids=["one of its classes", "a stranger to it", "clips alone"],
)
def test_a_model_is_known_by_any_of_three_marks(request_, registry, tmp_path, origin):
    register(write_model(tmp_path / "m3", **origin), registry, "3" * 64)
    assert ("model version", "version 3") in found(find_traces(request_))


def test_models_are_found_when_the_clips_have_gone(request_, source):
    shutil.rmtree(source / "videos" / PERSON)
    shutil.rmtree(source / "images" / PERSON)
    assert {"model version", "model"} <= {what for what, _ in found(find_traces(request_))}


def write_kept_work(output, people, rejected=()):
    tasks = output / ".work" / "pipeline" / "run"
    rows = [
        {
            "clip_id": f"{number:016x}",
            "uri": f"file:///s/videos/{person}/s1.mp4",
            "person_id": person,
            "role": "student",
            "session": "s1",
            "codec": "h264",
            "bytes": 1,
            "duration_s": 1.0,
            "width": 1,
            "height": 1,
            "shard": 0,
        }
        for number, person in enumerate(people)
    ]
    clips = tasks / "ingest-videos" / "clips"
    clips.mkdir(parents=True)
    write_table(clips / CLIPS_FILE, CLIPS.empty_table().from_pylist(rows, schema=CLIPS))
    rejects = [Reject(f"file:///s/videos/{p}.mp4", "i", Reason.EMPTY, "") for p in rejected]
    write_table(clips / REJECTS_FILE, rejects_table(rejects))
    (tasks / "model.keras").write_bytes(b"faces")


@pytest.mark.parametrize(("people", "rejected"), [([PERSON], []), ([OTHER], [PERSON])])
def test_frames_and_features_that_were_kept_go_as_a_whole(request_, output, people, rejected):
    write_kept_work(output, people, rejected)
    _, receipt = run(request_)
    assert not (output / ".work").exists()
    item = next(item for item in receipt["items"] if item["what"] == "frames and features")
    digest = hashlib.sha256(b"faces").hexdigest()
    assert item["sha256"]["pipeline/run/model.keras"] == digest


def test_frames_of_others_alone_stay(request_, output):
    write_kept_work(output, [OTHER, "p-10"])
    run(request_)
    assert (output / ".work").exists()


def test_frames_go_where_a_table_of_people_has_the_pseudonym(request_, output):
    write_kept_work(output, [OTHER])
    table = pa.table({"person_id": [OTHER, PERSON]})
    write_table(output / ".work" / "pipeline" / "enrolment.parquet", table)
    run(request_)
    assert not (output / ".work").exists()


def test_frames_go_where_a_table_cannot_be_read(request_, output):
    write_kept_work(output, [OTHER])
    (output / ".work" / "pipeline" / "half.parquet").write_bytes(b"PAR1")
    run(request_)
    assert not (output / ".work").exists()


def test_frames_of_nobody_knows_whom_go(request_, output):
    (output / ".work").mkdir()
    (output / ".work" / "frames.parquet").write_bytes(b"faces")
    run(request_)
    assert not (output / ".work").exists()


def test_what_a_killed_run_left_behind_goes(request_, output):
    (output / ".champion.1234abcd.partial").mkdir()
    (output / ".rejects.csv.1234abcd.partial").write_text("x")
    (output / CHECKPOINTS).mkdir()
    (output / CHECKPOINTS / "1234abcd.checkpoint").write_text("x")
    run(request_)
    assert not list(output.glob(".*.partial"))
    assert not (output / CHECKPOINTS).exists()


def test_clips_whose_ids_only_a_kept_run_knows_lead_to_their_models(
    request_, source, output, registry, tmp_path
):
    shutil.rmtree(source / "videos" / PERSON)
    write_kept_work(output, [OTHER, PERSON])
    clips = (f"{1:016x}",)
    model = write_model(tmp_path / "m3", clips=clips, with_digests=False)
    register(model, registry, "3" * 64)
    assert ("model version", "version 3") in found(find_traces(request_))


def test_the_receipt_says_what_was_removed_with_digests_and_when(request_):
    before = datetime.now(UTC).replace(microsecond=0)
    _, receipt = run(request_)
    assert receipt["outcome"] == "succeeded"
    assert before <= datetime.fromisoformat(receipt["started"])
    assert receipt["started"] <= receipt["ended"]
    items = {item["place"]: item for item in receipt["items"]}
    clip = items["videos/<person>/s1.mp4"]
    assert clip["sha256"] == {"content": hashlib.sha256(b"videos of p-1").hexdigest()}
    assert clip["outcome"] == "done"
    assert LINEAGE_FILE in items["champion/"]["sha256"]
    assert items["version 2"]["remark"].endswith("loses the alias champion")
    assert receipt["not_covered"]


def test_the_receipt_names_nobody_but_proves_whom_it_is_of(request_, output):
    run(request_)
    text = text_of_receipt(output)
    (path,) = (output / RECEIPTS).iterdir()
    assert not [person for person in ROSTER if person in text]
    assert receipts_of(output, PERSON) == [path]
    assert receipts_of(output, OTHER) == []


def test_what_is_no_receipt_is_not_taken_for_one(output):
    (output / RECEIPTS).mkdir()
    write_json(output / RECEIPTS / "forget-x.json", {})
    with pytest.raises(ContractError, match="no receipt"):
        receipts_of(output, PERSON)


def test_a_folder_in_the_place_of_a_clip_is_a_failure_and_the_rest_goes(request_, source):
    plan = find_traces(request_)
    clip = source / "videos" / PERSON / "s1.mp4"
    clip.unlink()
    clip.mkdir()
    receipt = read_json(forget(plan))
    assert receipt["outcome"] == "failed"
    outcomes = {item["place"]: item["outcome"] for item in receipt["items"]}
    assert outcomes.pop("videos/<person>/s1.mp4") == "failed"
    assert set(outcomes.values()) == {"done"}


def test_a_version_that_cannot_be_looked_into_is_a_failure(request_, tmp_path):
    for lineage in (tmp_path / "registry" / "artifacts").rglob(LINEAGE_FILE):
        lineage.unlink()
    plan, receipt = run(request_)
    assert receipt["outcome"] == "failed"
    assert len(plan.problems) == 2
    assert all("cannot be read" in problem for problem in receipt["problems"])


def test_a_champion_that_cannot_be_looked_into_is_a_failure(request_, output):
    (output / "champion" / LINEAGE_FILE).unlink()
    _, receipt = run(request_)
    assert receipt["outcome"] == "failed"


def test_while_a_run_writes_nothing_is_removed(request_, source, output):
    import fcntl

    plan = find_traces(request_)
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RollcallError, match="another run"):
            forget(plan)
    assert (source / "videos" / PERSON / "s1.mp4").exists()


@pytest.mark.parametrize("person", ["", "../p-1", "p 1", "p-1/s1", "x" * 65])
def test_what_is_no_pseudonym_is_refused(source, output, person):
    with pytest.raises(RollcallError, match="pseudonym"):
        find_traces(Request(person, str(source), output))


def test_an_output_folder_that_is_not_there_is_an_error(source, tmp_path):
    with pytest.raises(RollcallError, match="no folder"):
        find_traces(Request(PERSON, str(source), tmp_path / "none"))


def test_a_registry_that_is_named_and_not_there_is_an_error(source, output, tmp_path):
    with pytest.raises(RegistryError, match="--registry"):
        find_traces(Request(PERSON, str(source), output, f"sqlite:///{tmp_path / 'no.db'}"))


def test_where_no_run_made_a_registry_none_is_looked_into_and_that_is_said(
    source, output, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert find_traces(Request(PERSON, str(source), output)).registry is None


# In Azure Blob


@pytest.fixture
def blobs(azurite, container, source):
    azurite.upload_folder(container, source, "school")
    return container


@pytest.fixture
def blob_request(blobs, output, registry):
    address = f"az://{blobs.container_name}/school"
    return Request(PERSON, address, output, registry, delete_source=True)


def test_a_source_in_blob_is_forgotten_in_and_hashed(blob_request, blobs):
    _, receipt = run(blob_request)
    assert not [blob.name for blob in blobs.list_blobs() if f"/{PERSON}/" in blob.name]
    assert len(list(blobs.list_blobs())) == 2 * (len(ROSTER) - 1) + 1
    items = {item["place"]: item for item in receipt["items"]}
    digest = hashlib.sha256(b"videos of p-1").hexdigest()
    assert items["videos/<person>/s1.mp4"]["sha256"] == {"content": digest}
    assert receipt["recoverable"]["soft_delete"] is False


def test_with_soft_delete_on_the_receipt_says_until_when(azurite, blob_request):
    with azurite.service as service:
        service.set_service_properties(
            delete_retention_policy=RetentionPolicy(enabled=True, days=14)
        )
        try:
            _, receipt = run(blob_request)
        finally:
            service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))
    until = datetime.fromisoformat(receipt["recoverable"]["until"])
    assert until == datetime.fromisoformat(receipt["ended"]) + timedelta(days=14)


def test_where_soft_delete_cannot_be_read_the_receipt_says_unknown_and_nothing_failed(
    azurite, blob_request, blobs, monkeypatch
):
    from components import blob_source

    sas = azurite.sas(blobs.container_name, ends_in=timedelta(hours=1), permission="rld")
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas)
    blob_source._client.cache_clear()
    address = f"{azurite.endpoint}/{blobs.container_name}/school"
    more = (blob_request.output, blob_request.registry)
    _, receipt = run(Request(PERSON, address, *more, delete_source=True))
    assert receipt["outcome"] == "succeeded"
    assert receipt["recoverable"]["soft_delete"] == "unknown"
    assert "sig=" not in json.dumps(receipt)


# The command


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["rollcall", "forget", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(cli, "console", cli.Console(width=200))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return ended.value.code, printed.out + printed.err


@pytest.fixture
def arguments(source, output, registry):
    where = ("--source", source, "--output", output, "--registry", registry)
    return (PERSON, *where, "--delete-source")


def audit_log(tmp_path):
    return list(read_log(tmp_path / "audit.jsonl"))


def test_the_command_shows_removes_and_names_the_receipt(monkeypatch, capsys, arguments, output):
    code, printed = call(monkeypatch, capsys, *arguments, "--yes")
    assert code == 0
    assert "videos/<person>/" in printed
    assert "version 2" in printed
    (receipt,) = (output / RECEIPTS).iterdir()
    assert receipt.name in printed
    assert "backups and snapshots of the disk are not known" in printed


def test_without_yes_and_without_an_answer_nothing_is_removed(
    monkeypatch, capsys, arguments, source, output, tmp_path
):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, printed = call(monkeypatch, capsys, *arguments)
    assert code == 1
    assert "--yes" in printed
    assert "version 2" in printed
    assert (source / "videos" / PERSON / "s1.mp4").exists()
    assert not (output / RECEIPTS).exists()
    assert audit_log(tmp_path)[-1]["outcome"] == "declined"


def test_what_cannot_be_removed_is_told_and_gives_exit_code_1(
    monkeypatch, capsys, blobs, arguments, output, tmp_path
):
    blobs.get_blob_client(f"school/videos/{PERSON}/s1.mp4").acquire_lease(60)
    address = f"az://{blobs.container_name}/school"
    blob_arguments = [address if each == arguments[2] else each for each in arguments]
    code, printed = call(monkeypatch, capsys, *blob_arguments, "--yes")
    assert code == 1
    assert "lease" in printed
    assert "1 thing(s) could not be removed" in printed
    receipt = json.loads(text_of_receipt(output))
    assert receipt["outcome"] == "failed"
    failed = [item["place"] for item in receipt["items"] if item["outcome"] == "failed"]
    assert failed == ["videos/<person>/s1.mp4"]
    assert audit_log(tmp_path)[-1]["outcome"] == "failed"


def test_the_audit_log_counts_and_names_nobody(monkeypatch, capsys, arguments, tmp_path):
    call(monkeypatch, capsys, *arguments, "--yes")
    started, ended = audit_log(tmp_path)
    assert started["what"]["command"] == ended["what"]["command"] == "forget"
    assert ended["source_fingerprints"] == ["2" * 64]
    assert ended["counts"] == {
        "removed": 4,
        "rewritten": 3,
        "versions_revoked": 1,
        "left": 0,
        "failed": 0,
    }
    text = (tmp_path / "audit.jsonl").read_text()
    assert not [person for person in ROSTER if person in text]


def test_of_somebody_unknown_it_says_so_and_writes_no_receipt(
    monkeypatch, capsys, arguments, output
):
    code, printed = call(monkeypatch, capsys, "p-9", *arguments[1:])
    assert code == 0
    assert "Nothing was found" in printed
    assert not (output / RECEIPTS).exists()


def test_of_somebody_forgotten_before_it_names_the_receipt(monkeypatch, capsys, arguments, output):
    call(monkeypatch, capsys, *arguments, "--yes")
    code, printed = call(monkeypatch, capsys, *arguments, "--yes")
    assert code == 0
    (receipt,) = (output / RECEIPTS).iterdir()
    assert f"A receipt of this person is there: {receipt}" in printed
    assert "is the pseudonym right" not in printed.lower()
