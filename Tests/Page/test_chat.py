"""Conversations: what is asked of the server, what is shown, what is kept."""

import unittest

from chromium import SHIFT
from imitation import Answer
from support import PageTest

LONG = "word " * 400


class Chat(PageTest):
    def test_an_answer_appears_while_it_is_written(self):
        self.answers(Answer(text="First comes this. " + LONG, pause=0.05))
        page = self.page()
        page.type("Hello")
        page.press("Enter")
        page.wait("document.querySelector('.assistant .body').textContent.includes('First comes')")
        self.assertTrue(page.evaluate("document.querySelector('.running') !== null"))
        self.assertTrue(page.evaluate("document.querySelector('#send').hidden"))
        page.wait("/^about [0-9.]+ tokens per second$/.test(document.querySelector('#speed').textContent)")
        page.click("#stop")
        self.finished(page)
        self.assertIn("Stopped.", page.text(".last .stats"))

    def test_stopping_ends_the_request_and_keeps_the_text(self):
        for way in ("button", "key"):
            with self.subTest(way):
                self.answers(Answer(text=LONG, pause=0.05))
                page = self.page()
                page.type("Hello")
                page.press("Enter")
                page.wait("document.querySelector('.assistant .body').textContent.length > 10")
                before = self.server.abandoned
                page.click("#stop") if way == "button" else page.press("Escape")
                self.finished(page)
                kept = self.messages(page)[1]
                self.assertTrue(LONG.startswith(kept))
                self.assertLess(len(kept), len(LONG) - 100)
                page.wait("document.activeElement.id === 'prompt'")
                self.until(lambda: self.server.abandoned > before)
                [stored] = self.stored(page)
                self.assertEqual([node["text"].strip() for node in stored["nodes"].values() if node.get("role") == "assistant"], [kept])

    def test_the_request_holds_the_conversation_and_the_settings(self):
        self.answers("One.", "Two.")
        page = self.page()
        page.click("#open-settings")
        for name, value in {"system": "Be brief.", "temperature": "0.5", "top_k": "7", "seed": "11", "stop": "END\nSTOP"}.items():
            page.click(f"#setting-{name}")
            page.type(value)
        page.press("Escape")
        self.ask(page, "first")
        self.ask(page, "second")
        self.assertEqual(self.server.requests[1], {
            "model": "SmolLM2-135M-Instruct",
            "messages": [
                {"role": "system", "content": "Be brief."}, {"role": "user", "content": "first"},
                {"role": "assistant", "content": "One."}, {"role": "user", "content": "second"}],
            "temperature": 0.5, "top_k": 7, "seed": 11, "stop": ["END", "STOP"],
            "stream": True, "stream_options": {"include_usage": True}})

    def test_a_setting_out_of_range_is_told_and_not_sent(self):
        page = self.page()
        page.click("#open-settings")
        page.click("#setting-temperature")
        page.type("7")
        self.assertEqual(page.text("#hint-temperature"), "Must be from 0 to 2")
        self.assertEqual(page.evaluate("document.querySelector('#setting-temperature').ariaInvalid"), "true")
        self.assert_accessible(page)
        page.press("Escape")
        self.ask(page, "x")
        self.assertNotIn("temperature", self.server.requests[0])

    def test_answering_anew_keeps_the_old_answer(self):
        self.answers("One.", "Two.")
        page = self.page()
        self.ask(page, "Count.")
        page.click('.last [data-action="again"]')
        self.finished(page)
        self.assertEqual(self.messages(page), ["Count.", "Two."])
        self.assertEqual(self.server.requests[1]["messages"], [{"role": "user", "content": "Count."}])
        self.assertEqual(page.text(".last .version"), "Version 2 / 2")
        page.click('.last [data-action="previous"]')
        self.assertEqual(self.messages(page), ["Count.", "One."])
        self.assertEqual(page.evaluate("document.activeElement.dataset.action"), "next", "its own button has no use here")

    def test_an_edited_message_is_answered_again(self):
        self.answers("One.", "Two.", "Three.")
        page = self.page()
        self.ask(page, "first")
        self.ask(page, "second")
        page.click('li.user [data-action="edit"]')
        self.assertEqual(page.focused(), "Edit your message")
        page.evaluate("document.activeElement.select()")
        page.type("changed")
        page.click(".editing .primary")
        self.finished(page)
        self.assertEqual(self.messages(page), ["changed", "Three."])
        self.assertEqual(self.server.requests[2]["messages"], [{"role": "user", "content": "changed"}])
        page.click('li.user [data-action="previous"]')
        self.assertEqual(self.messages(page), ["first", "One.", "second", "Two."])

    def test_an_edit_can_be_given_up(self):
        page = self.page()
        self.ask(page, "first")
        page.press("ArrowUp")
        page.type("nonsense")
        page.press("Escape")
        self.assertEqual(self.messages(page), ["first", "Fine."])
        self.assertEqual(page.focused(), "Edit")

    def test_an_answer_can_be_edited(self):
        page = self.page()
        self.ask(page, "first")
        page.click('.last [data-action="edit"]')
        page.evaluate("document.activeElement.select()")
        page.type("My **own** words.")
        page.click(".editing .primary")
        self.assertEqual(self.messages(page), ["first", "My own words."])
        self.assertEqual(len(self.server.requests), 1)
        self.ask(page, "second")
        self.assertEqual(self.server.requests[1]["messages"][1]["content"], "My **own** words.")

    def test_an_answer_that_was_cut_goes_on(self):
        self.answers(Answer(text="It begins ", finish="length"), "and ends.")
        page = self.page()
        self.ask(page, "Tell.")
        self.assertIn("Ended at the limit of tokens.", page.text(".last .stats"))
        page.click('.last [data-action="continue"]')
        self.finished(page)
        self.assertEqual(self.messages(page), ["Tell.", "It begins and ends."])
        self.assertIs(self.server.requests[1]["continue_final_message"], True)
        self.assertEqual(self.server.requests[1]["messages"][-1], {"role": "assistant", "content": "It begins "})

    def test_conversations_outlive_the_page(self):
        self.answers("**One.**", "Two.")
        page = self.page()
        self.ask(page, "first")
        page.click("#new-conversation")
        self.ask(page, "second")
        page.open(self.server.address)
        self.assertEqual(self.messages(page), ["second", "Two."])
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.open')].map(e => e.textContent)"), ["second", "first"])
        page.click("#conversations li:nth-of-type(3) .open")
        self.assertEqual(self.messages(page), ["first", "One."])
        self.assertEqual(page.evaluate("document.title"), "first · Martlet")

    def test_a_reload_while_an_answer_is_written_keeps_what_came(self):
        self.answers(Answer(text=LONG, pause=0.05))
        page = self.page()
        page.type("Hello")
        page.press("Enter")
        page.wait("document.querySelector('.assistant .body').textContent.length > 10")
        page.open(self.server.address)
        question, answer = self.messages(page)
        self.assertEqual(question, "Hello")
        self.assertGreater(len(answer), 10)
        self.assertIn("Stopped.", page.text(".last .stats"))

    def test_conversations_can_be_deleted(self):
        page = self.page()
        self.ask(page, "first")
        page.click("#new-conversation")
        self.ask(page, "second")
        page.click("#conversations li[data-id]:last-child .delete")
        self.assertEqual(page.focused(), "Cancel")
        page.click('#confirm [value="no"]')
        self.assertEqual(len(self.stored(page)), 2)
        page.click("#conversations li[data-id]:last-child .delete")
        page.click('#confirm [value="yes"]')
        page.wait("document.querySelectorAll('.open').length === 1")
        self.assertEqual(self.messages(page), ["second", "Fine."])
        page.click("#open-settings")
        page.click("#delete-all")
        page.click('#confirm [value="yes"]')
        page.wait("document.querySelectorAll('.open').length === 0")
        self.assertEqual(self.stored(page), [])
        self.assertEqual(self.messages(page), [])

    def test_a_conversation_goes_on_while_another_is_read(self):
        self.answers("One.", Answer(text="Two. " * 20, pause=0.1))
        page = self.page()
        self.ask(page, "first")
        page.click("#new-conversation")
        page.type("second")
        page.press("Enter")
        page.wait("document.querySelector('.assistant .body').textContent.length > 3")
        page.click("#conversations li[data-id]:last-child .open")
        self.assertEqual(self.messages(page), ["first", "One."])
        self.assertFalse(page.evaluate("document.querySelector('#send').hidden"))
        page.wait("document.querySelector('.dot') === null")
        page.click("#conversations li[data-id] .open")
        self.assertEqual(self.messages(page), ["second", ("Two. " * 20).strip()])

    def test_damaged_storage_is_no_obstacle(self):
        page = self.page()
        self.ask(page, "first")
        page.evaluate("""
          localStorage["martlet.conversation.a"] = "{";
          localStorage["martlet.conversation.b"] = JSON.stringify({ id: "b", nodes: { root: { id: "root", children: ["root"] } } });
          localStorage["martlet.settings"] = "[[";
          localStorage["martlet.current"] = "17";
        """)
        page.open(self.server.address)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.open')].map(e => e.textContent)"), ["first"])
        self.ask(page, "second")

    def test_full_storage_is_told(self):
        page = self.page()
        page.evaluate("""(() => { let size = 1 << 22; let n = 0;
          while (size) try { localStorage.setItem("x" + n++, "x".repeat(size)); } catch { size >>= 1; } })()""")
        self.ask(page, "first")
        self.assertIn("The browser keeps no more", page.text("#notice"))
        self.assertEqual(self.messages(page), ["first", "Fine."])

    def test_shift_and_enter_begin_a_line(self):
        page = self.page()
        page.type("one")
        page.press("Enter", SHIFT)
        page.type("two")
        page.press("Enter")
        self.finished(page)
        self.assertEqual(self.server.requests[0]["messages"][0]["content"], "one\ntwo")

    def test_several_models_can_be_chosen(self):
        self.server.models = ["small", "large"]
        page = self.page()
        page.evaluate("""(select => { select.value = "large"; select.dispatchEvent(new Event("change")); })(document.querySelector("#model"))""")
        self.ask(page, "x")
        self.assertEqual(self.server.requests[0]["model"], "large")

    def test_characters_that_come_in_pieces(self):
        text = "Grüße, 世界 🐦\u200d⬛!"
        self.answers(Answer(text=text, part=1))
        page = self.page()
        self.ask(page, "x")
        self.assertEqual(self.messages(page)[1], text)


class Server(PageTest):
    def test_a_key_is_asked_for_once(self):
        self.expected_problems = ["401"]
        self.server.key = "secret"
        page = self.page()
        self.assertEqual(page.focused(), "key")
        self.assert_accessible(page)
        page.type("wrong")
        page.press("Enter")
        page.wait("document.querySelector('#ask-key').open && document.querySelector('#key').value === ''")
        page.type("secret")
        page.press("Enter")
        page.wait("document.querySelector('#model-name').textContent")
        self.ask(page, "x")
        self.assertEqual(self.messages(page)[1], "Fine.")
        page.open(self.server.address)
        page.wait("document.querySelector('#model-name').textContent")
        self.assertIsNone(page.evaluate("localStorage.getItem('martlet.key')"), "it was not to be kept")
        page.click("#open-settings")
        page.click("#forget-key")
        page.press("Escape")
        page.click("#prompt")
        page.type("y")
        page.press("Enter")
        page.wait("document.querySelector('#ask-key').open")
        page.type("secret")
        page.press("Enter")
        self.finished(page)
        self.assertEqual(self.messages(page)[3], "Fine.")

    def test_without_a_key_nothing_is_lost(self):
        self.expected_problems = ["401"]
        self.server.key = "secret"
        page = self.page()
        page.click("#cancel-key")
        page.click("#prompt")
        page.type("Hello")
        page.press("Enter")
        page.wait("document.querySelector('#ask-key').open")
        page.press("Escape")
        self.finished(page)
        self.assertIn("needs an API key", page.text(".failure"))

    def test_a_key_that_may_not_list_models_is_enough(self):
        self.expected_problems = ["403"]
        self.server.hides_models = True
        page = self.page(waits=False)
        self.ask(page, "x")
        self.assertEqual(self.messages(page), ["x", "Fine."])
        self.assertNotIn("model", self.server.requests[0])
        self.assertTrue(page.evaluate("document.querySelector('#notice').hidden"))

    def test_refusals_are_shown_and_can_be_tried_again(self):
        self.expected_problems = ["429", "400"]
        for status, message in ((429, "the queue is full: 12 wait, about 8 s"), (400, "temperature must be at most 2")):
            with self.subTest(status):
                self.answers(Answer(status=status, message=message, headers={"retry-after": "8"}), "Now.")
                page = self.page()
                self.ask(page, "x")
                self.assertEqual(page.text(".failure"), message)
                self.assertIn(message, page.text("#status"))
                self.assert_accessible(page)
                page.click('.last [data-action="again"]')
                self.finished(page)
                self.assertEqual(self.messages(page), ["x", "Now."])
                self.assertIsNone(page.evaluate("document.querySelector('.version')"))

    def test_what_breaks_keeps_what_came(self):
        cases = {
            "The connection ended before the answer was whole.": Answer(text=LONG, breaks_after=3),
            "the device ran out of memory": Answer(text=LONG, fails_after=3)}
        for message, answer in cases.items():
            with self.subTest(message):
                self.answers(answer)
                page = self.page()
                self.ask(page, "x")
                self.assertEqual(page.text(".failure"), message)
                self.assertEqual(self.messages(page)[1], LONG[:12].strip())

    def test_a_server_that_is_gone(self):
        self.expected_problems = ["ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET"]
        page = self.page()
        self.server.is_gone = True
        self.ask(page, "x")
        self.assertEqual(page.text(".failure"), "The server does not answer. Is it running?")

    def test_loading_is_told_and_waited_for(self):
        self.expected_problems = ["503"]
        self.server.loading = True
        page = self.page()
        self.assertEqual(page.text("#notice"), "The server is loading its model …")
        self.server.loading = False
        page.wait("document.querySelector('#model-name').textContent")
        self.assertTrue(page.evaluate("document.querySelector('#notice').hidden"))


if __name__ == "__main__":
    unittest.main()
