"""Clients that no library makes: broken requests, slow ones, ones that go away; and how the server ends."""

import json
import signal
import socket
import subprocess
import threading
import time
import unittest

from served import MODEL, NAME, binary, serve


def request(body: dict | bytes, path: str = "/v1/completions", host: str = "localhost") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


class Connection:
    """A bare connection to the server."""

    def __init__(self, served, timeout: float = 60, receives: int | None = None):
        self.socket = socket.socket()
        if receives:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", served.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, until: bytes | None = None) -> bytes:
        """Reads to the end of the connection, or until there is `until`."""
        data = b""
        while until is None or until not in data:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            data += part
        return data


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        config = {"request_seconds": 1, "idle_seconds": 2, "reading_seconds": 2, "body_bytes": 100_000}
        context = serve("--context", "4096", config=config)
        cls.served = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)

    def tearDown(self):
        self.served.settle()

    def test_broken_requests(self):
        for data in (
            b"\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET / HTTP/1.1\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
            request(b'{"prompt": "\xff\xfe"}'), request(b"{" * 1000), request(b'{"prompt": 1e999}'),
        ):
            with self.subTest(data[:40]), Connection(self.served) as connection:
                try:
                    connection.send(data)
                except (BrokenPipeError, ConnectionResetError):
                    continue
                answer = connection.read()
                if answer:
                    self.assertIn(int(answer.split(b" ")[1]), (400, 403, 413, 415, 431), answer[:200])
        self.assertEqual(json.loads(self.served.get("/health")), {"status": "ok"})

    def test_a_body_that_is_too_large_is_not_read(self):
        with Connection(self.served) as connection:
            head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            connection.send((head + "Content-Length: 1000000000\r\n\r\n").encode())
            self.assertIn(b" 413 ", connection.read(until=b"body_too_large"))

    def test_slow_senders_are_cut_off(self):
        for data in (b"", b"POST /v1/comp", request({"prompt": "x"})[:-3]):
            with self.subTest(data), Connection(self.served, timeout=20) as connection:
                connection.send(data)
                begin = time.monotonic()
                connection.read()
                self.assertLess(time.monotonic() - begin, 10)

    def test_a_refused_request_leaves_no_silent_connection(self):
        with Connection(self.served, timeout=20) as connection:
            head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"
            connection.send(head.encode())
            connection.read(until=b"content_type")
            connection.send(b"{}")
            begin = time.monotonic()
            connection.read()
            self.assertLess(time.monotonic() - begin, 10)

    def test_requests_behind_each_other_have_time_for_their_answers(self):
        body = {"prompt": "Tell me all:", "max_tokens": 1500, "logit_bias": {"2": -100, "0": -100}}
        with Connection(self.served) as connection:
            connection.send(request({"prompt": "x", "max_tokens": 1}) + request(body))
            answers = connection.read()
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 2)
        self.assertIn(b'"completion_tokens":1500', answers.replace(b'": ', b'":'))

    def test_a_drip_of_bytes_does_not_hold_a_connection(self):
        with Connection(self.served, timeout=20) as connection:
            data = request({"prompt": "x" * 1000})
            connection.send(data[:-800])
            begin = time.monotonic()
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for byte in data[-800:-1]:
                    connection.send(bytes([byte]))
                    time.sleep(0.05)
            self.assertLess(time.monotonic() - begin, 10)

    def test_clients_that_go_away_free_their_place(self):
        before = self.served.metrics()["martlet_generated_tokens_total"]
        for stream in (False, True):
            for half in (False, True):
                with self.subTest(stream=stream, half=half), Connection(self.served) as connection:
                    connection.send(request({"prompt": "Tell me all:", "max_tokens": 3500, "stream": stream,
                                             "temperature": 0, "logit_bias": {"2": -100, "0": -100}}))
                    end = time.monotonic() + 20
                    while not self.served.metrics()["martlet_running_sequences"]:
                        self.assertLess(time.monotonic(), end)
                    if half:
                        connection.socket.shutdown(socket.SHUT_WR)
                    else:
                        connection.socket.close()
                    begin = time.monotonic()
                    self.served.settle()
                    self.assertLess(time.monotonic() - begin, 2)
        figures = self.served.settle()
        self.assertLess(figures["martlet_generated_tokens_total"] - before, 4 * 3000)
        self.assertGreaterEqual(figures["martlet_cancelled_requests_total"], 2)

    def test_a_reader_that_stops_reading_is_cut_off(self):
        with Connection(self.served, receives=4096) as connection:
            # Much more than the system's own buffers hold.
            body = {"messages": [{"role": "user", "content": "Tell me all."}], "max_tokens": 1500, "stream": True, "n": 8,
                    "logprobs": True, "top_logprobs": 20, "logit_bias": {"2": -100, "0": -100}}
            connection.send(request(body, path="/v1/chat/completions"))
            end = time.monotonic() + 60
            while time.monotonic() < end:
                time.sleep(0.5)
                if any(line.get("cut_short") for line in self.served.logged()):
                    break
            else:
                self.fail("the answer still waits for its reader")

    def test_connections_are_kept_and_requests_may_follow_at_once(self):
        with Connection(self.served) as connection:
            one = request({"prompt": "Hello", "max_tokens": 1, "temperature": 0})
            connection.send(one + one)
            answer = connection.read(until=b'"total_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}}}HTTP')
            self.assertEqual(answer.count(b"HTTP/1.1 200"), 2)


class Ends(unittest.TestCase):
    def test_running_answers_end_before_the_server(self):
        with serve() as served, Connection(served) as connection:
            connection.send(request({"prompt": "Once", "max_tokens": 200, "stream": True, "temperature": 0}))
            connection.read(until=b"data: ")
            served.process.send_signal(signal.SIGTERM)
            self.assertIn(b"[DONE]", connection.read()[-300:])
            self.assertEqual(served.process.wait(timeout=20), 0)
            self.assertIn("stopping", [line["message"] for line in served.logged()])

    def test_what_takes_too_long_is_told(self):
        with serve("--context", "8192", config={"drain_seconds": 1}) as served, Connection(served) as connection:
            body = {"prompt": "Tell me all:", "max_tokens": 8000, "stream": True, "temperature": 0,
                    "logit_bias": {"2": -100, "0": -100}}
            connection.send(request(body))
            connection.read(until=b"data: ")
            served.process.send_signal(signal.SIGINT)
            answer = connection.read()
            self.assertIn(b"shutting_down", answer)
            self.assertNotIn(b"[DONE]", answer)
            self.assertEqual(served.process.wait(timeout=20), 0)
            self.assertIn("answers were cut short", [line["message"] for line in served.logged()])

    def test_a_killed_server_leaves_nothing_behind(self):
        before = set(MODEL.parent.iterdir())
        for delay in (0.05, 0.2, 0.6):
            with serve(ready=False) as served:
                threading.Event().wait(delay)
                served.process.kill()
        self.assertEqual(set(MODEL.parent.iterdir()), before)
        with serve() as served:
            self.assertEqual(json.loads(served.get("/health")), {"status": "ok"})

    def test_loading_is_told(self):
        with serve(ready=False) as served:
            with Connection(served) as connection:
                connection.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = connection.read()
            self.assertTrue(b" 503 " in answer and b'"loading"' in answer or b" 200 " in answer, answer)

    def test_unsafe_settings_do_not_start(self):
        for flags, words in (
            (["--host", "0.0.0.0"], "keys"), (["--port", "99999"], "port"), (["--keys", "none.json"], "none.json"),
            (["--config", "none.json"], "none.json"), (["--log-level", "loud"], "log_level"),
            (["--cache-tokens", "1"], "cache_tokens"),
        ):
            with self.subTest(flags):
                result = subprocess.run(
                    [binary(), "serve", str(MODEL), "--name", NAME, *flags], capture_output=True, text=True, timeout=60)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(words, result.stderr)
        missing = subprocess.run(
            [binary(), "serve", "no-such-model", "--port", "0"], capture_output=True, text=True, timeout=60)
        self.assertEqual(missing.returncode, 66, missing.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
