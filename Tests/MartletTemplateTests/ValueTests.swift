import MartletTemplate
import Testing

@Suite("Values, JSON and dates")
struct ValueTests {
  private func parse(_ text: String) throws -> TemplateValue { try TemplateValue(json: text.utf8) }

  @Test("JSON keeps order and kinds of numbers")
  func json() throws {
    let value = try parse(#" {"b": [1, 1.0, -0, 1e2, true, null], "a": {"é": "\u00e9\ud83d\ude00\n\/"}, "b2": ""} "#)
    let expected: TemplateValue = [
      "b": [1, 1.0, 0, 100.0, true, nil], "a": ["é": "é😀\n/"], "b2": "",
    ]
    #expect(value == expected)
    #expect(try parse(#"{"a": 1, "b": 2, "a": 3}"#) == ["a": 3, "b": 2])
    #expect(
      try Template(source: "{{ x|tojson }}").render(["x": value])
        == #"{"b": [1, 1.0, 0, 100.0, true, null], "a": {"é": "é😀\n/"}, "b2": ""}"#)
  }

  @Test(
    "malformed JSON is refused",
    arguments: [
      "", "{", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{a: 1}", "01", "1.", ".5", "1e", "+1", "-", "tru", "\"", "\"\\x\"",
      "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\u12\"", "\"\n\"", "1 2", "nul", "NaN", "[1 2]",
      "99999999999999999999", "'a'", "\u{FEFF}1",
    ])
  func malformed(text: String) {
    let error = #expect(throws: TemplateError.self) { try parse(text) }
    #expect(error?.kind == .syntax)
  }

  @Test("JSON that nests too deeply, or is not UTF-8, is refused")
  func hostile() {
    #expect(throws: TemplateError.self) { try parse(String(repeating: "[", count: 100_000)) }
    #expect(throws: TemplateError.self) { try parse(String(repeating: "{\"a\":", count: 100_000)) }
    #expect(throws: TemplateError.self) { try TemplateValue(json: [0x22, 0xFF, 0x22]) }
    #expect(throws: Never.self) { try parse(String(repeating: "[", count: 128) + String(repeating: "]", count: 128)) }
  }

  @Test("texts that only Swift calls equal are different")
  func canonicalEquivalence() throws {
    let object = try parse("{\"\u{E9}\": 1, \"e\u{301}\": 2}")
    #expect(object["\u{E9}"] == 1)
    #expect(object["e\u{301}"] == 2)
    #expect(TemplateValue.string("\u{E9}") != .string("e\u{301}"))
    let template = try Template(source: "{{ a == b }} {{ a in [b] }} {{ {a: 1, b: 2}|length }} {{ b|length }}")
    #expect(try template.render(["a": "\u{E9}", "b": "e\u{301}"]) == "False False 2 2")
  }

  @Test("objects of any size find and replace their keys")
  func objects() {
    var object = TemplateObject()
    for number in 0..<100 { object["key\(number)"] = .int(number) }
    for number in 0..<100 { object["key\(number)"] = .int(number * 2) }
    #expect(object.count == 100)
    #expect(object.keys == (0..<100).map { "key\($0)" })
    for number in 0..<100 { #expect(object["key\(number)"] == .int(number * 2)) }
    #expect(object["none"] == nil)
  }

  @Test("dates")
  func dates() throws {
    let date = try #require(TemplateDate(iso8601: "2024-02-29T23:05:09"))
    #expect(date == TemplateDate(year: 2024, month: 2, day: 29, hour: 23, minute: 5, second: 9))
    #expect(date.formatted("%d %b %Y %H:%M:%S %A %j %-I%p") == "29 Feb 2024 23:05:09 Thursday 060 11PM")
    #expect(TemplateDate(iso8601: "2024-02-29") != nil)
    #expect(TemplateDate(iso8601: "2024-02-29 01:02") != nil)
    for text in ["2023-02-29", "2024-13-01", "2024-1-1", "", "2024-01-01T25:00", "2024-01-01T00:00:0x", "20240101"] {
      #expect(TemplateDate(iso8601: text) == nil, "\(text)")
    }
    #expect(TemplateDate.now().year >= 2024)
  }

  @Test(
    "weeks of the year",
    arguments: [
      ("2021-01-03", "01 00 53 2020 7 0"), ("2021-01-04", "01 01 01 2021 1 1"), ("2024-12-30", "52 53 01 2025 1 1"),
      ("2020-12-31", "52 52 53 2020 4 4"), ("2023-01-01", "01 00 52 2022 7 0"), ("2016-02-29", "09 09 09 2016 1 1"),
    ])
  func weeks(day: String, expected: String) throws {
    #expect(try #require(TemplateDate(iso8601: day)).formatted("%U %W %V %G %u %w") == expected)
  }
}
