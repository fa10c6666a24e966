"""What Markdown means, by markdown-it-py: `Tests/Page/Goldens/markdown.json`, pairs of text and HTML.

The preset is CommonMark's with tables and strikethrough, and HTML in the text is text, as on the web page.
"""

import json
from pathlib import Path

from markdown_it import MarkdownIt

TEXTS = [
    # Emphasis
    "*a* **b** ***c*** _d_ __e__", "**a *b* c**", "*a **b***", "***a** b*", "***a* b**", "a*b*c a_b_c", "2*3*4 = 24 and 5 * 6",
    "snake_case_name and __init__", "**a", "*a", "a**", "** a **", "*(*a*)*", "**Note:** text", "**“a”**b", "~~gone~~ and ~one~",
    "*a*b*c*", "**bold**text**bold**", "_a_._b_", "****", "*a _b* c_", "**a\nb**", "\\*a\\*", "a \\\\*b*", "**1.** one",
    "*foo**bar*", "**foo*bar**", "__a__b__", "*[a*](https://example.org/a)",
    # Code
    "`a`", "``a ` b``", "` a `", "`` ` ``", "`a *b* c`", "*a `b*` c*", "`a", "``a`", "`a\nb`", "`\\`", "\\`a`", "`a\\` b`", "a ` b",
    # Links
    "[a](https://example.org/a)", "[a](<https://example.org/a b> \"t\")", "[**a** b](https://example.org/a 'x')", "[a]", "[a](b",
    "[a [b] c](https://example.org/a)", "[a](https://example.org/(b))", "[[a](https://example.org/a)](b)",
    "![alt](https://example.org/a.png)", "<https://example.org/a>", "[a]\n(b)", "[`a]`](https://example.org/a)",
    "\\[a](b)", "[a](https://example.org/a?b=1&amp;c=2)", "*a [b](https://example.org/a) c*",
    # Entities and HTML
    "a &amp; b &lt; c &gt; d &copy; &#65; &#x42;", "&nosuch; &#0;", "<b>a</b> <img src=x onerror=alert(1)>", "<div>\na\n</div>", "a < b > c",
    "<!-- a -->", "<script>alert(1)</script>",
    # Paragraphs and lines
    "a\nb", "a  \nb", "a\\\nb", "a\n\nb", "   a\n  b", "a\n    b", "a   \n\n\n\nb",
    # Headings and rules
    "# a", "## a ##", "### a #b", "#a", "####### a", "#", "a\n===", "a\n---", "a\nb\n---", "---", "***", "_ _ _", "a\n***\nb", "# a\nb\n## c\nd", "#\ta",
    # Code blocks
    "```\na\n```", "```swift\nlet a = 1\n\nlet b = 2\n```", "```\na", "~~~\na\n```\n~~~", "````\n```\n````", "  ```\n  a\n   b\n  ```", "    a\n    b",
    "a\n```\nb\n```\nc", "``` a b\nc\n```", "```\n\n\na\n```", "    a\n\n\n    b\nc", "\ta", "```\n    a\n```", "``` `a` ```",
    # Quotes
    "> a", "> a\nb", "> a\n\nb", "> a\n> > b\n> c", ">a", "> # a\n> - b", "> ```\n> a\n> ```\nb", "> a\n> ***\n> b", ">", "> a\n---",
    # Lists
    "- a\n- b", "* a\n* b", "+ a\n- b", "1. a\n2. b", "3. a\n4. b", "1) a\n2) b", "- a\n\n- b", "- a\n  - b\n    - c\n- d",
    "1. a\n   - b\n   - c\n2. d", "- a\n\n  b\n- c", "- a\nb", "- a\n  ```\n  b\n  ```\n- c", "1. a\n\n   ```\n   b\n   ```\n\n2. c", "a\n- b",
    "a\n1. b", "a\n14. b", "-a", "- # a", "-\n  a", "- a\n\n\nb", "- a\n    - b", "10. a\n    b", "- > a\n  > b\n- c", "- a\n- - b", "* a\n\n  * b\n\n* c",
    "1. **A**: b\n2. **C**: d", "- a\n# b", "1. a\n- b", "- a\n   b", "   - a\n   - b", "- a\n  b\n\n  c", "- `a`: b\n- *c*", "1.  a\n\n    b", "0. a", "- a\n---\n- b",
    # Tables
    "| a | b |\n|---|---|\n| c | d |", "a | b\n:-- | --:\nc | d\n", "| a |\n| - |\n| `b \\| c` |", "| a | b |\n|---|---|\n| c |\n| d | e | f |", "| a | b |\n|---|\n| c | d |",
    "| a | b |\n|---|---|\n| c | d |\n\nf", "a\n| b | c |\n|---|---|\n| d | e |", "| **a** | [b](https://example.org/b) |\n| --- | :-: |\n| | x |\n> q",
]


def main() -> None:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    pairs = [[text, markdown.render(text)] for text in TEXTS]
    path = Path(__file__).resolve().parents[2] / "Tests" / "Page" / "Goldens" / "markdown.json"
    path.write_text(json.dumps(pairs, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
