"""Compares two pieces of HTML by what they mean: elements and text, without what the page adds for its looks."""

from html.parser import HTMLParser

BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "hr", "table", "thead", "tbody", "tr", "th", "td", "div"}
VOID = {"hr", "br", "img", "input"}


class Meaning(HTMLParser):
    """A list of tags and texts. Images are links, as the page shows them; wrappers and colours are left out."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.open: list[tuple[str, str | None]] = []
        self.skipped = 0
        self.feed(text)
        self.close()
        self.found = [part for part in map(self._tidied, range(len(self.found))) if part]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        style = values.get("class") or ""
        shown: str | None = tag
        if self.skipped or style == "code-head":
            self.skipped += tag not in VOID
            return
        if tag in ("div", "span", "tbody"):
            shown = None
        elif tag == "s":
            shown = "del"
        elif style.startswith("level-"):
            shown = f"h{style[6:]}"
        if tag == "img":
            self.found += [f'<a href="{values["src"]}">', values["alt"] or "", "</a>"]
        elif tag == "a":
            self.found.append(f'<a href="{values["href"]}">')
        elif tag == "ol" and values.get("start"):
            self.found.append(f'<ol start="{values["start"]}">')
        elif shown:
            self.found.append(f"<{shown}>")
        if tag not in VOID:
            self.open.append((tag, shown))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if self.skipped:
            self.skipped -= 1
            return
        _, shown = self.open.pop()
        if shown:
            self.found.append(f"</{shown}>")

    def handle_data(self, data: str) -> None:
        if self.skipped:
            return
        isCode = any(tag == "pre" for tag, _ in self.open)
        text = data if isCode else " ".join(f".{data}.".split())[1:-1]
        if self.found and not self.found[-1].startswith("<"):
            self.found[-1] += text
        elif text:
            self.found.append(("\0" if isCode else "") + text)

    def _tidied(self, index: int) -> str:
        """Blanks beside a block, and the line's end at the end of code, are nothing."""
        part = self.found[index]
        if part.startswith("\0"):
            return part[1:].removesuffix("\n")
        if part.startswith("<"):
            return part
        isBlock = [index + step < 0 or index + step >= len(self.found) or _name(self.found[index + step]) in BLOCKS | {"br"} for step in (-1, 1)]
        return (part.lstrip() if isBlock[0] else part).rstrip() if isBlock[1] else part.lstrip() if isBlock[0] else part


def _name(part: str) -> str:
    return part.strip("</>").split(" ")[0] if part.startswith("<") else ""


def meaning(text: str) -> list[str]:
    return Meaning(text).found
