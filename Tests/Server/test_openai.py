"""The official `openai` package, unmodified, against `martlet serve` with the default model."""

import asyncio
import json
import sys
import unittest

import openai

from served import NAME, serve

COLOURS = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": "Name three colours."},
]
TOOLS_TALK = [
    {"role": "user", "content": "What is the weather in Paris?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 21 degrees"},
]


class OpenAI(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = serve("--cache-tokens", "8192")
        cls.served = cls.context.__enter__()
        cls.addClassCleanup(cls.context.__exit__, None, None, None)
        cls.client = openai.OpenAI(base_url=cls.served.address + "/v1", api_key="none", max_retries=0)

    def chat(self, messages=COLOURS, **fields):
        fields = {"temperature": 0, "max_tokens": 16} | fields
        return self.client.chat.completions.create(model=NAME, messages=messages, **fields)

    def complete(self, prompt="Once upon a time", **fields):
        fields = {"temperature": 0, "max_tokens": 8} | fields
        return self.client.completions.create(model=NAME, prompt=prompt, **fields)

    def test_models(self):
        self.assertEqual([model.id for model in self.client.models.list()], [NAME])
        self.assertEqual(self.client.models.retrieve(NAME).owned_by, "martlet")
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.models.retrieve("another")
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_chat(self):
        answer = self.chat()
        choice = answer.choices[0]
        self.assertEqual(choice.message.role, "assistant")
        self.assertTrue(choice.message.content)
        self.assertEqual(choice.finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 16)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + 16)
        again = self.chat()
        self.assertEqual(again.choices[0].message.content, choice.message.content)
        self.assertGreater(again.usage.prompt_tokens_details.cached_tokens, 0)

    def test_stream(self):
        whole = self.chat().choices[0].message.content
        stream = self.chat(stream=True, stream_options={"include_usage": True})
        text, reasons, usage = "", [], None
        for chunk in stream:
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
                reasons.append(chunk.choices[0].finish_reason)
            usage = chunk.usage or usage
        self.assertEqual(text, whole)
        self.assertEqual([reason for reason in reasons if reason], ["length"])
        self.assertEqual(usage.completion_tokens, 16)

    def test_stream_helper(self):
        fields = {"temperature": 0, "max_tokens": 200, "stop": ["."]}
        with self.client.chat.completions.stream(model=NAME, messages=COLOURS, **fields) as stream:
            final = stream.get_final_completion()
        self.assertEqual(final.choices[0].message.content, self.chat(**fields).choices[0].message.content)

    def test_many_at_once(self):
        whole = self.chat().choices[0].message.content

        async def many():
            base = self.served.address + "/v1"
            async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as client:
                create = client.chat.completions.create
                fields = {"model": NAME, "messages": COLOURS, "temperature": 0, "max_tokens": 16}
                return await asyncio.gather(*(create(**fields) for _ in range(12)))

        for answer in asyncio.run(many()):
            self.assertEqual(answer.choices[0].message.content, whole)

    def test_sampling(self):
        greedy = self.complete().choices[0].text
        for fields in ({"top_p": 1e-6}, {"extra_body": {"top_k": 1}}, {"extra_body": {"min_p": 1}}):
            self.assertEqual(self.complete(temperature=2, **fields).choices[0].text, greedy, fields)
        first = self.complete(temperature=1.5, seed=3).choices[0].text
        self.assertEqual(self.complete(temperature=1.5, seed=3).choices[0].text, first)
        several = self.complete(temperature=1.5, seed=3, n=3).choices
        self.assertEqual([choice.index for choice in several], [0, 1, 2])
        self.assertEqual(several[0].text, first)
        self.assertEqual(len({choice.text for choice in several}), 3)
        long = self.complete(max_tokens=60).choices[0].text
        for fields in (
            {"frequency_penalty": 2},
            {"presence_penalty": 2},
            {"extra_body": {"repetition_penalty": 3}},
            {"logit_bias": {str(self.token(greedy)): -100}},
        ):
            self.assertNotEqual(self.complete(max_tokens=60, **fields).choices[0].text, long, fields)

    def token(self, text: str) -> int:
        return self.client.post("/../tokenize", body={"prompt": text}, cast_to=object)["tokens"][0]

    def test_stop(self):
        text = self.complete(max_tokens=20).choices[0].text
        word = text.split()[3]
        for stop in (word, ["never said", word]):
            choice = self.complete(max_tokens=20, stop=stop).choices[0]
            self.assertEqual(choice.text, text[: text.index(word)])
            self.assertEqual(choice.finish_reason, "stop")

    def test_chat_logprobs(self):
        choice = self.chat(logprobs=True, top_logprobs=2).choices[0]
        content = choice.logprobs.content
        self.assertEqual(len(content), 16)
        self.assertEqual(b"".join(bytes(entry.bytes) for entry in content).decode(), choice.message.content)
        for entry in content:
            self.assertEqual(entry.top_logprobs[0].token, entry.token)
            self.assertLessEqual(entry.top_logprobs[1].logprob, entry.logprob)

    def test_completion_logprobs_and_echo(self):
        choice = self.complete(echo=True, logprobs=1).choices[0]
        self.assertTrue(choice.text.startswith("Once upon a time"))
        self.assertEqual("".join(choice.logprobs.tokens), choice.text)
        self.assertIsNone(choice.logprobs.token_logprobs[0])
        self.assertEqual(choice.logprobs.text_offset[0], 0)
        for token, offset in zip(choice.logprobs.tokens, choice.logprobs.text_offset):
            self.assertEqual(choice.text[offset : offset + len(token)], token)
        scored = self.complete(max_tokens=0, echo=True, logprobs=0).choices[0]
        self.assertEqual(scored.text, "Once upon a time")
        count = len(scored.logprobs.tokens)
        self.assertEqual(scored.logprobs.token_logprobs[1:], choice.logprobs.token_logprobs[1:count])

    def test_prompts_of_all_kinds(self):
        ids = self.complete(extra_body={"return_token_ids": True}).choices[0]
        self.assertEqual(self.complete(ids.prompt_token_ids).choices[0].text, ids.text)
        two = self.complete(["Once upon a time", "Hello"])
        self.assertEqual(two.choices[0].text, ids.text)
        self.assertEqual(len(two.choices), 2)
        lists = self.complete([ids.prompt_token_ids, ids.prompt_token_ids])
        self.assertEqual([choice.text for choice in lists.choices], [ids.text] * 2)

    def test_further_fields(self):
        answer = self.chat(
            user="somebody",
            extra_body={
                "priority": 2, "cache_salt": "mine", "return_token_ids": True, "prompt_logprobs": 1,
                "chat_template_kwargs": {"enable_thinking": False},
            },
        )
        self.assertEqual(answer.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(len(answer.prompt_token_ids), answer.usage.prompt_tokens)
        self.assertEqual(len(answer.prompt_logprobs), answer.usage.prompt_tokens)
        self.assertEqual(len(answer.choices[0].token_ids), 16)
        self.assertIn("somebody", {line.get("user") for line in self.served.logged()})

    def test_conversations(self):
        self.assertTrue(self.chat(TOOLS_TALK).choices[0].message.content)
        parts = [{"role": "user", "content": [{"type": "text", "text": "Name three colours."}]}]
        plain = [{"role": "user", "content": "Name three colours."}]
        self.assertEqual(self.chat(parts).choices[0].message.content, self.chat(plain).choices[0].message.content)
        begun = plain + [{"role": "assistant", "content": "Red,"}]
        continued = self.chat(begun, extra_body={"continue_final_message": True})
        self.assertTrue(continued.choices[0].message.content)

    def test_errors_name_the_field(self):
        cases = [
            ("temperature", {"temperature": 3}),
            ("top_p", {"top_p": 0}),
            ("n", {"n": 0}),
            ("n", {"n": 1000}),
            ("max_tokens", {"max_tokens": 0}),
            ("max_tokens", {"max_tokens": 10**6}),
            ("stop", {"stop": ["x"] * 100}),
            ("logit_bias", {"logit_bias": {"x": 1}}),
            ("seed", {"seed": 1.5}),
            ("top_logprobs", {"top_logprobs": 2}),
            ("messages[0].role", {"messages": [{"role": "owner", "content": "x"}]}),
            ("messages[0].content[0].type", {
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]}),
            ("response_format", {"response_format": {"type": "json_object"}}),
            ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
            ("chat_template", {"extra_body": {"chat_template": "{{ 1 }}"}}),
            ("best_of", {"extra_body": {"best_of": 2}}),
            ("messages", {"messages": [{"role": "user", "content": "word " * 9000}]}),
        ]
        for field, fields in cases:
            with self.subTest(field), self.assertRaises(openai.BadRequestError) as caught:
                self.chat(**fields)
            self.assertEqual(caught.exception.param, field)
            self.assertIn(field.split("[")[0], str(caught.exception))

    def test_prompt_that_does_not_fit_tells_both_numbers(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat([{"role": "user", "content": "word " * 9000}])
        self.assertEqual(caught.exception.code, "context_length_exceeded")
        numbers = [int(word) for word in caught.exception.message.replace(";", " ").split() if word.isdigit()]
        self.assertIn(8192, numbers)
        self.assertTrue(any(number > 9000 for number in numbers), numbers)

    def test_raw_response_has_the_request_id(self):
        raw = self.client.with_options(default_headers={"X-Request-ID": "test-7"}).models.with_raw_response.list()
        self.assertEqual(raw.headers["x-request-id"], "test-7")
        self.assertIn("test-7", {line.get("request_id") for line in self.served.logged()})


class Keys(unittest.TestCase):
    def test_keys_scopes_and_budgets(self):
        import tempfile
        from pathlib import Path

        keys = {
            "keys": [
                {"name": "writer", "key": "writer-0123456789abcdef", "scopes": ["generate"],
                 "budget": {"tokens": 60, "seconds": 3600}},
                {"name": "reader", "key": "reader-0123456789abcdef", "scopes": ["models"]},
            ]
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "keys.json")
            path.write_text(json.dumps(keys))
            with serve("--keys", str(path), "--host", "0.0.0.0") as served:
                base = f"http://127.0.0.1:{served.port}/v1"

                def client(key):
                    return openai.OpenAI(base_url=base, api_key=key, max_retries=0)

                with self.assertRaises(openai.AuthenticationError):
                    client("wrong-0123456789abcdef").models.list()
                with self.assertRaises(openai.PermissionDeniedError):
                    client("writer-0123456789abcdef").models.list()
                self.assertEqual(client("reader-0123456789abcdef").models.list().data[0].id, NAME)
                writer = client("writer-0123456789abcdef")
                writer.completions.create(model=NAME, prompt="Hello", max_tokens=20)
                with self.assertRaises(openai.RateLimitError) as caught:
                    writer.completions.create(model=NAME, prompt="Hello", max_tokens=50)
                self.assertEqual(caught.exception.code, "insufficient_quota")
                self.assertTrue(int(caught.exception.response.headers["retry-after"]) > 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
