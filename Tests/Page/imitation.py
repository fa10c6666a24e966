"""A server that answers as `martlet serve` does, with answers that a test chooses. It serves the page's own files."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "Sources" / "CMartletPage" / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FIELDS = {
    "model", "messages", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p", "repetition_penalty",
    "max_tokens", "seed", "stop", "continue_final_message",
}


@dataclass
class Answer:
    """What comes for one chat request."""
    text: str = "Fine."
    #: Characters in one part of the stream, and seconds between two.
    part: int = 4
    pause: float = 0.0
    finish: str = "stop"
    #: Instead of an answer.
    status: int = 200
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    #: The connection ends after so many parts, or an error comes in the stream.
    breaks_after: int | None = None
    fails_after: int | None = None


class Imitation(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.models = ["SmolLM2-135M-Instruct"]
        self.key: str | None = None
        self.loading = False
        #: The key is good for answers only.
        self.hides_models = False
        #: Connections end without an answer.
        self.is_gone = False
        #: Answers in order; the last one stays.
        self.answers = [Answer()]
        self.requests: list[dict] = []
        self.abandoned = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address) -> None:
        """A browser that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Imitation

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/health":
            return self._json(503 if self.server.loading else 200, {})
        if path == "/v1/models" and self.server.hides_models:
            return self._error(403, "the API key has not the scope \"models\"")
        if path == "/v1/models":
            return self._authorized() and self._json(
                200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.models]})
        file = PAGE / ("index.html" if path == "/" else path.removeprefix("/page/"))
        if not file.is_file() or file.parent != PAGE or file.suffix not in TYPES:
            return self._error(404, "not found")
        headers = {
            "content-type": TYPES[file.suffix],
            "content-security-policy": "; ".join((PAGE / "policy.txt").read_text().split("\n")[:-1]),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "no-cache",
        }
        self._send(200, headers, file.read_bytes())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.is_gone:
            self.close_connection = True
            return
        if not self._authorized():
            return
        for name in sorted(body.keys() - FIELDS):
            return self._error(400, f"unknown field {name}")
        server = self.server
        server.requests.append(body)
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        if answer.status != 200:
            return self._error(answer.status, answer.message, answer.headers)
        try:
            self._stream(answer)
        except OSError:
            server.abandoned += 1

    def _stream(self, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        parts = [answer.text[at:at + answer.part] for at in range(0, len(answer.text), answer.part)]
        self._event({"role": "assistant", "content": ""})
        for number, part in enumerate(parts):
            if number == answer.breaks_after:
                return
            if number == answer.fails_after:
                return self._data({"error": {"message": "the device ran out of memory", "type": "server_error"}})
            self._event({"content": part})
            time.sleep(answer.pause)
        self._event({}, answer.finish)
        self._data({**self._head(), "choices": [], "usage": {
            "prompt_tokens": 31, "completion_tokens": len(parts), "total_tokens": 31 + len(parts),
            "prompt_tokens_details": {"cached_tokens": 16}}})
        self._write("data: [DONE]\n\n")

    def _head(self) -> dict:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.server.models[0]}

    def _event(self, delta: dict, finish: str | None = None) -> None:
        self._data({**self._head(), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _data(self, value: dict) -> None:
        self._write(f"data: {json.dumps(value)}\n\n")

    def _write(self, text: str) -> None:
        # In two pieces, so that events and even characters come apart.
        data = text.encode()
        for piece in (data[:len(data) // 2], data[len(data) // 2:]):
            self.wfile.write(piece)
            self.wfile.flush()

    def _authorized(self) -> bool:
        if self.server.key is None or self.headers.get("authorization") == f"Bearer {self.server.key}":
            return True
        self._error(401, "this server needs an API key, and none of its keys came with the request")
        return False

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self._json(status, {"error": {"message": message, "type": "invalid_request_error"}}, headers)

    def _json(self, status: int, value: dict, headers: dict[str, str] | None = None) -> None:
        self._send(status, {"content-type": "application/json", **(headers or {})}, json.dumps(value).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
