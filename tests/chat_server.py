"""A chat server on loopback that answers what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    body: str
    status: int = 200
    kind: str = "application/json"
    delay: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


def says(text: str | None, finish: str = "stop", refusal: str | None = None) -> Reply:
    """A completion in the words of OpenAI's API."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return Reply(
        json.dumps(
            {
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1760000000, "model": "tiny",
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        )
    )  # fmt: skip


def fails(status: int, message: str, **more: Any) -> Reply:
    """An error in the words of OpenAI's API; retries are told not to wait."""
    body = json.dumps({"error": {"message": message, "type": "error", "param": None, "code": None, **more}})
    return Reply(body, status, headers=(("retry-after-ms", "1"),))


@dataclass
class ChatServer:
    """What the running server was asked, and what it will answer."""

    url: str
    answer: Callable[[dict[str, Any]], Reply]
    """Called with every decoded request."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Authorization headers."""
    paths: list[str] = field(default_factory=list)

    def replies(self, *replies: Reply) -> None:
        """Answer these in turn, the last one forever."""
        left = list(replies)
        self.answer = lambda _: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """A running server on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.requests.append(request)
            server.keys.append(self.headers.get("authorization", ""))
            server.paths.append(self.path)
            reply = server.answer(request)
            time.sleep(reply.delay)
            body = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("content-type", reply.kind)
            self.send_header("content-length", str(len(body)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that gave up waiting is what some tests are about."""

    http = Quiet(("127.0.0.1", 0), Handler)
    server = ChatServer(f"http://127.0.0.1:{http.server_port}/v1", lambda _: says("{}"))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
