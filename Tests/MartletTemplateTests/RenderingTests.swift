import MartletTemplate
import Testing

@Suite("Templates render as Jinja2 renders them")
struct RenderingTests {
  struct Snippets: Sendable {
    let variables: [String: TemplateValue]
    let now: TemplateDate
    let cases: [(source: String, expectation: Expectation)]

    init() throws {
      let json = try Goldens.json("snippets.json")
      var variables: [String: TemplateValue] = [:]
      if case .object(let object)? = json["variables"] {
        for name in object.keys { variables[name] = object[name] }
      }
      self.variables = variables
      now = try #require(TemplateDate(iso8601: json["now"]?.text ?? ""))
      cases = (json["cases"]?.items ?? []).map { ($0["source"]?.text ?? "", Expectation($0)) }
    }
  }

  @Test("every feature, filter, test, method and rule of white space")
  func snippets() throws {
    let snippets = try Snippets()
    #expect(snippets.cases.count > 400)
    for (source, expectation) in snippets.cases {
      expectation.check(
        { try Template(source: source).render(snippets.variables, now: { snippets.now }) }, source)
    }
  }

  @Test("a published chat template")
  func chat() throws {
    let json = try Goldens.json("chat.json")
    let template = try ChatTemplate(source: try #require(json["template"]?.text))
    let rows = json["rows"]?.items ?? []
    #expect(rows.count == 10)
    #expect(!template.supportsTools)
    for row in rows {
      Expectation(row).check(
        {
          try template.render(
            messages: row["messages"] ?? [], addGenerationPrompt: row["add_generation_prompt"]?.isTrue ?? false,
            beginToken: "<|im_start|>", endToken: "<|im_end|>")
        }, "\(row)")
    }
  }

  @Test(
    "the templates of many models",
    .enabled(if: Goldens.hasSharedTemplates, "the shared templates are not here"))
  func published() throws {
    let rows = try TemplateValue(json: Goldens.read(Goldens.sharedTemplates + "/expected.json")).items
    #expect(!rows.isEmpty)
    var compiled: [String: ChatTemplate] = [:]
    for row in rows {
      let name = row["template"]?.text ?? ""
      let source = String(decoding: try Goldens.read(Goldens.sharedTemplates + "/" + name), as: UTF8.self)
      let template = try compiled[name] ?? ChatTemplate(source: source)
      compiled[name] = template
      let now = try #require(TemplateDate(iso8601: row["now"]?.text ?? ""))
      Expectation(row).check(
        {
          try template.render(
            messages: row["messages"] ?? .null, tools: row["tools"],
            addGenerationPrompt: row["add_generation_prompt"]?.isTrue ?? false,
            beginToken: row["bos_token"]?.text ?? "", endToken: row["eos_token"]?.text ?? "", now: { now })
        }, "\(name) \(row["conversation"]?.text ?? "")")
    }
  }

  @Test("errors know their line")
  func lines() throws {
    let compile = #expect(throws: TemplateError.self) { try Template(source: "a\n\n{% if %}") }
    #expect(compile?.line == 3)
    #expect(compile?.kind == .syntax)
    let template = try Template(source: "a\n{{ 1 }}\n{% for x in [1] %}\n  {{ x.y.z }}\n{% endfor %}")
    let render = #expect(throws: TemplateError.self) { try template.render() }
    #expect(render?.line == 4)
    #expect(render?.kind == .undefined)
    #expect(render.map { "\($0)" } == "line 4: 'int' has no attribute or element 'y'")
  }

  @Test("reasoning goes by every name that templates read")
  func reasoning() throws {
    let template = try ChatTemplate(
      source: "{% for m in messages %}{{ m.thinking }}{{ m.reasoning_content }}{% endfor %}")
    for name in ["reasoning_content", "thinking", "reasoning"] {
      var message = TemplateObject()
      message["role"] = "assistant"
      message[name] = "r"
      #expect(try template.render(messages: [.object(message)], addGenerationPrompt: false) == "rr")
    }
  }

  @Test("one template renders on many threads at once")
  func concurrency() async throws {
    let template = try Template(
      source: "{% set ns = namespace(n=0) %}{% for i in range(k) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}")
    let sums = try await withThrowingTaskGroup(of: (Int, String).self) { group -> [Int: String] in
      for k in 0..<20 {
        group.addTask { (k, try template.render(["k": .int(k)])) }
      }
      var sums: [Int: String] = [:]
      for try await (k, sum) in group { sums[k] = sum }
      return sums
    }
    for k in 0..<20 { #expect(sums[k] == String(k * (k - 1) / 2)) }
  }
}
