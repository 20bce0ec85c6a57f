"""A fake Kubeflow Pipelines server: it speaks as much of the v2beta1 REST API as Rollcall uses.

It runs nothing. What it is sent is read through the models of kfp-server-api, and a field that
these do not know is refused; what it answers is made of them. What runs look like is in
tests/fake_workflow.py.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as api
import yaml

from tests.fake_workflow import START, UNFINISHED, State, Task, task_details
from tests.web_server import serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

MAX_PAGE: Final = 200
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When runs end that have not ended yet."""


class RefusedError(Exception):
    """What the server answers in the place of what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Fault:
    """Something that goes wrong with requests whose method and path hold `where`.

    Attributes:
        where: e.g. "GET /apis/v2beta1/runs/".
        status: of the answer; 0 to break off, and None to never answer.
        times: how often.
        message: what the answer says, as the API does; a page of something in front without one.
        headers: of the answer.
        content: the whole answer, in the place of a message.
    """

    where: str
    status: int | None = 500
    times: int = 1
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    content: str = ""


class Snapshot(NamedTuple):
    """What a run looks like at one look."""

    state: str
    tasks: Sequence[Task] = ()


@dataclass
class FakeKubeflow:
    """The server, and what it holds.

    Attributes:
        url: where it listens.
        token: what a request has to prove itself with; none if empty.
        version: what it calls itself.
        multi_user: whether it asks for a namespace.
        faults: what goes wrong, in order; each is taken off when it has happened often enough.
        seen: method and path with query of each request.
        bodies: the JSON that was sent, in order.
        headers: of the last request.
        script: what runs look like, look by look; the last stays.
        logs: what pods wrote, by pod.
    """

    url: str = ""
    token: str = ""
    version: str = "2.17.0"
    multi_user: bool = False
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    script: list[Snapshot] = field(default_factory=lambda: [Snapshot(State.SUCCEEDED)])
    logs: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, api.V2beta1Experiment] = field(default_factory=dict)
    pipelines: dict[str, api.V2beta1Pipeline] = field(default_factory=dict)
    versions: dict[str, api.V2beta1PipelineVersion] = field(default_factory=dict)
    runs: dict[str, api.V2beta1Run] = field(default_factory=dict)
    schedules: dict[str, api.V2beta1RecurringRun] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    over: Event = field(default_factory=Event)
    _models: api.ApiClient = field(default_factory=api.ApiClient)
    _clock: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> Any:
        """Find who answers, and have it answer.

        Raises:
            RefusedError: it does not, or there is nobody.
        """
        if self.token and self.headers.get("authorization") != f"Bearer {self.token}":
            raise RefusedError(401, "")
        for verb, pattern, name in ROUTES:
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                sent = _uploaded(body, kind) if "upload" in path else body
                return getattr(self, name)(*found.groups(), query=query, body=sent)
        raise RefusedError(404, "")

    def add_run(self, *script: Snapshot, **values: Any) -> str:
        """A run that is there already, and looks like that; gives its ID."""
        run = api.V2beta1Run(
            **{
                "run_id": str(uuid.uuid4()),
                "display_name": "a run",
                "state": State.PENDING,
                "created_at": self._now(),
                "finished_at": EPOCH,
                **values,
            }
        )
        self.script = list(script) or self.script
        self.runs[run.run_id] = run
        return str(run.run_id)

    def healthz(self, **_: Any) -> dict[str, Any]:
        told = api.V2beta1GetHealthzResponse(self.multi_user, "database")
        return {"commit_sha": "0", "tag_name": self.version, **self._json(told)}

    def create_experiment(self, *, body: bytes, **_: Any) -> Any:
        sent = self._read(body, "V2beta1Experiment")
        self._check_namespace(sent.namespace)
        sent.experiment_id = sent.experiment_id or str(uuid.uuid4())
        sent.created_at = self._now()
        return self.experiments.setdefault(sent.experiment_id, sent)

    def list_experiments(self, *, query: dict[str, str], **_: Any) -> Any:
        self._check_namespace(query.get("namespace"))
        page, more, size = self._page(self.experiments, query)
        return api.V2beta1ListExperimentsResponse(page, size, more)

    def create_pipeline(self, *, body: bytes, **_: Any) -> Any:
        sent = self._read(body, "V2beta1Pipeline")
        if any(sent.display_name == each.display_name for each in self.pipelines.values()):
            raise RefusedError(409, f"the name {sent.display_name} already exists")
        sent.pipeline_id, sent.created_at = str(uuid.uuid4()), self._now()
        return self.pipelines.setdefault(sent.pipeline_id, sent)

    def list_pipelines(self, *, query: dict[str, str], **_: Any) -> Any:
        page, more, size = self._page(self.pipelines, query)
        return api.V2beta1ListPipelinesResponse(
            pipelines=page, total_size=size, next_page_token=more
        )

    def upload_version(self, *, query: dict[str, str], body: bytes, **_: Any) -> Any:
        if query["pipelineid"] not in self.pipelines:
            raise RefusedError(404, "Pipeline not found")
        of_pipeline = [v for v in self.versions.values() if v.pipeline_id == query["pipelineid"]]
        if any(query["name"] == each.display_name for each in of_pipeline):
            raise RefusedError(409, f"the name {query['name']} already exists")
        parts = list(yaml.safe_load_all(body))
        version = api.V2beta1PipelineVersion(
            pipeline_id=query["pipelineid"],
            pipeline_version_id=str(uuid.uuid4()),
            display_name=query["name"],
            name=query["name"],
            description=query.get("description"),
            created_at=self._now(),
            pipeline_spec=parts[0] if len(parts) == 1 else _both(*parts),
        )
        return self.versions.setdefault(version.pipeline_version_id, version)

    def list_versions(self, pipeline: str, *, query: dict[str, str], **_: Any) -> Any:
        found = {k: v for k, v in self.versions.items() if v.pipeline_id == pipeline}
        page, more, size = self._page(found, query)
        return api.V2beta1ListPipelineVersionsResponse(
            pipeline_versions=page, total_size=size, next_page_token=more
        )

    def create_run(self, *, body: bytes, **_: Any) -> Any:
        sent = self._read(body, "V2beta1Run")
        self._check_source(sent)
        known = ("experiment_id", "display_name", "runtime_config", "service_account")
        return self.runs[self.add_run(**{name: getattr(sent, name) for name in known})]

    def get_run(self, run: str, **_: Any) -> Any:
        found = self._found(self.runs, run)
        look = self.looks.get(run, 0)
        self.looks[run] = look + 1
        shown = self.script[min(look, len(self.script) - 1)]
        if found.state != State.CANCELED:
            found.state = shown.state
        found.finished_at = EPOCH if found.state in UNFINISHED else START + timedelta(hours=1)
        found.run_details = api.V2beta1RunDetails(task_details=task_details(shown.tasks, run))
        return found

    def list_runs(self, *, query: dict[str, str], **_: Any) -> Any:
        self._check_namespace(query.get("namespace"))
        page, more, size = self._page(self.runs, query)
        return api.V2beta1ListRunsResponse(runs=page, total_size=size, next_page_token=more)

    def terminate_run(self, run: str, **_: Any) -> dict[str, Any]:
        self._found(self.runs, run).state = State.CANCELED
        return {}

    def read_log(self, run: str, pod: str, **_: Any) -> str:
        self._found(self.runs, run)
        if pod not in self.logs:
            raise RefusedError(500, f"Failed to read logs for run {run}")
        return self.logs[pod]

    def create_schedule(self, *, body: bytes, **_: Any) -> Any:
        sent = self._read(body, "V2beta1RecurringRun")
        self._check_source(sent)
        if not 1 <= int(sent.max_concurrency or 0) <= 10:
            raise RefusedError(400, "The max concurrency of the recurring run is out of range")
        if len(sent.trigger.cron_schedule.cron.split()) not in {5, 6}:
            raise RefusedError(400, "Schedule cron is not a supported format")
        sent.recurring_run_id, sent.created_at = str(uuid.uuid4()), self._now()
        self._switch(sent, sent.mode == api.RecurringRunMode.ENABLE)
        return self.schedules.setdefault(sent.recurring_run_id, sent)

    def list_schedules(self, *, query: dict[str, str], **_: Any) -> Any:
        self._check_namespace(query.get("namespace"))
        page, more, size = self._page(self.schedules, query)
        return api.V2beta1ListRecurringRunsResponse(page, size, more)

    def delete_schedule(self, schedule: str, **_: Any) -> dict[str, Any]:
        self._found(self.schedules, schedule)
        del self.schedules[schedule]
        return {}

    def switch_schedule(self, schedule: str, verb: str, **_: Any) -> dict[str, Any]:
        self._switch(self._found(self.schedules, schedule), verb == "enable")
        return {}

    def _switch(self, schedule: api.V2beta1RecurringRun, on: bool) -> None:
        mode, status = api.RecurringRunMode, api.V2beta1RecurringRunStatus
        schedule.mode = mode.ENABLE if on else mode.DISABLE
        schedule.status = status.ENABLED if on else status.DISABLED

    def _check_source(self, sent: Any) -> None:
        """What a run is made of: a specification, or a version that is there."""
        self._found(self.experiments, sent.experiment_id)
        version = sent.pipeline_version_reference
        if (sent.pipeline_spec is None) == (version is None):
            raise RefusedError(400, "either a pipeline spec or a pipeline version is needed")
        if version:
            self._found(self.versions, version.pipeline_version_id)

    def _check_namespace(self, namespace: str | None) -> None:
        if bool(namespace) != self.multi_user:
            raise RefusedError(400, "a namespace is needed, or cannot be filtered by")

    def _page(self, held: dict[str, Any], query: dict[str, str]) -> tuple[list[Any], str, int]:
        size = int(query.get("page_size") or 10)
        if size > MAX_PAGE:
            raise RefusedError(400, "The page size is too large")
        found = sorted(held.values(), key=lambda each: each.created_at)
        if query.get("sort_by") == "created_at desc":
            found.reverse()
        elif query.get("sort_by"):
            raise RefusedError(400, f"Invalid sorting: {query['sort_by']}")
        if query.get("experiment_id"):
            found = [each for each in found if each.experiment_id == query["experiment_id"]]
        for predicate in json.loads(query.get("filter") or "{}").get("predicates", ()):
            if predicate["key"] != "display_name" or predicate["operation"] not in {1, "EQUALS"}:
                raise RefusedError(400, f"Invalid filter: {predicate}")
            found = [each for each in found if each.display_name == predicate["stringValue"]]
        start = int(query.get("page_token") or 0)
        more = str(start + size) if start + size < len(found) else ""
        return found[start : start + size], more, len(found)

    def _found(self, held: dict[str, Any], key: str) -> Any:
        if key not in held:
            raise RefusedError(404, f"{key} not found")
        return held[key]

    def _read(self, body: bytes, model: str) -> Any:
        """Through the model, as its server would; a field that it does not know is refused."""
        sent = json.loads(body)
        self.bodies.append(sent)
        understood = self._models.deserialize(_Response(body), model)
        if lost := _lost(sent, self._json(understood)):
            raise RefusedError(400, f"{model} has no {lost}")
        return understood

    def _json(self, answer: Any) -> Any:
        return self._models.sanitize_for_serialization(answer)

    def _now(self) -> datetime:
        return START + timedelta(seconds=next(self._clock))


ROUTES: Final = tuple(
    (verb, f"/apis/{path}", name)
    for verb, path, name in (
        ("GET", "v2beta1/healthz", "healthz"),
        ("POST", "v2beta1/experiments", "create_experiment"),
        ("GET", "v2beta1/experiments", "list_experiments"),
        ("POST", "v2beta1/pipelines", "create_pipeline"),
        ("GET", "v2beta1/pipelines", "list_pipelines"),
        ("POST", "v2beta1/pipelines/upload_version", "upload_version"),
        ("GET", "v2beta1/pipelines/([^/]+)/versions", "list_versions"),
        ("POST", "v2beta1/runs", "create_run"),
        ("GET", "v2beta1/runs", "list_runs"),
        ("GET", "v2beta1/runs/([^/:]+)", "get_run"),
        ("POST", "v2beta1/runs/([^/:]+):terminate", "terminate_run"),
        ("GET", "v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", "read_log"),
        ("POST", "v2beta1/recurringruns", "create_schedule"),
        ("GET", "v2beta1/recurringruns", "list_schedules"),
        ("DELETE", "v2beta1/recurringruns/([^/:]+)", "delete_schedule"),
        ("POST", "v2beta1/recurringruns/([^/:]+):(enable|disable)", "switch_schedule"),
    )
)


@contextlib.contextmanager
def running_fake(tls: ssl.SSLContext | None = None, **values: Any) -> Iterator[FakeKubeflow]:
    """A server that listens meanwhile, with TLS if told how."""
    fake = FakeKubeflow(**values)
    server = _Server(fake)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    with serving(server, fake.over):
        yield fake


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it would wait 40 ms between headers and body
    server: _Server

    def handle_any(self) -> None:
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fake.seen.append(f"{self.command} {self.path}")
        fake.headers = {name.lower(): value for name, value in self.headers.items()}
        if not self._misbehaves(fake):
            self._answer(fake, body)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def _misbehaves(self, fake: FakeKubeflow) -> bool:
        fault = next((each for each in fake.faults if each.where in fake.seen[-1]), None)
        if fault is None:
            return False
        fault.times -= 1
        if not fault.times:
            fake.faults.remove(fault)
        if fault.status:
            self._send(fault.status, fault.content or _error(fault.message), fault.headers)
            return True
        if fault.status is None:
            fake.over.wait(10)
        self.close_connection = True
        return True

    def _answer(self, fake: FakeKubeflow, body: bytes) -> None:
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        kind = self.headers.get("Content-Type", "")
        try:
            answer = fake.answer(self.command, url.path, query, body, kind)
        except RefusedError as refused:
            self._send(refused.status, _error(str(refused)))
        else:
            told = answer if isinstance(answer, str) else json.dumps(_filled(fake._json(answer)))
            self._send(200, told)

    def _send(self, status: int, content: str, headers: dict[str, str] | None = None) -> None:
        sent = content.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(sent)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeKubeflow) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that leave."""


def _error(message: str) -> str:
    if not message:
        return "<html>nobody of Kubeflow's said this</html>"
    return json.dumps({"error": message, "code": 3, "message": message, "details": []})


def _filled(told: Any) -> Any:
    """Without what is empty, which the API leaves out."""
    if isinstance(told, dict):
        return {key: _filled(value) for key, value in told.items() if value not in ("", [], None)}
    return [_filled(each) for each in told] if isinstance(told, list) else told


def _uploaded(body: bytes, kind: str) -> bytes:
    """The file in a multipart form."""
    form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
    (part,) = [each for each in form.iter_parts() if each.get_filename()]
    assert part.get_param("name", header="content-disposition") == "uploadfile"
    return part.get_payload(decode=True)


def _both(spec: Any, platform: Any) -> dict[str, Any]:
    return {"pipeline_spec": spec, "platform_spec": platform}


def _lost(sent: Any, understood: Any) -> str:
    """The first field that was sent and not understood."""
    if isinstance(sent, dict) and isinstance(understood, dict):
        for key, value in sent.items():
            if value is not None and key not in understood:
                return str(key)
            if lost := _lost(value, understood.get(key)):
                return lost
    if isinstance(sent, list) and isinstance(understood, list):
        return next(filter(None, map(_lost, sent, understood)), "")
    return ""


@dataclass
class _Response:
    """As much of an answer as kfp-server-api's reader of models looks at."""

    data: bytes
