"""Goldens of MartletTemplate: what Jinja2 makes of small templates, and of a published chat template.

    python scripts/goldens/templates.py MODEL.gguf

writes Tests/MartletTemplateTests/Goldens/snippets.json and chat.json. Needs transformers, jinja2 and gguf. The
environment is the one that transformers compiles chat templates with; MODEL.gguf is SmolLM2-135M-Instruct, whose chat
template is kept. A snippet that Jinja2 refuses, while compiling or rendering, is recorded with its error.
"""

import copy
import datetime
import json
import pathlib
import sys

import gguf
from transformers.utils import chat_template_utils

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "Tests" / "MartletTemplateTests" / "Goldens"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi <b>you</b> & me"},
        {"role": "assistant", "content": "Héllo wörld 😀", "tool_calls": [{"name": "f", "arguments": {"x": 1, "y": [1.5, None]}}]},
        {"role": "user", "content": " spaced \n"},
    ],
    "users": [
        {"name": "bob", "age": 30, "address": {"city": "Rome"}},
        {"name": "Alice", "age": 25, "address": {"city": "oslo"}},
        {"name": "carol", "age": 30, "address": {"city": "Bern"}},
        {"name": "Bob", "age": 41, "address": {}},
    ],
    "numbers": [3, 1, 2, 10, 7],
    "floats": [1.0, 0.1, 1e16, 1e15, 123456789.125, 1e-5, 0.0001, -0.0, 1.5e300, 2.5],
    "words": ["foo", "Bar", "baz", "bar"],
    "empty": [], "nothing": None, "yes": True, "no": False, "one": 1, "text": "The quick brown fox", "blank": "",
    "nested": {"b": {"c": [1, {"d": "deep"}]}, "a": 2, "items": "shadowed", "key with space": 4, "Ünï": "ü"},
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}, {"v": 5, "kids": []}],
    "lines": "first\nsecond\n\n  third\n", "unicode": "ß Straße ΑΣ ǆ ﬁ İ", "quotes": "it's \"q\" \\ \t\u0001\u00a0\u200b",
}

SNIPPETS = r"""
plain text
{{ "x" }}
{{ 1 }}{{ 2.0 }}{{ true }}{{ none }}{{ 'a' 'b' }}
a{#- comment -#} b
a {# comment #} b
{{ missing }}|
{{ missing.attribute }}
{{ missing[0] }}
{{ nested.missing }}|{{ nested.missing is defined }}
{{ nested.missing.more }}
{{ missing + 1 }}
{{ missing ~ 'x' }}
{{ missing == none }} {{ missing == other }} {{ missing != 1 }}
{{ missing < 1 }}
{{ missing() }}
{% for x in missing %}{{ x }}{% else %}none{% endfor %}
{{ missing|length }}{{ missing|list }}{{ missing|upper }}|{{ missing|default('d') }}
{{ missing is iterable }}{{ missing is sequence }}{{ missing is mapping }}{{ missing is string }}{{ missing is callable }}
{{ 'a' in missing }}
{{ missing in 'abc' }}
{{ missing in [1] }}
{{ missing|int }}
{{ missing|tojson }}
{{ missing|join(',') }}|{{ missing|first }}|{{ missing|sum }}|{{ missing|sort }}|{{ missing|items|list }}
{{ not missing }}{{ missing or 'x' }}{{ missing and 'x' }}
{{ -missing }}
{{ "%s" % missing }}
{{ 1 + 2 * 3 - 4 / 2 }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}
{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 // 0 }}
{{ 10 / 5 }} {{ 1 / 3 }} {{ 3 * 1.5 }} {{ 1 + 1.0 }} {{ 0.1 + 0.2 }}
{{ true + 1 }} {{ true * 3 }} {{ -true }} {{ +5 }} {{ --5 }} {{ - 5 }}
{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'a' * -1 }}| {{ [1] * 3 }} {{ (1,) * 2 }}
{{ 'a' + 1 }}
{{ [1] + [2] }} {{ (1,) + (2, 3) }}
{{ [1] + (2,) }}
{{ none + 1 }}
{{ {} + {} }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1, 'x'] }}
{{ 1 ~ 2 + 3 }}
{{ 1 + 2 ~ 3 * 4 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ 3 > 2 >= 2 != 1 }}
{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ (1, 2) == (1, 2) }} {{ [1] == (1,) }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ {'a': 1} == {'a': 1.0} }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ {'a': 1} != {'a': 2} }}
{{ 1 in [1, 2] }} {{ 1 not in [1, 2] }} {{ 'a' in 'cat' }} {{ 'x' not in 'cat' }} {{ 'a' in nested }} {{ '' in 'a' }}
{{ 1 in 'a' }}
{{ 1 in 5 }}
{{ not 1 == 2 }} {{ not true and false }} {{ true or false and false }} {{ not not 1 }}
{{ 0 or 'x' }} {{ 1 and 'y' }} {{ '' and 1 }}| {{ [] or {} }} {{ none or missing }}|
{{ 'a' if true else 'b' }} {{ 'a' if false else 'b' }} {{ 'a' if false }}|
{{ ('a' if false).x }}
{{ 1 if 0 else 2 if 0 else 3 }}
{{ (1 if true else 2) + 10 }} {{ 1 if true else 2 + 10 }}
{{ [1, 'two', 3.0, none, true, [4], (5,), {'k': 'v'}] }}
{{ (1, 2) }} {{ (1,) }} {{ () }} {{ 1, 2 }} {{ (1) }}
{{ {'a': 1, 2: 'b', none: 3, true: 4, (1, 2): 5} }}
{{ {1: 'a', 1.0: 'b', true: 'c'} }}
{{ {[1]: 2} }}
{{ {'a': 1, 'a': 2} }} {{ {'a': 1,} }} {{ [1, 2,] }} {{ {} }} {{ [] }}
{{ {1: 'x'}[1] }} {{ {1: 'x'}[1.0] }} {{ {(1, 2): 'x'}[1, 2] }} {{ {none: 1}[none] }}
{{ nested.b.c[1].d }} {{ nested['b']['c'][0] }} {{ nested.b.c.0 }} {{ nested.b.c.1.d }}
{{ nested['key with space'] }} {{ nested.items is callable }} {{ nested['items'] }} {{ nested['Ünï'] }}
{{ numbers[0] }} {{ numbers[-1] }} {{ numbers[99] }}| {{ numbers['x'] }}| {{ numbers[99] is defined }}
{{ numbers[1:3] }} {{ numbers[:2] }} {{ numbers[-2:] }} {{ numbers[::-1] }} {{ numbers[::2] }} {{ numbers[3:1:-1] }}
{{ numbers[10:] }} {{ numbers[-10:2] }} {{ numbers[:] }} {{ numbers[1:-1] }} {{ numbers[none:2] }}
{{ numbers[::0] }}
{{ 'hello'[1] }} {{ 'hello'[-1] }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ 'héllo😀'[1:] }} {{ 'héllo😀'[-1] }} {{ 'abc'[5] }}|
{{ (1, 2, 3)[1:] }} {{ (1, 2, 3)[0] }} {{ range(10)[2:8:2] }} {{ range(5)[-1] }} {{ range(10)[::-1]|list }}
{{ nested[1:2] }}|
{{ 5[0] }}|{{ none.x }}|{{ 5 .x }}
{{ none.x.y }}
{{ 1e3 }} {{ 1_000 }} {{ 0x1F }} {{ 0o17 }} {{ 0b101 }} {{ 1.5e-7 }} {{ 1_0.2_5 }} {{ 1E2 }} {{ 12e+1 }} {{ 00 }}
{{ 012 }}
{{ floats }}
{% for f in floats %}{{ f }} {% endfor %}
{{ 1e400 }} {{ -1e400 }} {{ (1e400 - 1e400) }}
{{ 1e22 }} {{ 123456789012345680.0 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }} {{ 100.0 }} {{ 1e-4 }} {{ 12345.678e-9 }}
{{ 'a\nb\t\x41\u00e9\U0001F600\\\'\"\q\101' }}
{{ "\xZZ" }}
{{ "unterminated }}
{{ 'multi
line' }}
{{ quotes }} {{ [quotes] }} {{ ["it's", 'say "x"', 'both \' "'] }}
{{ unicode|upper }} {{ unicode|lower }} {{ unicode|title }} {{ unicode|capitalize }} {{ unicode.swapcase() }} {{ 'ßΣς'.casefold() }}
{{ 'ΟΔΥΣΣΕΥΣ ΑΣ.'|lower }} {{ 'they\'re bill\'s'.title() }} {{ "they're (some) bill's-x"|title }}
{% set x = 1 %}{{ x }}
{% set x, y = 1, 2 %}{{ x }}{{ y }}
{% set (x, y) = [3, 4] %}{{ x }}{{ y }}
{% set x, (y, z) = 1, (2, 3) %}{{ x }}{{ y }}{{ z }}
{% set x, y = [1] %}
{% set x = 1, 2 %}{{ x }}
{% set true = 1 %}
{% set x.y = 1 %}
{% set 1 = 1 %}
{% set x %}block {{ one }}{% endset %}[{{ x }}]
{% set x | upper | trim %}  block {{ one }}{% endset %}[{{ x }}]
{% set x | replace('b', 'c') %}bbb{% endset %}{{ x }}
{% set x %}{% set inner = 5 %}{{ inner }}{% endset %}{{ x }}{{ inner }}|
{% for i in [1, 2] %}{% set x = i %}{{ x }}{% endfor %}{{ x }}|
{% set x = 0 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}
{% if true %}{% set x = 1 %}{% endif %}{{ x }}
{% set ns = namespace(x=0, y='a') %}{% for i in [1, 2, 3] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.z }}|{{ ns['x'] }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }} {{ ns is mapping }} {{ ns }}
{% set ns = namespace(_x=1) %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}
{% set ns = namespace(l=[]) %}{% for i in range(3) %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.l }}
{% set ns = namespace() %}{% set ns.t %}x{{ one }}{% endset %}{{ ns.t }}
{% set d = {} %}{% set d.x = 1 %}
{{ [].append(1) }}
{{ {}.update({'a': 1}) }}
{{ [].append }}|
{{ ''.__class__ }}|{{ ''['__class__'] }}|
{{ ''.__class__.__mro__ }}
{% for x in numbers %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}
{% for x in words %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}
{% for x in words %}[{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}]{% endfor %}
{% for x in words %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}
{% for x in words %}{{ loop.cycle('odd', 'even') }} {% endfor %}
{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}
{% for x in words %}{{ loop.cycle() }}{% endfor %}
{% for x in words %}{{ loop.missing }}|{% endfor %}
{% for x in numbers if x > 2 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% else %}none{% endfor %}
{% for x in numbers if x > 100 %}{{ x }}{% else %}none{% endfor %}
{% for x in numbers if x is odd %}{{ x }}{{ loop.last }}{{ loop.nextitem }} {% endfor %}
{% set ns = namespace(n=0) %}{% for x in numbers if ns.n < 2 %}{% set ns.n = ns.n + 1 %}{{ x }}{% endfor %}
{% for k, v in nested.items() if k != 'b' %}{{ k }}={{ v }};{% endfor %}
{% for k, v in nested|items %}{{ k }};{% endfor %}
{% for k in nested %}{{ k }};{% endfor %}
{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for c in 'aé😀' %}{{ c }}.{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}
{% for x in [1, 2] if true else 3 %}{% endfor %}
{% for x in ([1, 2] if true else [3]) %}{{ x }}{% endfor %}
{% for loop in [1] %}{% endfor %}
{% for x in numbers %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in numbers %}{% if x == 2 %}{% continue %}{% endif %}{{ x }} {% else %}e{% endfor %}
{% for x in [1, 2] %}{% for y in [1, 2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}
{% for x in [1] %}{% break %}{% else %}else{% endfor %}
{% break %}
{% for x in [1, 2] %}{% set y %}a{% break %}{% endset %}{{ y }}{% endfor %}done
{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for x in [1, 2] %}{{ loop.index }}{% for y in [3, 4] %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}
{% for n in tree recursive %}{{ n.v }}@{{ loop.depth }}{% if n.kids %}({{ loop(n.kids) }}){% endif %}{% endfor %}
{% for n in tree recursive %}{{ loop.index }}{{ n.v }}{{ loop(n.kids) }}{% else %}-{% endfor %}
{% for n in tree %}{{ loop(n.kids) }}{% endfor %}
{% for x in range(3) %}{{ x }}{% endfor %}{{ range(3) }}{{ range(1, 10, 3)|list }}{{ range(3, 0, -1)|list }}{{ range(0) }}
{{ range(10**9) }}
{{ range(1, 2, 0) }}
{{ range() }}
{{ range(5)|length }}{{ 3 in range(5) }}{{ range(3) == range(3) }}{{ range(3) is sequence }}{{ range(3) is iterable }}
{% if missing %}a{% elif 0 %}b{% elif one == 1 %}c{% else %}d{% endif %}
{% if true: %}colon{% endif %}
{% if %}x{% endif %}
{% if true %}x
{% endif %}
{% if true %}x{% endfor %}
{% else %}
{% unknown %}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}|
{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% set c = 3 %}{% endwith %}{{ a }}{{ c }}|
{% with %}{% set a = 1 %}{{ a }}{% endwith %}
{% filter upper %}abc {{ text }}{% endfilter %}
{% filter replace('a', 'b')|upper %}aa{% endfilter %}
{% filter unknown %}aa{% endfilter %}
{{ 'x'|unknown }}
{{ 'x' is unknown }}
{% print 1, 'a' %}
{% generation %}gen {{ one }}{% set q = 1 %}{% endgeneration %}{{ q }}|
{% for m in messages %}{% generation %}{{ m.role }};{% endgeneration %}{% endfor %}
{% block a %}in block{% endblock %}
{% block a %}in block{% endblock a %}
{% autoescape false %}{{ '<' }}{% endautoescape %}
{% include 'x' %}
{% extends 'x' %}
{% import 'x' as y %}
{% if false %}{% include 'x' %}{% endif %}ok
{% do [].append(1) %}
{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 5) }} {{ m(1, c='z') }} {{ m(c=1, a=2) }} {{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a=1, b) %}{% endmacro %}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}
{% macro m(a) %}{{ a }}{{ varargs|length }}{{ kwargs.x }}{% endmacro %}{{ m(1, 2, 3, x='y') }}
{% macro m(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call m(1) %}body{% endcall %}
{% macro m() %}{% for i in [1, 2] %}{{ caller(i, k=i * 2) }}{% endfor %}{% endmacro %}{% call(a, k=0) m() %}{{ a }}-{{ k }} {% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}
{% macro m() %}{% endmacro %}{% call m() %}x{% endcall %}
{% call 5 %}x{% endcall %}
{% macro fact(n) %}{{ n * fact(n - 1)|int if n > 1 else 1 }}{% endmacro %}{{ fact(6) }}
{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}
{% set v = 1 %}{% macro m() %}{{ v }}{% set v = 2 %}{{ v }}{% endmacro %}{{ m() }}{% set v = 3 %}{{ m() }}
{% macro m() %}{% set inner = 1 %}{% endmacro %}{{ m() }}{{ inner }}|
{% macro a() %}a{{ b() }}{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}
{% macro m(a) %}{% endmacro %}{{ m.name }}{{ m.arguments }} {{ m is callable }}
{% macro m(items, sep=', ') -%} {%- for i in items -%} {{ i }}{{ sep if not loop.last }} {%- endfor -%} {%- endmacro %}{{ m([1, 2, 3]) }}
{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'a': 2}) }}
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1], **{'b': 2}) }}{{ m(1, *[2]) }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, b=2) }} {{ dict([('k', 'v')]) }} {{ dict() }} {{ dict.fromkeys(['a', 'b'], 1) }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.current }}
{% set j = joiner('|') %}{{ j() }}{{ j() }}{{ j() }}
{{ raise_exception('custom message') }}
{{ raise_exception() }}
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%dT%H:%M:%S') }} {{ strftime_now('%A %B %j %U %W %V %G %u %w %p %I %y %e %-d %-m %% %f') }}
{{ strftime_now('%c|%x|%X|%D|%F|%T|%R|%r|%a|%h|%C|%n|%t|%k|%l|%P|%^a|%_m|%z|%Z|') }}
{{ strftime_now() }}
{{ nested|tojson }}
{{ messages|tojson }}
{{ messages|tojson(indent=2) }}
{{ nested|tojson(indent=4, sort_keys=true) }}
{{ nested|tojson(ensure_ascii=true) }}
{{ nested|tojson(separators=(',', ':')) }}
{{ nested|tojson(separators=[',', ':'], indent=1) }}
{{ nested|tojson(indent='\t') }}
{{ [floats, quotes, none, true, (1, 2), {}, [], {1: 2, none: 3, true: 4, 1.5: 5}]|tojson }}
{{ ['<a href="x">&\'', '\u2028', '\x7f', '/']|tojson }} {{ '😀é'|tojson(ensure_ascii=true) }}
{{ [[], {}, [1]]|tojson(indent=0) }}
{{ (1e400)|tojson }}
{{ range|tojson }}
{{ range(3)|tojson }}
{{ nested.items()|tojson }}
{{ nested|tojson(bogus=1) }}
{{ {(1, 2): 3}|tojson }}
{{ -5|abs }} {{ 5.5|abs }} {{ (-5.5)|abs }} {{ true|abs }}
{{ 'x'|abs }}
{{ numbers|batch(2)|list }} {{ numbers|batch(2, 0)|list }} {{ numbers|batch(3, 'x')|list }}
{{ numbers|slice(2)|list }} {{ numbers|slice(3, 0)|list }} {{ numbers|slice(7)|list }}
{{ 'hello wORLD'|capitalize }} {{ ''|capitalize }}| {{ 'x'|center(5) }}| {{ 'x'|center(4) }}| {{ 'xy'|center(5) }}|
{{ numbers|count }} {{ text|length }} {{ nested|length }} {{ 'é😀'|length }}
{{ 5|length }}
{{ missing|default('x') }} {{ ''|default('x') }}| {{ ''|default('x', true) }} {{ none|d('x') }} {{ none|d('x', boolean=true) }} {{ missing|d }}|
{{ nested|dictsort }}
{{ {'b': 2, 'A': 3, 'c': 1}|dictsort }} {{ {'b': 2, 'A': 3, 'c': 1}|dictsort(true) }} {{ {'b': 2, 'A': 3}|dictsort(by='value') }} {{ {'b': 2, 'A': 3}|dictsort(false, 'key', true) }}
{{ {'b': 2}|dictsort(by='x') }}
{{ '<a & "b\'>'|escape }} {{ '<'|e }} {{ '<'|forceescape }} {{ '<'|safe }} {{ 5|e }}
{{ 1|filesizeformat }} {{ 999|filesizeformat }} {{ 1000|filesizeformat }} {{ 1234567|filesizeformat }} {{ 1234567|filesizeformat(true) }} {{ '5000000000'|filesizeformat }}
{{ numbers|first }} {{ 'abc'|first }} {{ []|first }}| {{ nested|first }} {{ numbers|last }} {{ 'abc'|last }} {{ []|last }}| {{ nested|last }}
{{ '3.5'|float }} {{ 'x'|float }} {{ 'x'|float(1.5) }} {{ 3|float }} {{ ' 1e3 '|float }} {{ 'inf'|float }} {{ '.5'|float }} {{ '5.'|float }} {{ none|float }} {{ '1_0'|float }} {{ '_1'|float }}
{{ '42'|int }} {{ '4.7'|int }} {{ 4.7|int }} {{ -4.7|int }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ 'ff'|int(base=16) }} {{ '0x1f'|int(0, 16) }} {{ ' 5 '|int }} {{ none|int }} {{ true|int }} {{ '1_000'|int }} {{ '-7'|int }} {{ ''|int }} {{ '0b11'|int(0, 2) }} {{ '077'|int(0, 8) }}
{{ '%s-%d-%05.2f-%x-%-5s|%+d' | format('a', 5, 3.14159, 255, 'l', 3) }} {{ '%(a)s' | format(a=1) }} {{ '%r %%' | format('q') }}
{{ '%d' | format('x') }}
{{ '%s' | format(1, 2) }}
{{ '%s %s' | format(1) }}
{{ '%s' % 'a' }} {{ '%s %s' % (1, 2) }} {{ '%(k)s' % {'k': 1} }} {{ '%5.1f|%e|%g|%G|%c|%o|%X|%#x|% d|%05d|%.3d|%i' % (1.25, 12345.678, 1e-10, 1e20, 'z', 8, 255, 255, 4, -42, 5, 7.9) }}
{{ users|groupby('age') }}
{% for age, list in users|groupby('age') %}{{ age }}:{{ list|map(attribute='name')|join(',') }};{% endfor %}
{% for g in users|groupby('address.city', default='?') %}{{ g[0] }}={{ g[1]|length }};{% endfor %}
{{ [{'k': 'B'}, {'k': 'a'}, {'k': 'b'}]|groupby('k') }} {{ [{'k': 'B'}, {'k': 'a'}, {'k': 'b'}]|groupby('k', case_sensitive=true) }}
{{ lines|indent }}| {{ lines|indent(2, true) }}| {{ lines|indent(2, blank=true) }}| {{ lines|indent('> ', first=true) }}| {{ ''|indent }}|
{{ 5|indent }}
{{ numbers|join }} {{ numbers|join(', ') }} {{ users|join('-', attribute='name') }} {{ 'abc'|join('.') }} {{ [1, none, 'x', 2.0]|join('|') }} {{ numbers|join(d=0) }}
{{ numbers|list }} {{ 'abc'|list }} {{ nested|list }}
{{ 'ABC'|lower }} {{ 5|lower }} {{ none|upper }} {{ [1]|upper }}
{{ words|map('upper')|list }} {{ users|map(attribute='name')|list }} {{ users|map(attribute='address.city', default='?')|list }} {{ users|map(attribute='nope')|list }} {{ numbers|map('string')|join }} {{ words|map('replace', 'b', 'c')|list }}
{{ users|map(attribute='address.city')|map('default', 'none')|list }} {{ [[1, 2], [3]]|map('first')|list }} {{ [[1, 2], [3]]|map(attribute=0)|list }}
{{ words|map|list }}
{{ words|map('nope')|list }}
{{ words|map(attribute='x', y=1)|list }}
{{ numbers|min }} {{ numbers|max }} {{ words|min }} {{ words|max }} {{ words|min(case_sensitive=true) }} {{ users|max(attribute='age') }} {{ []|min }}|
{{ [1, 'a']|min }}
{{ numbers|reject('odd')|list }} {{ numbers|select('odd')|list }} {{ [0, 1, '', 'x']|select|list }} {{ [0, 1, '', 'x']|reject|list }} {{ numbers|select('gt', 2)|list }} {{ numbers|select('>=', 3)|list }} {{ words|select('in', ['foo', 'baz'])|list }} {{ numbers|select('divisibleby', 2)|list }}
{{ users|selectattr('age', 'equalto', 30)|map(attribute='name')|list }} {{ users|rejectattr('age', 'eq', 30)|map(attribute='name')|list }} {{ users|selectattr('address.city')|list|length }} {{ users|selectattr('nope', 'defined')|list }} {{ users|selectattr('name', '==', 'bob')|first }}
{{ users|selectattr|list }}
{{ numbers|select('nope')|list }}
{{ (numbers|select('odd')) is iterable }} {{ (numbers|select('odd')) is sequence }} {{ 'y' if numbers|select('gt', 100) else 'n' }}
{{ numbers|select('odd')|length }}
{% set g = numbers|select('odd') %}{{ g|list }}{{ g|list }}
{% set g = numbers|map('string') %}{{ g|first }}{{ g|first }}{% for x in g %}{{ x }}{% break %}{% endfor %}{{ g|list }}
{{ (numbers|map('string'))[0] }}|
{{ 'banana'|replace('a', 'o') }} {{ 'banana'|replace('a', 'o', 2) }} {{ 'abc'|replace('', '-') }} {{ 5|replace(5, 6) }} {{ 'aaa'|replace('aa', 'b') }} {{ 'x'|replace(old='x', new='y') }}
{{ 'a'|replace('a') }}
{{ numbers|reverse|list }} {{ 'abc😀'|reverse }} {{ nested|reverse|list }}
{{ 2.5|round }} {{ 3.5|round }} {{ 2.567|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ 2.9|round(method='floor') }} {{ 42|round }} {{ 1234.5|round(-2) }} {{ 2.675|round(2) }} {{ -0.5|round }} {{ 1255|round(-1) }} {{ 42.55|round(1, 'floor') }}
{{ 'x'|round }}
{{ numbers|sort }} {{ numbers|sort(true) }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ users|sort(attribute='age')|map(attribute='name')|list }} {{ users|sort(attribute='age,name', reverse=true)|map(attribute='name')|list }}
{{ [1, 'a']|sort }}
{{ [3, 1.5, true]|sort }} {{ [[2, 1], [1, 2]]|sort }} {{ 'bca'|sort }}
{{ 5|string }} {{ 5|string + 'x' }} {{ none|string }} {{ [1]|string|length }}
{{ '<p>a  <b>b</b>\n<!-- c --> &lt; &amp;amp;</p>'|striptags }}
{{ numbers|sum }} {{ users|sum(attribute='age') }} {{ numbers|sum(start=100) }} {{ []|sum }} {{ [1.5, 2]|sum }} {{ [[1], [2]]|sum(start=[]) }}
{{ ['a']|sum }}
{{ 'hello world'|title }} {{ "it's a-b (c) [d] <e>"|title }} {{ 'ÉCOLE élan'|title }}
{{ '  x '|trim }}| {{ 'xxaxx'|trim('x') }} {{ '\u00a0 x\u2003'|trim }}| {{ 5|trim }}
{{ 'a longer text here'|truncate(10) }} {{ 'a longer text here'|truncate(10, true) }} {{ 'short'|truncate(3, true, '') }} {{ 'a longer text'|truncate(9, false, '…', 0) }} {{ 'exactly fifteen'|truncate(11) }}
{{ 'a longer text'|truncate(2) }}
{{ [1, 2]|truncate(5) }} {{ missing|truncate(5) }}| {{ text|wordwrap(3) }} {{ 'ab' % [1] }} {{ 'ab' % missing }} {{ '%s' % [1] }}
{{ 'ab' % (1,) }}
{{ words|unique|list }} {{ words|unique(true)|list }} {{ [1, 1.0, true, 2]|unique|list }} {{ users|unique(attribute='age')|map(attribute='name')|list }}
{{ 'a b/c?d=é&~'|urlencode }} {{ {'a b': 1, 'c': 'd/e f'}|urlencode }} {{ [('x', 'y')]|urlencode }} {{ 5|urlencode }}
{{ 'one two  three-four'|wordcount }} {{ text|wordwrap(10) }} {{ 'averyveryverylongword x'|wordwrap(5) }} {{ 'averylong w'|wordwrap(5, false) }} {{ 'a-b cd-ef gh'|wordwrap(4, wrapstring='|') }} {{ 'l1 x\n\nl2'|wordwrap(3) }}
{{ {'class': 'a"b', 'id': none, 'n': 5}|xmlattr }}| {{ {}|xmlattr }}| {{ {'a': 1}|xmlattr(false) }}
{{ {'a b': 1}|xmlattr }}
{{ nested|attr('a') }}| {{ nested|attr('keys') is callable }}
{{ nested|items|list }} {{ nested.items()|list|length }} {{ nested.keys()|list }} {{ nested.values()|list|length }} {{ nested.keys() }} {{ {'a': 1}.values() }} {{ {'a': 1}.items() }}
{{ 5|items|list }}
{{ nested.get('a') }} {{ nested.get('zz') }} {{ nested.get('zz', 'd') }} {{ nested.get('b').c }} {{ nested.copy() == nested }}
{{ nested.get() }}
{{ nested.get([1]) }}
{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }} {{ (1, 2).index(2) }} {{ (1, 1).count(1) }}
{{ [1].index(5) }}
{{ ' x '.strip() }}| {{ ' x '.lstrip() }}| {{ ' x '.rstrip() }}| {{ 'xxaxx'.strip('x') }} {{ 'abcba'.lstrip('ab') }} {{ '\n x'.strip(none) }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b c '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ ' a b c '.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b c '.rsplit(none, 1) }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a b'.split(maxsplit=0) }}
{{ 'x'.split('') }}
{{ 'a</think>b</think>c'.split('</think>')[-1].lstrip('\n') }} {{ 'ababab'.split('ab') }} {{ 'aaaa'.split('aa') }} {{ 'aaa'.rsplit('aa') }}
{{ 'a\nb\r\nc\rd\x0be\u2028f\n'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }} {{ ''.splitlines() }}
{{ 'hello'.startswith('he') }} {{ 'hello'.startswith(('x', 'h')) }} {{ 'hello'.endswith('lo') }} {{ 'hello'.startswith('l', 2) }} {{ 'hello'.endswith('l', 0, 4) }} {{ ''.startswith('') }}
{{ 'hello'.startswith(5) }}
{{ 'hello'.replace('l', 'L') }} {{ 'hello'.replace('l', 'L', 1) }} {{ 'ab'.replace('', '.') }} {{ 'ab'.replace('', '.', 2) }}
{{ 'hello'.find('l') }} {{ 'hello'.rfind('l') }} {{ 'hello'.find('z') }} {{ 'hello'.index('e') }} {{ 'é😀x'.find('x') }} {{ 'hello'.find('l', 3) }} {{ 'hello'.count('l') }} {{ 'aaa'.count('aa') }} {{ 'abc'.count('') }} {{ 'hello'.find('') }} {{ 'hello'.rindex('l') }} {{ 'hello'.find('h', -3) }}
{{ 'hello'.index('z') }}
{{ ','.join(['a', 'b']) }} {{ ''.join([]) }}| {{ '-'.join('abc') }} {{ ','.join(nested) }}
{{ ','.join([1]) }}
{{ 'abc'.upper() }} {{ 'ABC'.lower() }} {{ 'hello world'.title() }} {{ 'hELLO'.capitalize() }} {{ 'aB'.swapcase() }}
{{ 'x'.center(5, '*') }} {{ 'x'.ljust(3) }}| {{ 'x'.rjust(3, '0') }} {{ '42'.zfill(5) }} {{ '-42'.zfill(5) }} {{ 'ab'.center(5, '*') }} {{ 'a\tb\n\tc'.expandtabs(4) }}
{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }} {{ 'abc'.rpartition('=') }}
{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ 'x'.removeprefix('y') }} {{ 'x'.removesuffix('') }}
{{ '5'.isdigit() }} {{ '½'.isdigit() }} {{ '½'.isnumeric() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ 'a'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ ''.isspace() }} {{ 'A'.isupper() }} {{ 'a'.islower() }} {{ 'Ab Cd'.istitle() }} {{ 'aé'.isascii() }} {{ 'a_1'.isidentifier() }} {{ 'a\n'.isprintable() }} {{ '中'.isalpha() }} {{ 'A1'.isupper() }} {{ '1'.isupper() }}
{{ '{} {}'.format(1, 'a') }} {{ '{1} {0}'.format(1, 2) }} {{ '{a}'.format(a=1) }} {{ '{0.a} {0[a]}'.format(nested) }} {{ '{!r}'.format('x') }} {{ '{{}}'.format() }} {{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }}
{{ '{:05d} {:+d} {:,} {:x} {:#X} {:b} {:.2f} {:10.3f}| {:e} {:g} {:%} {:.1%} {:_} {:08.2f} {:c}'.format(42, 42, 1234567, 255, 255, 5, 3.14159, 2.5, 12345.678, 0.0001, 0.25, 0.256, 1234567, -3.14159, 65) }}
{{ '{:.3} {:5} {:<5}| {:.3g} {} {:,.2f} {:d}'.format('abcdef', 42, 42, 1234.5, 1.0, 9876543.215, true) }}
{{ '{:{}}|{:{w}}'.format('a', 5, 'b', w=3) }} {{ '{a[0]} {b.c}'.format(a=[1], b={'c': 2}) }}
{{ '{} {}'.format(1) }}
{{ '{:d}'.format('x') }}
{{ '{'.format() }}
{{ '{a}'.format_map({'a': 5}) }} {{ '{.__class__}'.format('') }}|
{{ 'a'.nope() }}
{{ 'a'.nope }}|
{{ (2.0).is_integer() }} {{ 2.5.is_integer() }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ one is defined }} {{ one is undefined }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ none is none }} {{ missing is none }} {{ true is boolean }} {{ 1 is boolean }}
{{ true is true }} {{ 1 is true }} {{ false is false }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ 1.0 is float }} {{ 1 is number }} {{ true is number }} {{ 'x' is number }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'x' is string }} {{ {} is mapping }} {{ [] is mapping }}
{{ [] is sequence }} {{ {} is sequence }} {{ 'x' is sequence }} {{ 5 is sequence }} {{ 'x' is iterable }} {{ 5 is iterable }} {{ range is callable }} {{ 5 is callable }} {{ none is sameas none }} {{ 1 is sameas true }} {{ 'x' is escaped }} {{ 1 is in [1] }} {{ 1 is not in [1] }}
{{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 2 is gt 1 }} {{ 2 is ge 2 }} {{ 1 is lt 2 }} {{ 1 is le 1 }} {{ 2 is greaterthan 1 }} {{ 1 is lessthan 2 }}
{{ 1 is not odd }} {{ not 1 is odd }} {{ one is defined and one is odd }} {{ 5 is odd or 1 }} {{ one is eq(1) }} {{ [1] is eq [1] }} {{ nested is eq {'a': 1} }}
{{ 'x' is odd }}
{{ 1 is odd is even }}
{{ one is string or one is number }} {{ -1 is odd }} {{ 3 - 1 is even }} {{ 'a' ~ 1 is string }}
{{ -1|abs }} {{ 1 + -1|abs }} {{ 'a' ~ 'b'|upper }} {{ ('a' ~ 'b')|upper }} {{ [1, 2]|first + 5 }} {{ 'abc'.upper()|lower|length }}
{{ words | join ( ", " ) | upper }} {{words|first}} {{-1}} {{- 1 -}} {{ {'a':{'b':1}} }} {{ {'a':{'b':1}}['a']['b'] }}
{{ '}}' }} {{ "%}" }} {{ '{{' }} {{ '#}' }}
{% raw %}{{ not }} {% parsed %} {# at all #}{% endraw %}
{%- raw -%}  {{ x }}  {%- endraw -%}  y
{% raw %}unclosed
{# unclosed
{{ unclosed
{% if x
{{ }}
{{ 1 + }}
{{ (1 }}
{{ [1 }}
{{ 1) }}
{{ {'a' 1} }}
{{ a b }}
{{ 1 = 1 }}
{{ a. }}
{{ a| }}
{{ f(a=1, 2) }}
{{ f(**{}, *[]) }}
{{ $ }}
{{ a ? b }}
{{ ` }}
{{ 'a' ; }}
{% set %}
{% for %}
{% for x %}
{% for x in %}{% endfor %}
{% macro %}
{% endif %}
{{ 1 if }}
{{ not }}
{{ x is }}
{{ 99999999999 * 99999 }}
{{ messages[0]['role'] }} {{ messages[-1].content|trim }} {{ messages[1:]|length }} {{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list }}
{% for m in messages %}{{ '<|' ~ m['role'] ~ '|>' + m.content + '\n' }}{% endfor %}
{% for message in messages %}{% if loop.first and message['role'] != 'system' %}x{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}
{% set loop_messages = messages[1:] if messages[0].role == 'system' else messages %}{% for m in loop_messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{{ m.role }} {% endfor %}
{% for m in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ m.role }} {% endfor %}
{% for tc in messages[2].tool_calls %}{{ tc.name }}{{ tc.arguments|tojson }}{% for k, v in tc.arguments|items %}{{ k }}={{ v }} {% endfor %}{% endfor %}
{{ messages[2].tool_calls is defined }} {{ messages[0].tool_calls is defined }} {{ 'tool_calls' in messages[0] }} {{ messages[0].get('tool_calls', []) }} {{ messages[0].content is string }}
{{ messages is iterable and messages is not mapping and messages is not string }}
"""

# White space and texts of several lines, which the table above cannot hold.
LAYOUTS = [
    "a\n{% if true %}\nb\n{% endif %}\nc",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
    "a  {% if true %}  b  {% endif %}  c",
    "a\n\n{%- if true %}\n\nb\n{%- endif -%}\n\nc",
    "a {%+ if true %} b {% endif +%}\nc",
    "  {%+ if true %}x{% endif %}",
    "  {{ 1 }}  \n  {{- 2 -}}  \n 3",
    "{{ 1 }}\n{{ 2 }}\n",
    "{{ 1 }}\n\n",
    "{{ 1 }}\r\nx\ry\r\n",
    "\n\n{{ 1 }}",
    "{# c #}\nx",
    "  {# c #}\n  x",
    "a {#- c -#}\n b",
    "a {#+ c +#}\n b",
    "x\n\t {% set a = 1 %}\n\t{{ a }}",
    "x{% set a = 1 %}\n\ny",
    "{% for i in [1, 2] %}\n  - {{ i }}\n{% endfor %}\nend",
    "{% for i in [1, 2] -%}\n  - {{ i }}\n{%- endfor %}\nend",
    "{%- for i in [1, 2] %}\n{{- i }}\n{%- endfor %}",
    "  {% raw %}  \n a {{ b }}\n  {% endraw %}\nx",
    "  {%- raw %}\n x \n{% endraw -%}  \n y",
    "a\n  {%- raw -%}\n x \n{%- endraw +%}\n y",
    "{% if true %}\n{% if true %}\n  x\n{% endif %}\n{% endif %}",
    "{% macro m() %}\n  body\n{% endmacro %}\n[{{ m() }}]",
    "{% set x %}\n  body\n{% endset %}\n[{{ x }}]",
    "\u00a0\u2003{% if true %}x{% endif %}",
    "a\u00a0{%- if true %}x{% endif -%}\u2003 b",
    "é{{ 'ü' }}😀\n{% if true %}中{% endif %}\n",
    "{{ 1 }}{% if true %}\n\n\nx{% endif %}\n",
    "{% if true %}  \n  x{% endif %}",
    "{{\n1\n}}\n{%\nif true\n%}y{% endif %}",
    "{{ '\n' }}|{{ 'a\r\nb' }}",
    "{{ missing.x\n}}",
    "line one\nline two {{ none.x.y }}",
    "", "\n", "\r\n", "{", "{ {", "}}", "%}", "#}", "{ % if %}", "{{ '{%' }}", "a { b } c", "{%%}", "{{}}", "{##}", "{#-#}x", "{#--#}x",
    "{% for x in [1,2,3] %}{% if loop.index == 2 %}{% continue %}{% endif %}\n{{ x }}\n{% endfor %}",
]


def outcome(render):
    try:
        return {"expected": render()}
    except Exception as error:  # noqa: BLE001: whatever Jinja2 raises is the expectation
        return {"error": f"{type(error).__name__}: {error}".split("\n")[0][:160]}


class FrozenDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def main():
    chat_template_utils.datetime = FrozenDatetime
    compile_template = chat_template_utils._compile_jinja_template
    snippets = []
    for block in SNIPPETS.strip("\n").split("\n{"):
        source = block if not snippets else "{" + block
        snippets.append(source)
    cases = []
    for source in snippets + LAYOUTS:
        # Copied, for the filter "indent" changes a list that it is given by mistake.
        cases.append({"source": source, **outcome(lambda: compile_template(source).render(**copy.deepcopy(VARIABLES)))})
    write("snippets.json", {"now": NOW.isoformat(), "variables": VARIABLES, "cases": cases})

    reader = gguf.GGUFReader(sys.argv[1])
    source = reader.get_field("tokenizer.chat_template").contents()
    conversations = [VARIABLES["messages"][:1], VARIABLES["messages"][:2], VARIABLES["messages"][1:], VARIABLES["messages"], []]
    rows = []
    for messages in conversations:
        for prompt in (True, False):
            render = lambda: compile_template(source).render(
                messages=messages, tools=None, documents=None, add_generation_prompt=prompt,
                bos_token="<|im_start|>", eos_token="<|im_end|>")
            rows.append({"messages": messages, "add_generation_prompt": prompt, **outcome(render)})
    write("chat.json", {"model": "SmolLM2-135M-Instruct", "template": source, "rows": rows})


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, indent=1).replace("\x7f", "\\u007f")
    (GOLDENS / name).write_text(text + "\n", encoding="utf-8")
    print(name, len(text))


if __name__ == "__main__":
    main()
