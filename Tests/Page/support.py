"""What the tests of the page share: one browser for all, and for each test a server and a tab of its own."""

import json
import time
import unittest
from pathlib import Path

from chromium import PATIENCE, Browser, Page, program
from imitation import Answer, Imitation

HERE = Path(__file__).resolve().parent
# What must have a name for those who hear the page (https://www.w3.org/TR/wai-aria/#namefromauthor).
NAMED_ROLES = {"button", "link", "textbox", "combobox", "checkbox", "radio", "spinbutton", "dialog", "navigation", "group", "img"}


@unittest.skipUnless(program(), "there is no Chromium on this machine: apt-get install chromium")
class PageTest(unittest.TestCase):
    browser: Browser

    @classmethod
    def setUpClass(cls) -> None:
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.server = Imitation()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        #: Complaints of the browser that a test provokes: parts of their text.
        self.expected_problems: list[str] = []

    def page(self, waits: bool = True, **options) -> Page:
        """A tab that shows the page; at the end of the test, the browser must not have complained about it.

        It has learnt which models there are, or could not, unless nothing `waits` for that."""
        page = self.browser.page(**options)
        self.addCleanup(page.close)
        self.addCleanup(self.check, page)
        page.open(self.server.address)
        if waits:
            page.wait("document.querySelector('#model-name').textContent || document.querySelector('#notice').textContent"
                      " || document.querySelector('#ask-key').open || !document.querySelector('#model').hidden")
        return page

    def check(self, page: Page) -> None:
        problems = [text for text in page.problems if not any(part in text for part in self.expected_problems)]
        self.assertEqual(problems, [])
        foreign = [url for url in page.requests if not url.startswith((self.server.address, "blob:"))]
        self.assertEqual([url for url in foreign if url != "about:blank"], [])

    def answers(self, *answers: Answer | str) -> None:
        self.server.answers = [Answer(text=answer) if isinstance(answer, str) else answer for answer in answers]

    def ask(self, page: Page, text: str) -> None:
        """Writes a message and sends it as a person does; returns when the answer is whole."""
        page.click("#prompt")
        page.type(text)
        page.click("#send") if page.phone else page.press("Enter")
        self.finished(page)

    def finished(self, page: Page) -> None:
        page.wait("document.querySelector('li.message.last .foot') && document.querySelector('#stop').hidden")

    def messages(self, page: Page) -> list[str]:
        return page.evaluate("[...document.querySelectorAll('li.message .body')].map(e => e.innerText.trim())")

    def markup(self, page: Page, text: str) -> str:
        """What an answer becomes."""
        self.answers(text)
        self.ask(page, "?")
        return page.evaluate("document.querySelector('li.message.last .body').innerHTML")

    def unnamed(self, page: Page) -> list[str]:
        """What the browser's accessibility tree holds without a name."""
        nodes = page.send("Accessibility.getFullAXTree")["nodes"]
        roles = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
        self.assertGreater(len(roles), 10)
        return [role for role, name in roles if role in NAMED_ROLES and name.strip() == ""]

    def assert_accessible(self, page: Page) -> None:
        page.evaluate("Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations === 1).map(a => a.finished))")
        self.assertEqual(page.evaluate((HERE / "accessibility.js").read_text()), [])
        self.assertEqual(self.unnamed(page), [])

    def stored(self, page: Page) -> list[dict]:
        return [json.loads(text) for text in page.evaluate(
            "Object.keys(localStorage).filter(k => k.startsWith('martlet.conversation.')).map(k => localStorage[k])")]

    def until(self, condition, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "did not become true")
            time.sleep(0.02)
