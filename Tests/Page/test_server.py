"""The page with a server that runs: MARTLET_PAGE_SERVER=http://127.0.0.1:8080 names it, MARTLET_PAGE_KEY its key."""

import os
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from imitation import PAGE
from support import PageTest

ADDRESS = os.environ.get("MARTLET_PAGE_SERVER", "").rstrip("/") + "/"


@unittest.skipUnless(len(ADDRESS) > 1, "MARTLET_PAGE_SERVER names no server")
class RunningServer(PageTest):
    def setUp(self) -> None:
        self.expected_problems = ["401", "403"] if "MARTLET_PAGE_KEY" in os.environ else []

    def page(self, **options):
        page = self.browser.page(**options)
        self.addCleanup(page.close)
        self.addCleanup(self.check, page)
        page.open(ADDRESS)
        page.wait("document.querySelector('#model-name').textContent || document.querySelector('#ask-key').open")
        if page.evaluate("document.querySelector('#ask-key').open"):
            page.type(os.environ["MARTLET_PAGE_KEY"])
            page.press("Enter")
            page.wait("!document.querySelector('#ask-key').open")
        page.click("#prompt")
        return page

    def check(self, page) -> None:
        self.assertEqual([text for text in page.problems if not any(part in text for part in self.expected_problems)], [])
        self.assertEqual([url for url in page.requests if not url.startswith((ADDRESS, "about:"))], [])

    def test_it_serves_the_files_with_the_policy(self):
        policy = "; ".join((PAGE / "policy.txt").read_text().split("\n")[:-1])
        for name in ("", *(f"page/{file.name}" for file in sorted(PAGE.iterdir()) if file.suffix in (".js", ".css", ".svg"))):
            with urllib.request.urlopen(ADDRESS + name) as answer:
                self.assertEqual(answer.read(), (PAGE / (Path(name).name or "index.html")).read_bytes(), name)
                self.assertEqual(answer.headers["content-security-policy"], policy, name)
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff", name)
                self.assertEqual(answer.headers["cache-control"], "no-cache", name)
        with self.assertRaises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(ADDRESS + "page/policy.txt")
        self.assertEqual(refusal.exception.code, 404)

    def set(self, page, **settings) -> None:
        page.click("#open-settings")
        for name, value in settings.items():
            page.click(f"#setting-{name}")
            page.evaluate("document.activeElement.select()")
            page.type(str(value))
        page.press("Escape")

    def test_a_conversation(self):
        page = self.page()
        self.set(page, temperature=0, max_tokens=24)
        self.ask(page, "Name three birds.")
        self.assertNotEqual(self.messages(page)[1], "", page.evaluate("document.querySelector('#messages').innerText"))
        self.assertRegex(page.text(".last .stats"), r"\d+ tokens, [\d.]+ per second")
        first = self.messages(page)[1]
        page.click('.last [data-action="again"]')
        self.finished(page)
        self.assertEqual(self.messages(page)[1], first, "temperature 0 gives the same answer")
        if page.evaluate("document.querySelector('.last [data-action=continue]') !== null"):
            page.click('.last [data-action="continue"]')
            self.finished(page)
            self.assertIsNone(page.evaluate("document.querySelector('.failure')?.textContent ?? null"))
            self.assertTrue(self.messages(page)[1].startswith(first.rstrip(" .")))

    def test_every_setting_is_understood(self):
        page = self.page()
        self.set(page, system="Be brief.", temperature=0.7, top_p=0.9, top_k=40, min_p=0.05, repetition_penalty=1.1,
                 max_tokens=8, seed=7, stop="\nEND\nSTOP".strip())
        self.ask(page, "Hello")
        self.assertIsNone(page.evaluate("document.querySelector('.failure')?.textContent ?? null"))

    def test_stopping(self):
        page = self.page()
        self.set(page, max_tokens=2000)
        page.click("#prompt")
        page.type("Write a very long story about a swift.")
        page.press("Enter")
        page.wait("document.querySelector('.running .body')?.textContent.length > 40")
        page.press("Escape")
        self.finished(page)
        self.assertIn("Stopped.", page.text(".last .stats"))


if __name__ == "__main__":
    unittest.main()
