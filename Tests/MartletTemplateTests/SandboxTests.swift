import MartletTemplate
import Testing

@Suite("No template can harm its host")
struct SandboxTests {
  static let bombs: [String] = [
    "{{ range(10**9) }}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% for k in range(100000) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='x' * 1000) %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='x' * 1000) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}",
    "{% set ns = namespace(s={}) %}{% for i in range(100000) %}{% set ns.s = {'a': ns.s} %}{% endfor %}",
    "{% set ns = namespace(s={'a': 1}) %}{% for i in range(100000) %}{% set ns.s = dict(a=ns.s.items()|list) %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
    "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s|replace('a', ns.s) %}{% endfor %}",
    "{{ 'x' * 10**15 }}", "{{ [0] * 10**15 }}", "{{ (1, 2) * 9223372036854775807 }}", "{{ 10 ** 10 ** 3 }}",
    "{{ 'x'.center(10**12) }}", "{{ 'x'|center(10**12) }}", "{{ 'x'.zfill(10**12) }}", "{{ 'x'|indent(10**12) }}",
    "{{ [1]|tojson(indent=10**12) }}", "{{ '%1000000000d' % 1 }}", "{{ '{:1000000000}'.format(1) }}",
    "{{ '\\t'.expandtabs(10**12) }}", "{{ [1]|batch(10**12, 0)|list }}", "{{ [1]|slice(10**12)|list }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% set s = 'a' * 60000000 %}{% for i in range(100000) %}{% set t = s.upper() %}{% endfor %}",
    "{% set s = 'ab' * 1000000 %}{% for i in range(100000) %}{% if s[5] == 'x' or s in s %}{% endif %}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set x = l|sort %}{% endfor %}",
    "{{ '-9223372036854775808'|int // -1 }}", "{{ -('-9223372036854775808'|int) }}",
    "{{ '-9223372036854775808'|int|abs }}",
    "{{ 9223372036854775807 + 1 }}", "{{ 99999999999999999999 }}", "{{ 1e300|int }}",
    "{{ 'a'|truncate('-9223372036854775808'|int) }}",
    "{{ range('-9223372036854775808'|int, 9223372036854775807) }}",
  ]

  @Test("bombs end soon, in an error", .timeLimit(.minutes(15)), arguments: bombs)
  func bomb(source: String) throws {
    let limits = TemplateLimits(steps: 300_000, textBytes: 8 << 20)
    #expect(throws: TemplateError.self) { try Template(source: source).render(limits: limits) }
  }

  /// These must not trap; whether they are errors is Python's business.
  static let extremes: [String] = [
    "{{ 'abc'['-9223372036854775808'|int:9223372036854775807:9223372036854775807] }}",
    "{{ [1, 2, 3][9223372036854775807:'-9223372036854775808'|int:'-9223372036854775808'|int] }}",
    "{{ [1, 2]['-9223372036854775808'|int] }}", "{{ range(5)[9223372036854775807] }}",
    "{{ range('-9223372036854775808'|int, '-9223372036854775807'|int)|list }}",
    "{{ range(9223372036854775800, 9223372036854775807, 9223372036854775807)|list }}",
    "{{ range(0, 10, '-9223372036854775808'|int)|list }}", "{{ range(5)[::9223372036854775807] }}",
    "{{ range(0, 100, 50)[::9223372036854775807] }}",
    "{{ '-9223372036854775808'|int % -1 }}", "{{ 5|round(9223372036854775807) }}",
    "{{ 5.5|round(9223372036854775807) }}", "{{ 5.5|round('-9223372036854775808'|int) }}",
    "{{ 5.5|round(400, 'ceil') }}", "{{ 55|round(-400) }}", "{{ 'abc'.find('b', '-9223372036854775808'|int) }}",
    "{{ 'abc'.count('', 9223372036854775807) }}", "{{ 'abc'.replace('', 'x', 9223372036854775807) }}",
    "{{ 'a b'.split(none, 9223372036854775807) }}", "{{ 'abc'|truncate(9223372036854775807) }}",
    "{{ 'abc'|truncate(9223372036854775807, true, '', 9223372036854775807) }}",
    "{{ 'a b c'|wordwrap(9223372036854775807) }}",
    "{{ '%c' % 9223372036854775807 }}", "{{ '{:c}'.format(-1) }}", "{{ '%.99999f' % 1.5 }}", "{{ '%.9999f' % 1e308 }}",
    "{{ 1e308|filesizeformat }}", "{{ (1e400)|filesizeformat }}", "{{ (0 * 1e400)|int }}", "{{ (0 * 1e400)|round }}",
    "{{ 'x'.center('-9223372036854775808'|int) }}", "{{ '\\t'.expandtabs('-9223372036854775808'|int) }}",
    "{{ numbers|batch(-1)|list }}", "{{ [1]|batch(0)|list }}", "{{ [1]|slice(-1)|list }}",
    "{{ '{9223372036854775807}'.format(1) }}",
    "{{ '{0[9223372036854775807]}'.format([1]) }}", "{{ ''|int(0, 99) }}", "{{ '1'|int(0, 1) }}",
    "{{ '1'|int(0, -5) }}",
    "{{ strftime_now('%') }}{{ strftime_now('%-') }}{{ strftime_now('%Q%1') }}", "{{ '\\ud800' }}", "{{ '\\N{DASH}' }}",
    "{{ loop }}", "{{ loop.index }}", "{% for x in [1] %}{{ loop }}{{ loop|tojson }}{% endfor %}",
    "{{ 1.5 // 1e-320 }}",
    "{{ joiner(1)() }}{{ cycler(1) }}{{ namespace }}{{ ''.join }}", "{{ {}.get.x }}",
    "{{ [[]] * 3 }}{{ [[1]]|sum(start=[]) }}",
  ]

  @Test("extreme numbers never trap", arguments: extremes)
  func extreme(source: String) {
    do { _ = try Template(source: source).render() } catch { #expect(!error.message.isEmpty) }
  }

  static let deep: [(name: String, open: String, middle: String, close: String)] = [
    ("parentheses", "(", "1", ")"), ("lists", "[", "", "]"), ("objects", "{1:", "1", "}"), ("not", "not ", "1", ""),
    ("signs", "-", "1", ""), ("calls", "f(", "1", ")"), ("items", "a[", "1", "]"),
    ("inline if", "1 if 1 else ", "1", ""),
    ("attributes", "", "a", ".b"), ("filters", "", "a", "|list"), ("indexes", "", "a", "[0]"),
    ("called", "", "a", "()"),
    ("slices", "a[1:", "1", "]"), ("filter arguments", "a|d(", "1", ")"), ("test arguments", "a is eq(", "1", ")"),
    ("power", "", "1", "**1"), ("sums", "", "1", "+1"), ("comparisons", "", "1", "<1"),
    ("concatenations", "", "1", "~1"),
  ]

  @Test("deep expressions are errors or work, never overflow", arguments: deep)
  func depth(name: String, open: String, middle: String, close: String) {
    for count in [10, 90, 101, 1_000, 50_000] {
      let expression =
        String(repeating: open, count: count) + middle + String(repeating: close, count: count)
      do { _ = try Template(source: "{{ \(expression) }}").render() } catch { #expect(!error.message.isEmpty) }
    }
  }

  @Test(
    "deep statements are errors, never overflow",
    arguments: [
      ("{% if 1 %}", "{% endif %}"), ("{% for x in [1] %}", "{% endfor %}"), ("{% set x %}", "{% endset %}"),
      ("{% macro m() %}", "{% endmacro %}"), ("{% filter upper %}", "{% endfilter %}"), ("{% with %}", "{% endwith %}"),
      ("{% generation %}", "{% endgeneration %}"), ("{% set (", ") = 1 %}"), ("{% call f() %}", "{% endcall %}"),
      ("{% if 0 %}{% elif 1 %}", "{% endif %}"),
    ])
  func statementDepth(open: String, close: String) {
    for count in [50, 99, 101, 20_000] {
      let source = String(repeating: open, count: count) + "x" + String(repeating: close, count: count)
      do { _ = try Template(source: source).render() } catch { #expect(!error.message.isEmpty) }
    }
  }

  @Test("a small stack is respected")
  func smallStack() throws {
    let template = try Template(source: "{% macro m(n) %}{{ m(n - 1) if n else 'done' }}{% endmacro %}{{ m(50) }}")
    let error = #expect(throws: TemplateError.self) {
      try template.render(limits: TemplateLimits(stackBytes: 4 << 10))
    }
    #expect(error?.kind == .limit)
    #expect(try template.render(limits: TemplateLimits(stackBytes: 2 << 20)) == "done")
  }

  @Test("recursion ends in an error on threads with 512 KB of stack")
  func smallThreads() throws {
    let deepList = "[" + String(repeating: "[", count: 90) + String(repeating: "]", count: 90) + "]"
    let sources =
      SandboxTests.bombs.filter { $0.contains("macro") || $0.contains("recursive") || $0.contains("namespace") }
      + SandboxTests.deep.map { "{{ " + String(repeating: $0.open, count: 101) + $0.middle }
      + [
        "{% macro m(v) %}{{ v|tojson ~ v ~ (v == v) }}{{ m([v]) }}{% endmacro %}{{ m(\(deepList)) }}",
        "{% macro m(v) %}{{ m(v) if v }}{{ v|tojson }}{{ [v]|sort }}{% endmacro %}{{ m(\(deepList)) }}",
      ]
    let outcome = SmallStack.run {
      var errors = 0
      for source in sources {
        do {
          _ = try Template(source: source).render(limits: TemplateLimits(steps: 300_000, textBytes: 1 << 20))
        } catch {
          errors += 1
        }
      }
      return errors
    }
    #expect(outcome == sources.count)
  }

  @Test("values that nest too deeply are refused")
  func deepValues() throws {
    var value = TemplateValue.null
    for _ in 0..<1_000 { value = [value] }
    let error = #expect(throws: TemplateError.self) { try Template(source: "{{ x }}").render(["x": value]) }
    #expect(error?.kind == .limit)
  }

  @Test("a template cut off anywhere is an error or renders", .timeLimit(.minutes(15)))
  func truncation() throws {
    var sources = (try Goldens.json("snippets.json")["cases"]?.items ?? []).compactMap { $0["source"]?.text }
    sources.append(try #require(try Goldens.json("chat.json")["template"]?.text))
    let limits = TemplateLimits(steps: 20_000, textBytes: 1 << 20)
    var outcomes = (rendered: 0, refused: 0)
    for source in sources {
      let scalars = source.unicodeScalars
      for end in scalars.indices {
        do {
          _ = try Template(source: String(scalars[..<end])).render(limits: limits)
          outcomes.rendered += 1
        } catch {
          outcomes.refused += 1
        }
      }
    }
    #expect(outcomes.rendered > 1_000)
    #expect(outcomes.refused > 5_000)
  }

  @Test("templates with random changes never crash", .timeLimit(.minutes(15)))
  func mutation() throws {
    let sources = (try Goldens.json("snippets.json")["cases"]?.items ?? []).compactMap { $0["source"]?.text }
    let pieces = Array("{}%#-+()[]|.,:'\"\\~*=<>! \n0aeé😀".unicodeScalars)
    let limits = TemplateLimits(steps: 5_000, textBytes: 1 << 16)
    var random = SplitMix(state: 42)
    for source in sources {
      for _ in 0..<8 {
        var scalars = Array(source.unicodeScalars)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let position = Int.random(in: 0...scalars.count, using: &random)
          let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
          if position < scalars.count, Bool.random(using: &random) {
            scalars[position] = piece
          } else {
            scalars.insert(piece, at: position)
          }
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        _ = try? Template(source: String(text)).render(limits: limits)
      }
    }
  }
}

/// A small generator with a fixed seed (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
