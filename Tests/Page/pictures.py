"""Takes the pictures of the page that the documentation shows: `python3 Tests/Page/pictures.py FOLDER`."""

import sys
import time
from pathlib import Path

from chromium import Browser, Page
from imitation import Answer, Imitation
from support import HERE

QUESTION = "Which rivers are the longest, and how do I add up their lengths in Swift?"
EARLIER = ("Name three birds that hardly ever land.", "What does a tokenizer do?", "Haiku about the first swallow of the year")


def main(folder: Path) -> None:
    server, browser = Imitation(), Browser()

    def page(width: int, height: int, **options) -> Page:
        shown = browser.page(width=width, height=height, **options)
        shown.open(server.address)
        shown.wait("document.querySelector('#model-name').textContent")
        return shown

    def ask(shown: Page, text: str) -> None:
        shown.click("#prompt")
        shown.type(text)
        shown.click("#send")
        shown.wait("document.querySelector('.last .foot') && document.querySelector('#stop').hidden")

    def conversation(shown: Page, phone: bool = False) -> None:
        server.answers = [Answer(text="Swifts, and more.")]
        for text in () if phone else EARLIER:
            ask(shown, text)
            shown.evaluate("document.querySelector('#new-conversation').click()")
        server.answers = [Answer(text=(HERE / "sample.md").read_text(), part=5, pause=0.02)]
        ask(shown, QUESTION)
        shown.hover(620, 790)

    def take(shown: Page, name: str) -> None:
        time.sleep(0.4)  # what fades in has done so
        shown.screenshot(folder / f"{name}.png")

    shown = page(1240, 800)
    conversation(shown)
    shown.evaluate("document.querySelector('#scroller').scrollTop = 0; document.querySelector('#latest').hidden = true")
    take(shown, "page-light")
    shown.appearance(dark=True)
    shown.click("#open-settings")
    shown.click("#setting-system")
    shown.type("You are brief and exact.")
    shown.click("#setting-temperature")
    shown.type("0.7")
    take(shown, "page-dark")
    shown = page(390, 844, phone=True, scale=1.5)
    conversation(shown, phone=True)
    take(shown, "page-phone")
    browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
