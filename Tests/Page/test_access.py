"""For everybody: by keyboard alone, in the dark, on a phone, and through a screen reader."""

import importlib.util
import json
import unittest
from pathlib import Path

from chromium import SHIFT
from imitation import Answer
from support import HERE, PageTest

SAMPLE = (HERE / "sample.md").read_text()


class Keyboard(PageTest):
    def test_a_conversation_without_a_mouse(self):
        self.answers("One.", "Two.", "Three.")
        page = self.page()
        self.assertEqual(page.focused(), "prompt")
        page.type("first")
        page.press("Enter")
        self.finished(page)
        self.until_focus(page, "Answer anew", SHIFT)
        page.press("Enter")
        self.finished(page)
        self.assertEqual(self.messages(page), ["first", "Two."])
        self.until_focus(page, "Settings", SHIFT)
        page.press("Enter")
        self.assertTrue(page.evaluate("document.querySelector('#settings').open"))
        self.assertEqual(page.focused(), "Close the settings")
        self.until_focus(page, "setting-temperature")
        page.type("1")
        page.press("ArrowUp")
        self.assertEqual(page.evaluate("document.activeElement.value"), "1.1")
        page.press("Escape")
        self.assertEqual(page.focused(), "Settings")
        self.until_focus(page, "new-conversation", SHIFT)
        page.press("Enter")
        page.type("second")
        page.press("Enter")
        self.finished(page)
        self.assertEqual(self.server.requests[2]["temperature"], 1.1)
        self.until_focus(page, "Delete “first”", SHIFT)
        page.press("Enter")
        page.press("Tab")
        page.press("Enter")
        page.wait("document.querySelectorAll('#conversations li[data-id]').length === 1")
        self.assertEqual(page.focused(), "new-conversation")

    def until_focus(self, page, label: str, modifiers: int = 0) -> None:
        for _ in range(60):
            if page.focused() == label:
                return
            page.press("Tab", modifiers)
        self.fail(f"Tab does not lead to {label}")

    def test_the_focus_is_seen_everywhere_and_goes_round(self):
        self.answers(SAMPLE)
        page = self.page()
        self.ask(page, "x")
        seen = []
        for _ in range(60):
            page.press("Tab")
            outline, label = page.evaluate("""(e => [
              [e, e.closest(".composer")].some(x => x && (getComputedStyle(x).outlineStyle !== "none" || getComputedStyle(x).boxShadow.includes("0px 0px 0px 1px"))),
              e.getAttribute("aria-label") || e.id || (e === document.body ? "BODY" : e.textContent.trim())])(document.activeElement)""")
            if label == "BODY" and "Skip to the message field" in seen:
                break
            seen.append(label)
            self.assertTrue(outline or label == "BODY", label)
        for label in ("Skip to the message field", "new-conversation", "Settings", "Code in swift", "Table", "Copy", "Edit", "Answer anew", "prompt"):
            self.assertTrue(any(label in other for other in seen), f"{label} is not among {seen}")
        page.evaluate("document.querySelector('.skip').focus()")
        page.press("Enter")
        page.wait("document.activeElement.id === 'prompt'")


class Hearing(PageTest):
    def test_answers_are_read_once_and_by_the_block(self):
        self.answers(Answer(text="First part.\n\nSecond part.\n\nThird part.", pause=0.05))
        page = self.page()
        page.evaluate("""window.heard = []; new MutationObserver(all => all.forEach(one => one.addedNodes.forEach(node => heard.push(node.textContent))))
          .observe(document.querySelector("#spoken"), { childList: true })""")
        self.ask(page, "x")
        self.assertEqual(page.evaluate("heard"), ["First part.", "Second part.", "Third part."])
        self.assertTrue(page.text("#status").startswith("Answer complete: 10 tokens"))

    def test_the_tree_has_names_roles_and_landmarks(self):
        self.answers(SAMPLE)
        page = self.page()
        self.ask(page, "Hello")
        nodes = page.send("Accessibility.getFullAXTree")["nodes"]
        found = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]}
        for wanted in {
            ("main", ""), ("navigation", "Conversations"), ("heading", "Hello"), ("heading", "You"), ("heading", "Answer"), ("list", "Messages"),
            ("textbox", "Message"), ("button", "Send"), ("button", "Settings"), ("button", "Copy"), ("button", "Edit"), ("button", "Answer anew"),
            ("button", "Delete “Hello”"), ("status", ""), ("log", "Answer as it is written"), ("group", "Code in swift"),
        }:
            self.assertIn(wanted, found)
        self.assertEqual(self.unnamed(page), [])


class Looks(PageTest):
    def test_light_dark_and_the_choice(self):
        page = self.page()
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.appearance(dark=True)
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(light, dark)
        page.click("#open-settings")
        page.click("label[for=theme-light]")
        self.assertEqual(page.evaluate("getComputedStyle(document.body).backgroundColor"), light)
        page.open(self.server.address)
        self.assertEqual(page.evaluate("getComputedStyle(document.body).backgroundColor"), light)
        page.click("#open-settings")
        self.assertTrue(page.evaluate("document.querySelector('#theme-light').checked"))
        page.click("label[for=theme-system]")
        self.assertEqual(page.evaluate("getComputedStyle(document.body).backgroundColor"), dark)

    def test_nothing_stands_in_the_way(self):
        """Contrast, sizes, names and structure of every state, in both appearances and on a phone."""
        for options in ({}, {"dark": True}, {"width": 390, "height": 844, "phone": True}, {"width": 390, "height": 844, "phone": True, "dark": True}):
            with self.subTest(**options):
                page = self.page(**options)
                self.assert_accessible(page)
                self.answers(SAMPLE)
                self.ask(page, "Tell me everything.")
                self.assert_accessible(page)
                self.axe(page)
                page.click("#open-settings")
                self.assert_accessible(page)
                page.press("Escape")
                page.click('.user [data-action="edit"]')
                self.assert_accessible(page)
                self.answers(Answer(text="word " * 400, pause=0.05))
                page.evaluate("document.activeElement.select()")
                page.type("x")
                page.click(".editing .primary")
                page.wait("document.querySelector('.running .body').textContent !== ''")
                self.assert_accessible(page)
                page.click("#stop")
                self.finished(page)

    def axe(self, page) -> None:
        """Deque's own rules, where the Python package axe-core-python brings them."""
        spec = importlib.util.find_spec("axe_core_python")
        if spec is None:
            return
        page.evaluate(next(Path(spec.origin).parent.rglob("axe.min.js")).read_text() + "; 0")
        violations = page.evaluate("axe.run().then(found => found.violations.map(one => [one.id, ...one.nodes.map(node => node.html + node.failureSummary)]))")
        self.assertEqual(violations, [], json.dumps(violations, indent=1))

    def test_a_phone(self):
        self.answers(SAMPLE + "\n\n" + "unbreakable" * 40 + "\n\n`" + "x" * 300 + "`\n\n| " + "wide | " * 30 + "\n|" + "-|" * 30)
        page = self.page(width=390, height=844, phone=True)
        self.assertEqual(page.evaluate("document.activeElement.tagName"), "BODY", "the keyboard would hide the page")
        self.ask(page, "Hello")
        self.assertLessEqual(page.evaluate("document.scrollingElement.scrollWidth"), 390)
        self.assertLessEqual(page.evaluate("document.querySelector('#scroller').scrollWidth - document.querySelector('#scroller').clientWidth"), 0)
        self.assertGreaterEqual(page.evaluate("parseFloat(getComputedStyle(document.querySelector('#prompt')).fontSize)"), 16, "smaller ones make phones zoom")
        self.assertTrue(page.evaluate("document.querySelector('#sidebar').inert"))
        page.click("#open-sidebar")
        page.wait("document.getAnimations().length === 0")
        self.assertEqual(page.focused(), "new-conversation")
        self.assertTrue(page.evaluate("document.querySelector('#room').inert"))
        self.assert_accessible(page)
        page.press("Escape")
        self.assertEqual(page.focused(), "Conversations")
        page.click("#open-sidebar")
        page.wait("document.getAnimations().length === 0")
        page.click("#conversations .open")
        self.assertFalse(page.evaluate("document.querySelector('#room').inert"))
        page.click("#prompt")
        page.type("one")
        page.press("Enter")
        self.assertEqual(page.evaluate("document.querySelector('#prompt').value"), "one\n")

    def test_reading_above_is_not_disturbed(self):
        self.answers(Answer(text="word\n\n" * 200, part=60, pause=0.1))
        page = self.page()
        page.type("x")
        page.press("Enter")
        page.wait("document.querySelector('#scroller').scrollTop > 200")
        page.evaluate("document.querySelector('#scroller').scrollTop = 10")
        page.wait("!document.querySelector('#latest').hidden")
        grown = page.evaluate("document.querySelector('.assistant .body').children.length")
        page.wait(f"document.querySelector('.assistant .body').children.length > {grown} + 20")
        self.assertEqual(page.evaluate("document.querySelector('#scroller').scrollTop"), 10)
        page.click("#latest")
        page.wait("document.querySelector('#latest').hidden")
        page.press("Escape")
        self.finished(page)

    def test_a_button_that_goes_leaves_the_keyboard_somewhere(self):
        self.answers("word\n\n" * 100)
        page = self.page()
        self.ask(page, "x")
        self.assertTrue(page.evaluate("document.querySelector('#latest').hidden"))
        page.evaluate("document.querySelector('#scroller').scrollTop = 0")
        page.wait("!document.querySelector('#latest').hidden")
        page.evaluate("document.querySelector('#latest').focus()")
        page.evaluate("document.querySelector('#scroller').scrollTop = 1e6")
        page.wait("document.querySelector('#latest').hidden")
        self.assertEqual(page.focused(), "prompt")


if __name__ == "__main__":
    unittest.main()
