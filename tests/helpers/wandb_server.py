"""As much of a W&B server as its client talks to while it records runs; it keeps what arrives."""

import json
import re
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789" * 4


@dataclass
class Run:
    """One run as the server knows it."""

    about: dict[str, Any] = field(default_factory=dict)  # the variables of UpsertBucket: displayName, groupName, ...
    config: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)  # of the history, by line
    summary: dict[str, Any] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    exit_code: int | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        return [self.rows[line] for line in sorted(self.rows)]

    def bucket(self, name: str, project: dict[str, Any]) -> dict[str, Any]:
        last = self.history[-1:] or [{}]
        tail = [json.dumps({"_step": last[0].get("_step", 0), "_runtime": 1.0})] if self.rows else []
        config = json.dumps({key: {"value": value} for key, value in self.config.items()})
        return {
            "id": name, "name": name, "displayName": self.about.get("displayName"), "project": project,
            "config": config, "summaryMetrics": json.dumps(self.summary), "tags": self.about.get("tags") or [],
            "historyLineCount": len(self.rows), "logLineCount": 0, "eventsLineCount": 0,
            "historyTail": json.dumps(tail), "eventsTail": "[]", "wandbConfig": json.dumps({"t": {}}),
        }  # fmt: skip


class Server:
    """Listens on the loopback until `stop`; refuses every key but `KEY`."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.asked: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.on_history: Callable[[], None] = lambda: None
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """The data of one GraphQL operation; nothing for those that the client can do without."""
        self.asked.append(operation)
        name = given.get("name") or given.get("run") or ""
        place = {"id": "p", "name": given.get("project") or "gan_lab", "entity": {"id": "e", "name": "somebody"}}
        if operation == "UpsertBucket":
            fresh = name not in self.runs
            run = self.runs.setdefault(name, Run())
            run.about |= {key: value for key, value in given.items() if value is not None}
            run.config |= {key: of["value"] for key, of in json.loads(given.get("config") or "{}").items()}
            return {"upsertBucket": {"bucket": run.bucket(name, place), "inserted": fresh}}
        if operation == "RunResumeStatus":
            bucket = self.runs[name].bucket(name, place) if name in self.runs else None
            return {"model": None if bucket is None else {**place, "bucket": bucket}}
        if operation == "CreateRunFiles":
            self.runs[given["run"]].files |= set(given["files"])
            files = [{"name": file, "uploadUrl": f"{self.url}/upload/{file}"} for file in given["files"]]
            return {"createRunFiles": {"runID": name, "uploadHeaders": [], "files": files}}
        if operation.lower() == "viewer":
            return {"viewer": {"id": "v", "entity": "somebody", "username": "somebody", "teams": {"edges": []}}}
        if operation.startswith("ServerFeatures"):
            return {"serverInfo": {"features": []}}
        return {}

    def receive(self, run: Run, stream: dict[str, Any]) -> None:
        files = stream.get("files") or {}
        if "wandb-history.jsonl" in files:
            part = files["wandb-history.jsonl"]
            run.rows |= {part["offset"] + n: json.loads(line) for n, line in enumerate(part["content"])}
            self.on_history()
        if "wandb-summary.json" in files:
            run.summary = json.loads(files["wandb-summary.json"]["content"][-1])
        if stream.get("complete"):
            run.exit_code = stream.get("exitcode")


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            self.reply({})

        def do_PUT(self) -> None:
            self.body()
            self.reply({})

        def do_POST(self) -> None:
            body = self.body()
            if not self.path.endswith(("/graphql", "/file_stream")):
                return self.reply({})  # the client's own telemetry
            if self.headers.get("Authorization") != f"Basic {b64encode(f'api:{KEY}'.encode()).decode()}":
                return self.reply({"errors": [{"message": "invalid API key"}]}, 401)
            data = json.loads(body)
            if self.path.endswith("/file_stream"):
                server.receive(server.runs[self.path.split("/")[-2]], data)
                return self.reply({"exitcode": None, "limits": {}})
            found = re.search(r"(?:query|mutation)\s+(\w+)", data.get("query", ""))
            return self.reply({"data": server.answer(found[1] if found else "", data.get("variables") or {})})

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def reply(self, answer: Any, code: int = 200) -> None:
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
