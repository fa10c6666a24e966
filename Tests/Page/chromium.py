"""Drives a headless Chromium by the DevTools protocol, over a pipe: the standard library is enough.

https://chromedevtools.github.io/devtools-protocol/ describes the methods.
"""

import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# How long anything may take that is expected to happen, on a machine that is busy.
PATIENCE = float(os.environ.get("MARTLET_PAGE_PATIENCE", "60"))

CONTROL, SHIFT = 2, 8
KEYS = {
    "Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "ArrowUp": (38, ""), "ArrowDown": (40, ""),
    "ArrowRight": (39, ""), "Backspace": (8, ""), " ": (32, " "),
}


def program() -> str | None:
    """The browser on this machine: what MARTLET_CHROMIUM names, or one on the path."""
    wanted = os.environ.get("MARTLET_CHROMIUM")
    return wanted or next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class ProtocolError(Exception):
    pass


def aside(descriptor: int) -> int:
    """The same open file under a number that nobody asks for by name."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(descriptor)
    return moved


class Browser:
    """A Chromium of its own, with a profile that is thrown away."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="martlet-page-")
        to_browser, self.outgoing = os.pipe()
        self.incoming, from_browser = os.pipe()
        arguments = [
            program(), "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "--no-first-run",
            "--disable-gpu", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
            "--disable-dev-shm-usage", "--no-default-browser-check", "--force-color-profile=srgb",
            # As if there were a mouse, which a machine in a rack lacks.
            "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
        ]
        if os.geteuid() == 0:  # Chromium's sandbox does not work for root, and the page is our own.
            arguments.append("--no-sandbox")
        # The protocol wants descriptors 3 and 4, which may be taken by the very pipes: move these out of the way first.
        to_browser, from_browser = aside(to_browser), aside(from_browser)
        script = "in=$1 out=$2; shift 2; exec \"$@\" 3<&$in 4>&$out"
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", str(to_browser), str(from_browser), *arguments],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.counter = 0
        self.lock = threading.Lock()
        self.answers: dict[int, queue.Queue] = {}
        self.pages: dict[str, "Page"] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, method: str, parameters: dict | None = None, session: str | None = None) -> dict:
        with self.lock:
            self.counter += 1
            number = self.counter
            answer = self.answers[number] = queue.Queue()
            message = {"id": number, "method": method, "params": parameters or {}}
            if session:
                message["sessionId"] = session
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self.outgoing, data):]
        try:
            result = answer.get(timeout=PATIENCE)
        except queue.Empty:
            raise ProtocolError(f"{method}: the browser does not answer") from None
        if "error" in result:
            raise ProtocolError(f"{method}: {result['error']['message']}")
        return result["result"]

    def _read(self) -> None:
        rest = b""
        while data := os.read(self.incoming, 1 << 16):
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self.answers.pop(message["id"]).put(message)
                elif page := self.pages.get(message.get("sessionId", "")):
                    page.heard(message["method"], message["params"])

    def page(self, **options) -> "Page":
        """A tab with storage of its own."""
        return Page(self, self.send("Target.createBrowserContext")["browserContextId"], **options)

    def close(self) -> None:
        try:
            self.send("Browser.close")
            self.process.wait(timeout=10)
        except (ProtocolError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.outgoing)
        shutil.rmtree(self.folder, ignore_errors=True)


class Page:
    """A tab. `problems` holds what the browser complained about: exceptions, console errors, violations of the policy."""

    def __init__(self, browser: Browser, context: str, width: int = 1280, height: int = 800, dark: bool = False,
                 phone: bool = False, scale: float = 1) -> None:
        self.browser, self.context, self.phone = browser, context, phone
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = browser.send("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        self.session = browser.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network", "Audits", "Accessibility", "DOM"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone})
        self.send("Emulation.setFocusEmulationEnabled", {"enabled": True})
        if phone:
            self.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        self.appearance(dark)

    def send(self, method: str, parameters: dict | None = None) -> dict:
        return self.browser.send(method, parameters, self.session)

    def heard(self, method: str, parameters: dict) -> None:
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(argument.get("value")) for argument in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
        elif method == "Audits.issueAdded":
            self.problems.append(json.dumps(parameters["issue"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    def appearance(self, dark: bool) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", {"features": features})

    def open(self, address: str) -> None:
        self.send("Page.navigate", {"url": address})
        self.wait("document.readyState === 'complete' && document.querySelector('#model-name') !== null")

    def evaluate(self, expression: str):
        """The value of a JavaScript expression; of a promise, what it brings."""
        result = self.send("Runtime.evaluate", {
            "expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True})
        if details := result.get("exceptionDetails"):
            raise ProtocolError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE):
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while True:
            try:
                if value := self.evaluate(expression):
                    return value
            except ProtocolError:  # between two documents
                if time.monotonic() > end:
                    raise
            if time.monotonic() > end:
                raise AssertionError(f"did not become true in {seconds} s: {expression}")
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")

    def click(self, selector: str) -> None:
        """Presses what is at the middle of an element, as a mouse does; it fails where something lies over it."""
        name = json.dumps(selector)
        x, y = self.wait(f"""(() => {{
          const element = document.querySelector({name});
          if (!element) return null;
          element.scrollIntoView({{ block: "nearest" }});
          const box = element.getBoundingClientRect();
          const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
          const hit = document.elementFromPoint(x, y);
          return box.width > 0 && (element.contains(hit) || hit?.contains(element)) ? [x, y] : null;
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", {
                "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})

    def hover(self, x: float, y: float) -> None:
        self.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})

    def press(self, key: str, modifiers: int = 0) -> None:
        code, text = KEYS[key]
        event = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code,
                 "modifiers": modifiers}
        self.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **event} if text
                  else {"type": "rawKeyDown", **event})
        self.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
        self.settle()

    def settle(self) -> None:
        """Returns when the browser has drawn what happened: events of scrolling and of sizes come just before that."""
        self.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(0))))")

    def type(self, text: str) -> None:
        self.send("Input.insertText", {"text": text})

    def focused(self) -> str:
        """What has the keyboard's focus: its label, or its id."""
        return self.evaluate(
            "(e => e.getAttribute('aria-label') || e.id || (e === document.body ? 'BODY' : e.textContent.trim()))(document.activeElement)")

    def screenshot(self, path: Path) -> None:
        data = self.send("Page.captureScreenshot", {"format": "png"})["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self.browser.pages.pop(self.session, None)
        self.browser.send("Target.disposeBrowserContext", {"browserContextId": self.context})
