"""Azure Blob, against the real emulator: what is listed, what fails how, what is tried again."""

from __future__ import annotations

import subprocess
import sys
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from azure.storage.blob import ContentSettings, StandardBlobTier

from components import blob_source
from components.blob_address import blob_address, source_address
from components.contracts import ClipError, Reason
from components.errors import RosterError, SourceError
from components.sources import localise, open_source, read_roster
from tests.azurite import KEY, connection_string

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.storage.blob import ContainerClient

    from components.sources import SourceFile
    from tests.azurite import Azurite, Gate

STRING = "AZURE_STORAGE_CONNECTION_STRING"
SAS = "AZURE_STORAGE_SAS_TOKEN"
ACCOUNT = "AZURE_STORAGE_ACCOUNT"
CONTENT = bytes(range(256)) * 16
MANY = 5_001


def files_in(container: ContainerClient, prefix: str = "") -> list[SourceFile]:
    return list(open_source(f"az://{container.container_name}{prefix}").files())


def put_raw(azurite: Azurite, container: ContainerClient, path: str) -> None:
    """Upload under a name that clients would tidy up on the way."""
    azurite.upload_many(container.container_name, [path])


@pytest.fixture
def clip(container: ContainerClient, monkeypatch: pytest.MonkeyPatch) -> SourceFile:
    """A clip of four ranges."""
    monkeypatch.setattr(blob_source, "RANGE_BYTES", 1024)
    container.upload_blob("videos/person-7.mp4", CONTENT)
    (file,) = files_in(container)
    return file


@pytest.fixture
def through_gate(gate: Gate, container: ContainerClient, clip: SourceFile) -> SourceFile:
    (file,) = files_in(container)
    return file


@pytest.fixture(scope="module")
def crowd(azurite: Azurite) -> Iterator[ContainerClient]:
    """A container with more blobs than fit on a page."""
    with azurite.service as service:
        made = service.create_container("crowd")
        azurite.upload_many("crowd", [f"videos/p{number:05d}.mp4" for number in range(MANY)])
        yield made


def read(file: SourceFile) -> bytes:
    with localise(file.uri, file.etag) as path:
        return path.read_bytes()


def text_of(error: BaseException) -> str:
    """The error as a pod's log would show it."""
    return "".join(traceback.format_exception(error))


# What is listed


def test_a_listing_of_more_than_a_page_is_whole_and_in_order(
    container: ContainerClient, crowd: ContainerClient
) -> None:
    paths = [file.path for file in files_in(crowd)]
    assert len(paths) == MANY
    assert paths == sorted(paths)


def test_more_files_than_allowed_are_an_error(
    container: ContainerClient, crowd: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_source, "MAX_FILES", 5_000)
    with pytest.raises(SourceError, match="more than 5,000 files"):
        files_in(crowd)


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        "100%.mp4",
        "a%20b.mp4",
        "a+b&c=d.mp4",
        "é?#.mp4",
        "日本/ß.mp4",
        "~'(!)*;.mp4",
        "\U0001f600.mp4",
    ],
)
def test_any_name_can_be_found_again_by_its_uri(container: ContainerClient, name: str) -> None:
    container.upload_blob(f"videos/{name}", name.encode())
    (file,) = files_in(container)
    assert (file.path, file.problem) == (name, None)
    assert file.uri.isascii()
    assert read(file) == name.encode()


@pytest.mark.parametrize(
    "path",
    ["../../escape.mp4", "p1/../p2.mp4", "/etc/rooted.mp4", "p1//s1.mp4", "./p1.mp4"],
)
def test_a_name_that_a_url_does_not_keep_is_a_problem_and_never_read(
    azurite: Azurite, container: ContainerClient, tmp_path: Path, path: str
) -> None:
    before = sorted(tmp_path.parent.rglob("*"))
    put_raw(azurite, container, f"videos/{path}")
    (file,) = files_in(container)
    assert file.path == path
    assert "URL" in (file.problem or "")
    with pytest.raises(SourceError, match=r"\.\. part"):
        read(file)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_name_with_a_leading_slash_is_not_below_the_videos(
    azurite: Azurite, container: ContainerClient
) -> None:
    put_raw(azurite, container, "/videos/p1.mp4")
    with pytest.raises(SourceError, match="there are none"):
        files_in(container)


def test_placeholders_of_folders_and_hidden_files_are_not_listed(
    container: ContainerClient,
) -> None:
    container.upload_blob("videos/p1", b"", metadata={"hdi_isfolder": "true"})
    for name in ("p1/", "p1/.DS_Store", ".trash/p1.mp4", "Thumbs.db"):
        container.upload_blob(f"videos/{name}", b"")
    container.upload_blob("videos/p1/s1.mp4", b"x")
    assert [file.path for file in files_in(container)] == ["p1/s1.mp4"]


def test_an_archived_blob_is_a_problem(container: ContainerClient) -> None:
    container.upload_blob("videos/p1.mp4", b"x", standard_blob_tier=StandardBlobTier.ARCHIVE)
    (file,) = files_in(container)
    assert "rehydrate" in (file.problem or "")


def test_a_prefix_ends_at_a_slash(container: ContainerClient) -> None:
    container.upload_blob("term/videos/p1.mp4", b"x")
    container.upload_blob("term-2/videos/p2.mp4", b"x")
    assert [file.path for file in files_in(container, "/term")] == ["p1.mp4"]


# What is read


def test_a_clip_is_read_range_by_range_each_held_to_the_etag(
    through_gate: SourceFile, gate: Gate
) -> None:
    assert read(through_gate) == CONTENT
    wanted = [f"bytes={start}-{start + 1023}" for start in (0, 1024, 2048, 3072)]
    assert [one.range for one in gate.downloads()] == wanted
    assert {one.if_match for one in gate.downloads()} == {f'"{through_gate.etag}"'}


def test_a_content_encoding_changes_nothing(container: ContainerClient) -> None:
    settings = ContentSettings(content_encoding="gzip")
    container.upload_blob("videos/p1.mp4", CONTENT, content_settings=settings)
    (file,) = files_in(container)
    assert read(file) == CONTENT


def test_the_temporary_file_is_the_owners_alone_names_nobody_and_goes(
    clip: SourceFile, tmp_path: Path
) -> None:
    with localise(clip.uri, clip.etag) as path:
        assert path.parent == tmp_path / "scratch"
        assert "person" not in path.name
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_a_clip_that_does_not_fit_on_the_disk_is_not_begun(
    through_gate: SourceFile, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_source, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(SourceError, match="ROLLCALL_SCRATCH"):
        read(through_gate)
    assert not gate.downloads()


def test_a_scratch_folder_that_is_not_there_is_an_error_that_says_so(
    clip: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_SCRATCH", "/nowhere")
    with pytest.raises(SourceError, match="ROLLCALL_SCRATCH"):
        read(clip)


def test_a_roster_that_is_missing_is_an_error_that_says_where(container: ContainerClient) -> None:
    with pytest.raises(RosterError, match=rf"{container.container_name}/term"):
        open_source(f"az://{container.container_name}/term").read_roster()


def test_a_roster_may_lie_apart_from_the_source(container: ContainerClient, tmp_path: Path) -> None:
    container.upload_blob("people/ours.csv", CONTENT)
    roster = f"az://{container.container_name}/people/ours.csv"
    assert read_roster(open_source(str(tmp_path)), roster) == CONTENT
    with pytest.raises(RosterError, match=r"looked for theirs\.csv in http.*/people"):
        read_roster(open_source(str(tmp_path)), roster.replace("ours", "theirs"))


def test_a_roster_is_read_whole(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_source, "RANGE_BYTES", 1000)
    container.upload_blob("roster.csv", CONTENT)
    assert open_source(f"az://{container.container_name}").read_roster() == CONTENT


# What changes


def test_a_blob_that_changes_in_mid_download_is_refused(
    through_gate: SourceFile, gate: Gate, container: ContainerClient, tmp_path: Path
) -> None:
    def change(number: int) -> None:
        if number == 2:
            container.upload_blob("videos/person-7.mp4", CONTENT, overwrite=True)

    gate.before_download = change
    with pytest.raises(ClipError) as caught:
        read(through_gate)
    assert caught.value.reason is Reason.CHANGED_SINCE_INGEST
    assert list((tmp_path / "scratch").iterdir()) == []


# What is tried again


def test_a_busy_server_is_asked_again(through_gate: SourceFile, gate: Gate) -> None:
    gate.unavailable = 2
    assert read(through_gate) == CONTENT
    assert len(gate.downloads()) == 4 + 2


def test_a_cut_download_goes_on_where_it_was_cut(through_gate: SourceFile, gate: Gate) -> None:
    def cut(number: int) -> None:
        gate.cuts = int(number == 2)

    gate.before_download = cut
    assert read(through_gate) == CONTENT
    starts = [
        int((one.range or "").removeprefix("bytes=").split("-")[0]) for one in gate.downloads()
    ]
    assert starts == [0, 1024, 2048, 2048, 3072]


@pytest.mark.parametrize(("fault", "told"), [("unavailable", "503"), ("cuts", "breaking off")])
def test_a_fault_that_stays_is_given_up_and_names_nobody(
    through_gate: SourceFile, gate: Gate, tmp_path: Path, fault: str, told: str
) -> None:
    setattr(gate, fault, 1000)
    with pytest.raises(SourceError, match=told) as caught:
        read(through_gate)
    assert "person-7" not in text_of(caught.value)
    assert 3 <= len(gate.downloads()) <= blob_source.RETRIES + 1
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_account_that_cannot_be_reached_is_an_error_that_says_so(
    clip: SourceFile, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STRING, connection_string("http://127.0.0.1:1/devstoreaccount1"))
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        list(open_source("az://cohort").files())
    assert KEY not in text_of(caught.value)


# Who may


def test_a_wrong_container_is_an_error_that_names_it(container: ContainerClient) -> None:
    for call in (open_source("az://nowhere").read_roster, lambda: files_of("az://nowhere")):
        with pytest.raises(SourceError, match="no container 'nowhere'"):
            call()


def files_of(source: str) -> list[SourceFile]:
    return list(open_source(source).files())


def test_a_sas_opens_a_source(
    clip: SourceFile, azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sas = azurite.sas(container.container_name, ends_in=timedelta(hours=1))
    monkeypatch.delenv(STRING)
    monkeypatch.setenv(SAS, f"?{sas}")
    (file,) = files_of(f"{azurite.endpoint}/{container.container_name}")
    assert file == clip
    assert read(file) == CONTENT


def test_a_connection_string_with_a_sas_opens_a_source(
    clip: SourceFile, azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sas = azurite.sas(container.container_name, ends_in=timedelta(hours=1))
    monkeypatch.setenv(STRING, f"BlobEndpoint={azurite.endpoint};SharedAccessSignature={sas}")
    assert files_of(f"az://{container.container_name}") == [clip]


def test_an_expired_sas_is_an_error_that_says_when_and_not_what(
    clip: SourceFile, azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sas = azurite.sas(container.container_name, ends_in=-timedelta(days=1))
    signature = sas.partition("sig=")[2].partition("&")[0]
    monkeypatch.delenv(STRING)
    monkeypatch.setenv(SAS, sas)
    source = f"{azurite.endpoint}/{container.container_name}"
    for call in (lambda: files_of(source), open_source(source).read_roster, lambda: read(clip)):
        with pytest.raises(SourceError, match=rf"{SAS} ends at 20\d\d-") as caught:
            call()
        assert signature not in text_of(caught.value)
        assert "person-7" not in text_of(caught.value)


def test_a_wrong_key_is_an_error_that_does_not_repeat_it(
    container: ContainerClient, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in (KEY.replace("E", "F"), "not base64"):
        monkeypatch.setenv(STRING, connection_string(azurite.endpoint).replace(KEY, key))
        with pytest.raises(SourceError, match=STRING) as caught:
            files_of("az://cohort")
        assert key not in text_of(caught.value)


def test_an_emulator_without_a_key_is_refused(
    container: ContainerClient, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(STRING)
    with pytest.raises(SourceError, match="emulator"):
        open_source(f"{azurite.endpoint}/cohort")


def test_no_credentials_at_all_is_an_error_that_says_what_to_set(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(STRING)
    monkeypatch.setenv(ACCOUNT, "rollcalltest")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with pytest.raises(SourceError, match=r"no credentials.*workload identity"):
        files_of("az://cohort")


def test_a_variable_that_holds_no_sas_is_refused_and_not_repeated(
    container: ContainerClient, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(STRING)
    monkeypatch.setenv(SAS, "SECRET")
    with pytest.raises(SourceError, match=SAS) as caught:
        open_source(f"{azurite.endpoint}/cohort")
    assert "SECRET" not in text_of(caught.value)


@pytest.mark.parametrize("value", ["SECRET", "AccountKey=SECRET", "BlobEndpoint=http://SECRET/x"])
def test_a_malformed_connection_string_is_refused_and_not_repeated(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(STRING, value)
    with pytest.raises(SourceError, match=STRING) as caught:
        open_source("az://cohort")
    assert "SECRET" not in text_of(caught.value)


# What is logged


def test_no_person_and_no_secret_is_logged(
    through_gate: SourceFile, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    gate.unavailable = 1
    read(through_gate)
    assert "person-7" not in caplog.text
    assert "sig=" not in caplog.text


# How an address is written


@pytest.mark.parametrize(
    "source",
    [
        "https://account.blob.core.windows.net/cohort?sv=1&sig=SECRET",
        "https://user:SECRET@account.blob.core.windows.net/cohort",
        "az://cohort?sig=SECRET",
        "https://account.blob.core.windows.net/cohort#SECRET",
    ],
)
def test_a_secret_in_a_source_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv(ACCOUNT, "account")
    with pytest.raises(SourceError, match=SAS) as caught:
        open_source(source)
    assert "SECRET" not in text_of(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "https://example.com/cohort",
        "https://account.blob.core.windows.net.example.com/cohort",
        "https://example.com/account.blob.core.windows.net/cohort",
        "http://account.blob.core.windows.net/cohort",
        "https://account.blob.core.windows.net:444/cohort",
        "http://127.0.0.1.example.com/devstoreaccount1/cohort",
        "https://",
    ],
)
def test_no_credential_is_sent_to_an_unknown_host(
    monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.delenv(STRING, raising=False)
    with pytest.raises(SourceError, match="no storage account is known"):
        source_address(source)


def test_a_source_of_another_account_than_the_connection_strings_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(STRING, f"AccountName=mine;AccountKey={KEY}")
    assert source_address("az://cohort").endpoint == "https://mine.blob.core.windows.net"
    with pytest.raises(SourceError, match="another account"):
        source_address("https://other.blob.core.windows.net/cohort")


@pytest.mark.parametrize("account", [None, "Not/An/Account", "a.evil.example"])
def test_az_without_an_account_says_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, account: str | None
) -> None:
    monkeypatch.delenv(STRING, raising=False)
    monkeypatch.delenv(ACCOUNT, raising=False)
    if account:
        monkeypatch.setenv(ACCOUNT, account)
    with pytest.raises(SourceError, match=ACCOUNT):
        source_address("az://cohort")


@pytest.mark.parametrize(
    "path", ["", "/", "/UPPER", "/a--b", "/ab/x/../y", "/abc/./x", "/abc/x//y"]
)
def test_an_address_without_a_container_or_with_odd_parts_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.delenv(STRING, raising=False)
    with pytest.raises(SourceError):
        source_address(f"https://account.blob.core.windows.net{path}")


@pytest.mark.parametrize("name", ["a b", "é", "%2F", "/a", "a//b", ""])
def test_the_uri_of_an_address_reads_as_the_same_address(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(STRING, raising=False)
    address = blob_address(f"https://account.blob.core.windows.net/cohort/{quote(name)}")
    assert address.name == name
    assert blob_address(address.uri) == address


def test_a_run_over_a_folder_does_not_load_the_sdk() -> None:
    code = (
        "import sys, components.ingest_videos.ingest, components.extract_frames.extract as e; "
        "sys.exit(any(name.split('.')[0] == 'azure' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
