"""The example in examples/hummingbird, run: answers to many at once, and an end that waits for answers under way.

    MARTLET_EXAMPLE=.build/release/martlet-hummingbird python3 Tests/Server/test_hummingbird.py
"""

import os
import signal
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

EXAMPLE = os.environ.get("MARTLET_EXAMPLE", ".build/release/martlet-hummingbird")
PATIENCE_S = 120


class Hummingbird(unittest.TestCase):
    def setUp(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/haiku?about="
        self.process = subprocess.Popen([EXAMPLE, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.stop)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def haiku(self, subject: str) -> str:
        """An answer. The server listens a little later than it starts, and has its model a little later still."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(self.address + subject, timeout=PATIENCE_S) as response:
                    self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
                    return response.read().decode()
            except (urllib.error.URLError, ConnectionError):
                self.assertIsNone(self.process.poll(), "the example has ended")
                self.assertLess(time.monotonic(), end, "no answer came")
                time.sleep(0.1)

    def test_answers_and_ends(self) -> None:
        self.assertNotEqual(self.haiku("rain").strip(), "")
        subjects = ["snow", "wind", "fog", "hail"]
        with ThreadPoolExecutor(len(subjects)) as threads:
            answers = list(threads.map(self.haiku, subjects))
        self.assertTrue(all(answer.strip() for answer in answers))
        self.assertGreater(len(set(answers)), 1, "four subjects have one answer")

        with urllib.request.urlopen(self.address + "thunder", timeout=PATIENCE_S) as response:
            first = response.read(1)
            self.process.send_signal(signal.SIGTERM)
            self.assertGreater(len(first + response.read()), 20, "the answer under way was cut")
        self.assertEqual(self.process.wait(PATIENCE_S), 0, self.process.stderr.read().decode())


if __name__ == "__main__":
    unittest.main()
