"""The prompts of `greedy.py`: many kinds of text, none so close to a tie that float32 rounding could change a token.

An entry is (name, text) for raw text or (name, list of messages) for a conversation that goes through the model's chat template.
"""

LONG_STORY = """\
The lighthouse at Carrow Point had been dark for eleven years when Ines came back to it with a bag of tools, a lamp, and a letter \
from the harbour office. The letter said that the old building would be pulled down in spring unless someone could show that \
its machinery still worked. Nobody in the village believed that it did. The keeper's house had lost half its roof, the path \
had slid into the sea in two places, and gulls nested on the gallery where her grandfather used to smoke his pipe after \
midnight.

She began with the stairs. There were one hundred and forty-two of them, and every ninth was cracked. She carried up sand and \
lime in a bucket and mended them one by one, starting at the bottom, so that each evening she could sit a little higher and \
look a little further over the water. In the second week the fishermen began to notice a small yellow light moving up the \
tower, and they argued in the bar about whether it was a ghost, a thief, or the tax inspector.

In the third week she reached the clockwork. It stood in a round room below the lantern: brass wheels as tall as a child, a \
drum of steel cable, and a weight that had once dropped slowly through the middle of the tower to turn the lens all night. \
Salt had crept into everything. She took the train of wheels apart on a blanket and numbered each part with chalk, as her \
grandfather had taught her, and cleaned them with vinegar and a toothbrush. Three teeth were missing from the second wheel. The \
blacksmith, who did not believe in ghosts, filed new ones from a piece of a broken anchor and would not take money for them.

The lens itself was whole. Under the grey crust of the years its rings were still clear, and when she wiped the first of them \
with a wet cloth the room filled with small moving rainbows. She worked on it for nine days. On the tenth the wind turned to the \
north-west, the barometer fell faster than anyone could remember, and the radio said that all boats should return at once.

Two did not. The Marigold had lost her engine behind the outer reef, and the Anna had gone to tow her. By nightfall the rain was \
so thick that the harbour lights could not be seen from the end of the pier. Ines heard the bell of the church begin to ring, \
and understood that it was being rung not for a service but as a signal, because it was the only thing loud enough.

She climbed the one hundred and forty-two stairs in the dark without counting them. She wound the cable onto the drum until her \
hands bled, set the lamp behind the lens, and lit it. For a moment nothing happened. Then she remembered the small brass lever \
that her grandfather always touched last, the one he called the breath, and she pressed it down. The great wheels hesitated, \
and the tower began"""

LONG_TABLE = "Measurements of the river gauge, in centimetres:\n" + "\n".join(
    f"{day:02d} {month}: morning {100 + (day * 7 + index * 13) % 61}, evening {98 + (day * 11 + index * 5) % 57}"
    for index, month in enumerate(["March", "April"])
    for day in range(1, 22)
) + "\nSummary of the table above:"

PYTHON = '''\
def fibonacci(n: int) -> int:
    """Return the n-th Fibonacci number."""
    if n < 2:
        return n
'''

C = """\
#include <stdio.h>
#include <stdlib.h>

/* Reverses the string s in place. */
void reverse(char *s) {
    size_t n = strlen(s);
"""

SWIFT = """\
struct Stack<Element> {
  private var items: [Element] = []

  /// Adds an element on top.
  mutating func push("""

JSON = '{"users": [{"id": 1, "name": "Alice", "tags": ["admin", "ops"]}, {"id": 2, "name":'

MARKDOWN = "# Shopping list\n\n- [x] Milk\n- [ ] Bread\n- [ ]"

PROMPTS = [
    ("chat-question", [{"role": "user", "content": "What is the capital of France?"}]),
    ("chat-system", [
        {"role": "system", "content": "You answer in one short sentence."},
        {"role": "user", "content": "Why is the sky blue?"},
    ]),
    ("chat-turns", [
        {"role": "user", "content": "My name is Mira and I keep bees."},
        {"role": "assistant", "content": "Nice to meet you, Mira! How many hives do you have?"},
        {"role": "user", "content": "I have seven. How should I prepare them for winter?"},
    ]),
    ("chat-code", [{"role": "user", "content": "Write a Python function that checks whether a string is a palindrome."}]),
    ("chat-chinese", [{"role": "user", "content": "请用一句话介绍北京。"}]),
    ("raw-english", "The history of the steam engine begins in"),
    ("raw-dialogue", "\"Where have you been?\" she asked.\n\n\"Out,\" he said, and"),
    ("one-token", "The"),
    ("python", PYTHON),
    ("c", C),
    ("swift", SWIFT),
    ("json", JSON),
    ("markdown", MARKDOWN),
    ("chinese", "人工智能的发展历史可以追溯到二十世纪五十年代，"),
    ("japanese", "昔々、あるところに、おじいさんとおばあさんが住んでいました。"),
    ("cyrillic", "Москва является столицей"),
    ("accents", "L'été dernier, nous avons passé nos vacances à Besançon, où"),
    ("emoji", "Weather report 🌤️🌧️⛈️: today it will be 🥶, so 👩‍👩‍👧‍👦 should"),
    ("leading-space", "     indented text begins here and"),
    ("tabs-and-lines", "\tname\tvalue\n\talpha\t1\n\tbeta\t2\n\tgamma\t"),
    ("newlines", "\n\n\n\n\n\n"),
    ("numbers", "2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37,"),
    ("arithmetic", "12345 + 67890 = 80235\n3.14159 * 2 = 6.28318\n1000000 / 8 ="),
    ("html", "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n  <title>"),
    ("long-story", LONG_STORY),
    ("long-table", LONG_TABLE),
]
