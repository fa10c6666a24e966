"""SIGKILL at any moment, while a server loads or answers and while a model is fetched: the next start finds nothing in its way
and nothing that is half."""

import hashlib
import http.server
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from served import CACHE, MODEL, NAME, binary, serve

KEY = "0123456789abcdef-kills"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "tests/killed"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with its size and when it was changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found


def complete(address: str, tokens: int, stream: bool = False) -> bytes:
    body = json.dumps({"prompt": "The sea is", "max_tokens": tokens, "temperature": 0, "stream": stream}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(address + "/v1/completions", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def text(answer: bytes) -> str:
    return json.loads(answer)["choices"][0]["text"]


class Server(unittest.TestCase):
    KILLS = 10

    def test_a_server_that_was_killed_starts_again(self):
        chance = random.Random(7)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            keys = folder / "keys.json"
            keys.write_text(json.dumps({"keys": [{"name": "test", "key": KEY}]}))
            # Always the same port, so that what the killed one's connections leave behind is in the way if anything is.
            options = {"config": {"keys": str(keys), "context": 1024}, "port": free_port()}
            before = files(folder), files(CACHE)
            expected = None
            for kill in range(self.KILLS):
                # Every other one while the model is loaded, or before.
                is_loading = kill % 2 == 0
                with serve(ready=not is_loading, **options) as served:
                    clients = []
                    if is_loading:
                        time.sleep(chance.uniform(0, 0.5))
                    else:
                        found = text(complete(served.address, 24))
                        expected = expected or found
                        self.assertEqual(found, expected)
                        for number in range(6):
                            arguments = (served.address, 400, number % 2 == 0)
                            clients.append(threading.Thread(target=self.ask, args=arguments))
                            clients[-1].start()
                        time.sleep(chance.uniform(0, 0.6))
                    served.process.kill()
                    served.process.wait()
                    for client in clients:
                        client.join()
                    # A line of the log is written whole or not at all.
                    lines = served.log.read_text().splitlines()
                    self.assertTrue(all(json.loads(line) for line in lines if line.startswith("{")))
                self.assertEqual((files(folder), files(CACHE)), before)
            with serve(**options) as served:
                self.assertEqual(text(complete(served.address, 24)), expected)

    @staticmethod
    def ask(*arguments) -> None:
        try:
            complete(*arguments)
        except OSError:
            pass  # The server was killed.
        except ValueError:
            pass  # The same, in the middle of a chunk.
        except http.client.HTTPException:
            pass


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as a pull asks for: one repository with the default model in it, sent slowly."""

    protocol_version = "HTTP/1.1"
    content = b""
    digest = ""
    BYTES_PER_SECOND = 60 << 20

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            sibling = {
                "rfilename": "model.gguf", "size": len(self.content), "blobId": "0" * 40,
                "lfs": {"sha256": self.digest, "size": len(self.content), "pointerSize": 134},
            }
            self.answer(200, json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": [sibling]}).encode())
        elif path.startswith(f"/{REPOSITORY}/resolve/"):
            start = int((self.headers["Range"] or "bytes=0-").split("=")[1].rstrip("-"))
            headers = {"ETag": f'"{self.digest}"', "X-Repo-Commit": COMMIT}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            self.answer(206 if start else 200, self.content[start:], headers)
        else:
            self.answer(404, b"")

    do_HEAD = do_GET

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        piece = 1 << 20
        try:
            for start in range(0, len(body), piece):
                self.wfile.write(body[start : start + piece])
                if len(body) > piece:
                    time.sleep(piece / self.BYTES_PER_SECOND)
        except OSError:
            self.close_connection = True  # The client was killed.

    def log_message(self, *_) -> None:
        pass


class Pull(unittest.TestCase):
    KILLS = 6

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        Hub.content = MODEL.read_bytes()
        Hub.digest = hashlib.sha256(Hub.content).hexdigest()
        hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        self.addCleanup(hub.server_close)
        self.addCleanup(hub.shutdown)
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))
        }
        self.environment |= {
            "HF_HOME": str(self.folder), "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "MARTLET_CACHE": str(self.folder / "martlet"),
        }
        self.root = self.folder / "hub" / ("models--" + REPOSITORY.replace("/", "--"))
        self.blob = self.root / "blobs" / Hub.digest
        self.part = self.root / "blobs" / (Hub.digest + ".incomplete")

    def pull(self) -> subprocess.Popen:
        return subprocess.Popen(
            [binary(), "pull", REPOSITORY], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)

    def kill(self, process: subprocess.Popen) -> None:
        process.kill()
        process.communicate()

    def serve_refuses(self) -> None:
        """What is there of the model is not taken for all of it, and how to go on is told."""
        command = [binary(), "serve", REPOSITORY, "--port", "0", "--device", "cpu"]
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertIn(result.returncode, (65, 66), result.stderr)
        self.assertIn("martlet pull", result.stderr)

    def test_a_pull_that_was_killed_goes_on(self):
        chance = random.Random(11)
        fetched = 0
        for _ in range(self.KILLS):
            process = self.pull()
            try:
                process.wait(timeout=chance.uniform(0.02, 0.45))
                self.fail(f"the pull ended before it was killed: {process.stderr.read()}")
            except subprocess.TimeoutExpired:
                self.kill(process)
            size = self.part.stat().st_size if self.part.exists() else 0
            # What came before stays, and is what it should be.
            self.assertGreaterEqual(size, fetched)
            fetched = size
            if size:
                self.assertEqual(self.part.read_bytes(), Hub.content[:size])
            self.assertFalse(self.blob.exists())
            self.serve_refuses()
        self.assertGreater(fetched, 0)
        # The moment at which the last byte is there and the names are given.
        process = self.pull()
        while not self.blob.exists() and process.poll() is None:
            time.sleep(0.0005)
        self.kill(process)
        process = self.pull()
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        self.assertEqual(hashlib.sha256(self.blob.read_bytes()).hexdigest(), Hub.digest)
        self.assertFalse(self.part.exists())
        self.assertEqual((self.root / "refs" / "main").read_text(), COMMIT)
        with serve(model=REPOSITORY, environment=self.environment) as served:
            found = text(complete(served.address, 12))
        with serve() as served:
            self.assertEqual(text(complete(served.address, 12)), found)
        command = [binary(), "remove", REPOSITORY]
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.root.exists())


if __name__ == "__main__":
    unittest.main(verbosity=1)
