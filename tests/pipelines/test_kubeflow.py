"""A server is there, new enough and willing, or the message says what to do."""

from __future__ import annotations

import ipaddress
import json
import logging
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipelines import kubeflow as module
from pipelines.kubeflow import KubeflowError, connect, connect_as_set
from pipelines.settings import Settings
from tests.fake_kubeflow import Fault, running_fake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fake_kubeflow import FakeKubeflow

TOKEN = "eyJ-none-of-yours"  # noqa: S105


def refused(host: str, **more) -> KubeflowError:
    with pytest.raises(KubeflowError) as raised:
        connect(host, **more)
    return raised.value


def test_a_server_that_answers_is_asked_once(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url + "/")
    assert (client.host, client.version, client.multi_user) == (kubeflow.url, "2.17.0", False)
    assert kubeflow.seen == ["GET /apis/v2beta1/healthz"]


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        (Fault("", 401), 401, "ROLLCALL_TOKEN_FILE"),
        (Fault("", 403, message="not in your namespace"), 403, "(not in your namespace)"),
        (Fault("", 404), 404, "no Kubeflow Pipelines at that path"),
        (Fault("", 500, message="the database is down"), 500, "500 (the database is down)"),
        (Fault("", 502), 502, "answers 502"),
        (
            Fault("", 302, headers={"Location": "https://login.example.org/x?state=1"}),
            302,
            "log-in",
        ),
        (Fault("", 0), 0, "broke off the connection"),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_a_refusal_is_told_with_its_status_and_what_to_do(
    kubeflow: FakeKubeflow, fault: Fault, status: int, told: str
):
    kubeflow.faults.append(fault)
    error = refused(kubeflow.url)
    assert error.status == status
    assert told in str(error)


def test_a_log_in_page_in_front_is_no_server(kubeflow: FakeKubeflow):
    kubeflow.faults.append(Fault("healthz", 200))
    assert "answers with a page" in str(refused(kubeflow.url))


def test_a_redirection_is_not_followed(kubeflow: FakeKubeflow):
    location = f"{kubeflow.url}/apis/v2beta1/healthz"
    kubeflow.faults.append(Fault("", 302, headers={"Location": location}))
    refused(kubeflow.url, token=TOKEN)
    assert len(kubeflow.seen) == 1


def test_a_server_that_never_answers_ends_in_an_error(monkeypatch, kubeflow: FakeKubeflow):
    monkeypatch.setattr(module, "READ_SECONDS", 0.1)
    kubeflow.faults.append(Fault("", None))
    assert "did not answer within" in str(refused(kubeflow.url))


def test_every_later_request_has_a_time_limit_too(monkeypatch, kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    monkeypatch.setattr(module, "READ_SECONDS", 0.1)
    kubeflow.faults.append(Fault("/runs", None))
    with pytest.raises(KubeflowError, match="did not answer within"):
        client.list_runs()


def test_what_may_have_been_done_is_not_asked_for_twice(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    kubeflow.faults.append(Fault("POST /apis/v2beta1/experiments", 0))
    with pytest.raises(KubeflowError, match="look before you send it again"):
        client.create_experiment("rollcall")
    assert sum(each.startswith("POST") for each in kubeflow.seen) == 1


def test_nobody_listens_where_a_server_was(kubeflow: FakeKubeflow):
    with running_fake() as gone:
        pass
    assert "nobody listens at" in str(refused(gone.url))


def test_a_host_that_is_none_is_looked_up_in_vain():
    assert "no host of the name" in str(refused("https://kubeflow.invalid"))


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("", "ROLLCALL_HOST"),
        ("ftp://kubeflow.example.org", "has to be an address"),
        ("https://", "has to be an address"),
        ("https://me:secret@kubeflow.example.org", "a user"),
        ("https://kubeflow.example.org/#/runs", "up to there"),
        ("http://kubeflow.example.org", "in the clear"),
    ],
)
def test_an_address_is_checked_before_anything_is_sent(host: str, told: str):
    error = str(refused(host, token=TOKEN))
    assert told in error
    assert "secret" not in error


@pytest.mark.parametrize("version", ["2.16.1", "2.5.0", "1.8.5"])
def test_a_server_that_is_too_old_is_refused(kubeflow: FakeKubeflow, version: str):
    kubeflow.version = version
    assert f"{version}; 2.17 or newer" in str(refused(kubeflow.url))


@pytest.mark.parametrize("version", ["2.17.0", "2.18.0-rc.1", "3.0.0", "unknown"])
def test_a_new_server_and_one_built_from_source_are_taken(kubeflow: FakeKubeflow, version: str):
    kubeflow.version = version
    assert connect(kubeflow.url).version == version


def test_the_version_is_known_through_the_user_interface_too(kubeflow: FakeKubeflow):
    told = {"apiServerTagName": "2.16.0", "multi_user": False}
    kubeflow.faults.append(Fault("healthz", 200, content=json.dumps(told)))
    assert "2.16.0; 2.17 or newer" in str(refused(kubeflow.url))


def test_a_namespace_is_asked_for_where_users_are_kept_apart(kubeflow: FakeKubeflow):
    kubeflow.multi_user = True
    assert "ROLLCALL_NAMESPACE" in str(refused(kubeflow.url))
    assert connect(kubeflow.url, namespace="school").list_runs().runs is None


def test_a_namespace_is_not_sent_where_there_is_none(kubeflow: FakeKubeflow):
    connect(kubeflow.url, namespace="school").list_runs()
    assert "school" not in "".join(kubeflow.seen)


def test_the_token_proves_who_asks_and_shows_nowhere(kubeflow: FakeKubeflow, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    kubeflow.token = TOKEN
    connect(kubeflow.url, token=TOKEN).create_experiment("rollcall")
    error = refused(kubeflow.url, token=TOKEN + "-of-yesterday")
    assert error.status == 401
    assert TOKEN not in "".join((str(error), caplog.text, *capsys.readouterr(), *kubeflow.seen))


def test_the_token_comes_from_a_file_or_the_environment(
    kubeflow: FakeKubeflow, monkeypatch, tmp_path
):
    kubeflow.token = TOKEN
    monkeypatch.setenv("ROLLCALL_TOKEN", TOKEN)
    connect_as_set(Settings())
    assert TOKEN not in repr(Settings())
    kubeflow.token = TOKEN[::-1]
    (tmp_path / "token").write_text(f"{TOKEN[::-1]}\n")
    monkeypatch.setenv("ROLLCALL_TOKEN_FILE", str(tmp_path / "token"))
    connect_as_set(Settings())


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff"])
def test_a_file_without_a_token_is_told(monkeypatch, tmp_path, content: bytes | None):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    monkeypatch.setenv("ROLLCALL_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(KubeflowError, match="ROLLCALL_TOKEN_FILE"):
        connect_as_set(Settings(), "http://127.0.0.1:1")


def test_nothing_is_read_or_left_in_the_home_folder(kubeflow: FakeKubeflow, monkeypatch, tmp_path):
    import kfp

    context = tmp_path / "context.json"
    context.write_text('{"namespace": "other", "client_authentication_cookie": "other=1"}')
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(context))
    kubeflow.multi_user = True
    before = context.read_text()
    client = connect(kubeflow.url, namespace="school")
    client.list_runs()
    assert "namespace=school" in kubeflow.seen[-1]
    assert "cookie" not in kubeflow.headers
    assert context.read_text() == before


def test_kfp_prints_and_warns_of_nothing(kubeflow: FakeKubeflow, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = connect(kubeflow.url)
        with module.silent():
            client.create_experiment("rollcall")
    assert capsys.readouterr() == ("", "")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate for this machine that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rollcall-test")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(signed.public_bytes(pem) + private)
    return path


def test_a_certificate_has_to_be_trusted_by_name(certificate: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running_fake(tls=context) as fake:
        assert "ROLLCALL_CA_FILE" in str(refused(fake.url))
        assert connect(fake.url, ca_file=certificate).version == "2.17.0"


def test_a_file_of_certificates_that_is_not_there_is_told(tmp_path):
    assert "ROLLCALL_CA_FILE" in str(refused("https://127.0.0.1:1", ca_file=tmp_path / "none"))


def test_https_to_a_server_without_it_is_told(kubeflow: FakeKubeflow):
    assert "is it http://" in str(refused(kubeflow.url.replace("http:", "https:")))


def test_of_a_log_the_last_lines_are_read_and_cannot_steer_a_terminal(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    run = kubeflow.add_run()
    kubeflow.logs["pod"] = "".join(f"line {i}\n" for i in range(9)) + "\x1b[31mred\a\r\nend"
    assert client.log_tail(run, "pod", 3) == ["line 8", " [31mred ", "end"]


def test_of_an_endless_log_only_so_much_is_read(kubeflow: FakeKubeflow, monkeypatch):
    monkeypatch.setattr(module, "MAX_LOG_BYTES", 1 << 17)
    client = connect(kubeflow.url)
    run = kubeflow.add_run()
    kubeflow.logs["pod"] = "line\n" * (1 << 17)
    *_, last = client.log_tail(run, "pod", 3)
    assert "the log goes on" in last


def test_a_log_that_is_gone_is_told(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    with pytest.raises(KubeflowError, match="Failed to read logs"):
        client.log_tail(kubeflow.add_run(), "pod", 3)


def test_the_fake_refuses_a_field_that_the_api_does_not_have(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    with pytest.raises(KubeflowError, match="V2beta1Experiment has no color"):
        client.experiments.experiment_service_create_experiment(
            {"display_name": "rollcall", "color": "red"}
        )
