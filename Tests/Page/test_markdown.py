"""What a model writes is shown as Markdown and code, and can do nothing."""

import json
import time
import unittest

from imitation import Answer
from markup import meaning
from support import HERE, PageTest

# None of it may load, run or lead anywhere.
ATTACKS = """
<img src=x onerror="window.hit=1"> <script>window.hit=2</script> <svg onload=window.hit=3> <iframe src="javascript:parent.hit=4"></iframe>

[a](javascript:window.hit=5) [b](JaVaScRiPt:window.hit=6) [c](java\tscript:window.hit=7) [d](&#106;avascript:window.hit=8)
[e](data:text/html,<script>window.hit=9</script>) [f](vbscript:x) [g](file:///etc/passwd) [h](/v1/models) [i](#x) [j](\x01javascript:window.hit=10)
![k](https://example.org/k.png) ![l](javascript:window.hit=11) <javascript:window.hit=12> [m](<javascript:window.hit=13>)
[n](blob:https://example.org/x) [o](https://example.org/" onclick="window.hit=14) <https://example.org/"onmouseover="window.hit=15>

```"><img src=x onerror=window.hit=16>
</code></pre><img src=x onerror="window.hit=17"> ${window.hit=18}
```

| <img src=x onerror="window.hit=19"> |
|---|
| <style>body{display:none}</style> <meta http-equiv="refresh" content="0;url=https://example.org"> |

<a href="https://example.org" id="prompt">x</a> <form action="https://example.org"><input name="q"></form> <base href="https://example.org/">
"""


class Markdown(PageTest):
    def test_markdown_means_what_markdown_it_says(self):
        page = self.page()
        for text, expected in json.loads((HERE / "Goldens" / "markdown.json").read_text()):
            with self.subTest(text):
                self.assertEqual(meaning(self.rendered(page, text)), meaning(expected))

    def rendered(self, page, text: str) -> str:
        return page.evaluate(f"""import("./page/markdown.js").then(({{ MarkdownView }}) => {{
          const place = document.createElement("div");
          new MarkdownView(place).update({json.dumps(text)});
          return place.innerHTML;
        }})""")

    def test_a_growing_text_is_shown_as_the_whole_one(self):
        page = self.page()
        text = "".join(f"{text}\n\n" for text, _ in json.loads((HERE / "Goldens" / "markdown.json").read_text()))
        self.assertTrue(page.evaluate(f"""import("./page/markdown.js").then(({{ MarkdownView }}) => {{
          const text = {json.dumps(text)};
          const [growing, whole] = [document.createElement("div"), document.createElement("div")];
          const view = new MarkdownView(growing);
          for (let end = 0; end < text.length; end += 7) view.update(text.slice(0, end));
          view.update(text);
          new MarkdownView(whole).update(text);
          return growing.innerHTML === whole.innerHTML;
        }})"""))

    def test_attacks_are_text(self):
        page = self.page()
        markup = self.markup(page, ATTACKS)
        self.assertEqual(page.evaluate("""[...document.querySelectorAll('.assistant .body *')].flatMap(e =>
          [...e.attributes].filter(a => a.name.startsWith("on") || a.name === "src" || a.name === "style").map(a => a.name))"""), [])
        self.assertEqual(page.evaluate("""[...document.querySelectorAll(
          ".body :is(img, script, svg:not(.stroke), iframe, style, meta, form, base, object, link)")].length"""), 0)
        links = page.evaluate("[...document.querySelectorAll('.assistant .body a')].map(a => [a.protocol, a.rel, a.target])")
        self.assertGreaterEqual(len(links), 1)
        for protocol, relation, target in links:
            self.assertIn(protocol, ("https:", "mailto:"))
            self.assertEqual((relation, target), ("noopener noreferrer nofollow", "_blank"))
        page.evaluate("document.querySelectorAll('.assistant .body *').forEach(e => e.tagName !== 'A' && e.click?.())")
        time.sleep(0.3)
        self.assertIsNone(page.evaluate("window.hit ?? null"), markup)
        self.assertEqual(page.evaluate("document.querySelectorAll('#prompt').length"), 1)
        self.assertIn('onerror="window.hit=1"', page.text(".assistant .body"))

    def test_attacks_from_the_user_the_title_and_the_server_are_text(self):
        attack = "<img src=x onerror='window.hit=1'>"
        self.server.models = [attack, "other" + attack]
        self.expected_problems = ["400"]
        self.answers("ok", Answer(status=400, message=attack))
        page = self.page()
        self.ask(page, attack)
        self.ask(page, attack)
        page.click("#conversations .delete")
        self.assertIn(attack, page.text("#confirm-text"))
        self.assertEqual(page.evaluate("document.querySelectorAll('img').length"), 0)
        self.assertIsNone(page.evaluate("window.hit ?? null"))

    def test_hostile_lengths_and_depths_take_no_time(self):
        page = self.page()
        size = 40_000
        for name, text in {
            "stars": "*" * size, "stars and letters": "*a" * size, "open emphasis": "*a **b " * (size // 7), "brackets": "[" * size,
            "links": "[a](" * (size // 4), "closed brackets": "[a]" * (size // 3), "backticks": "`" * size,
            "runs of backticks": " ".join("`" * n for n in range(1, 280)), "quotes": "> " * size, "quotes by line": "\n".join(">" * (n % 50) + " a" for n in range(800)),
            "lists": "- " * size, "nested lists": "\n".join(" " * n + "- a" for n in range(200)), "bars": "|" * size, "table": "|a|b|\n|-|-|\n" + "|a|b|\n" * 3000,
            "dashes": "-" * size, "underscores": "_a_b" * (size // 4), "tildes": "~~a" * (size // 3), "brackets of addresses": "[a](" + "(" * size,
            "entities": "&" * size, "addresses": "https://a" * (size // 9), "angles": "<" * size, "backslashes": "\\" * size, "titles": '[a](b "' * (size // 7),
            "fence": "```c\n" + "/*" * size, "quotes in code": "```c\n" + '"' * size + "\n```", "math": "\\(" * (size // 2), "headings": "# a\n" * 3000,
            "dollars": "$$\n" * 3000, "rule": "* " * size + "a", "spaces": "a" + " " * size + "b\n" * 10, "hashes": "# a " + "#" * size + "b", "hash and blank": "# " + "# " * size + "b",
        }.items():
            with self.subTest(name):
                took = page.evaluate(f"""import("./page/markdown.js").then(({{ MarkdownView }}) => {{
                  const began = performance.now();
                  new MarkdownView(document.createElement("div")).update({json.dumps(text)});
                  return performance.now() - began;
                }})""")
                self.assertLess(took, 3000)

    def test_code_is_coloured_and_copied(self):
        page = self.page()
        page.browser.send("Browser.grantPermissions", {
            "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "browserContextId": page.context})
        code = 'func a() -> Int {\n  // one\n  return 42 + "x".count\n}'
        self.markup(page, f"Look:\n\n```swift\n{code}\n```\n")
        self.assertEqual(page.evaluate("[...document.querySelectorAll('pre span')].map(e => [e.className, e.textContent])"), [
            ["code-keyword", "func"], ["code-comment", "// one"], ["code-keyword", "return"], ["code-number", "42"], ["code-string", '"x"']])
        self.assertEqual(page.text("pre"), code)
        page.click(".copy-code")
        page.wait("document.querySelector('#status').textContent === 'Copied'")
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), code)

    def test_extras(self):
        page = self.page()
        for text, expected in {
            "see https://example.org/a_b_c. (or https://example.org/x)": [
                "<p>", "see ", '<a href="https://example.org/a_b_c">', "https://example.org/a_b_c", "</a>", ". (or ",
                '<a href="https://example.org/x">', "https://example.org/x", "</a>", ")", "</p>"],
            "- [x] a\n- [ ] b": ["<ul>", "<li>", "<input>", "a", "</li>", "<li>", "<input>", "b", "</li>", "</ul>"],
            "\\(a_1 \\cdot b_2\\) and \\*": ["<p>", "<code>", "a_1 \\cdot b_2", "</code>", " and *", "</p>"],
            "$$\na^2\n$$": ["<pre>", "<code>", "a^2", "</code>", "</pre>"],
            "a<br>b": ["<p>", "a", "<br>", "b", "</p>"],
        }.items():
            with self.subTest(text):
                self.assertEqual(meaning(self.rendered(page, text)), expected)


class Policy(PageTest):
    def test_the_policy_holds(self):
        self.expected_problems = ["Trusted", "trusted", "Content Security", "ContentSecurityPolicy", "violates"]
        page = self.page()
        for way in ("document.body.innerHTML = '<b>'", "document.body.setAttribute('onclick', 'hit = 1')",
                    "document.createElement('script').textContent = 'hit = 1'", "open('javascript:1')"):
            self.assertNotEqual(page.evaluate(f"""(() => {{ try {{ return {way} ? "done" : "nothing"; }} catch (error) {{ return error.name; }} }})()"""), "done", way)
        self.assertEqual(page.evaluate("""fetch("https://example.org/").then(() => "done", () => "refused")"""), "refused")
        page.requests.clear()


if __name__ == "__main__":
    unittest.main()
