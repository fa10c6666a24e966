/// A compiled template in the dialect of Jinja2 that Hugging Face chat templates use.
///
/// Compile once, render as often as wished, from any number of threads. Rendering follows Jinja2's
/// `ImmutableSandboxedEnvironment` with `trim_blocks` and `lstrip_blocks` on, its loop controls, and the functions,
/// the filter `tojson` and the tag `generation` that transformers adds. Values are data; a template can neither reach
/// nor change anything outside, and ``TemplateLimits`` bound what it spends.
///
/// Where it differs from Python: whole numbers have 64 bits and what leaves them is an error; `safe` and `escape` leave
/// no mark on a text; filters that Jinja2 evaluates item by item are evaluated at once.
public struct Template: Sendable {
  private let program: Program

  /// Compiles a template.
  ///
  /// - Throws: ``TemplateError`` of kind `syntax` with the line.
  public init(source: String) throws(TemplateError) {
    program = try Parser.parse(source)
  }

  /// Renders the template.
  ///
  /// - Parameters:
  ///   - variables: What the template can refer to by name. They hide functions such as `range` of the same name.
  ///   - limits: What the rendering may spend.
  ///   - now: The time that `strftime_now` shows, asked for when it is called.
  /// - Throws: ``TemplateError`` with the line; of kind `raised` when the template refused its input.
  public func render(
    _ variables: [String: TemplateValue] = [:], limits: TemplateLimits = .default,
    now: @escaping () -> TemplateDate = TemplateDate.now
  ) throws(TemplateError) -> String {
    try Interpreter(program: program, variables: variables, limits: limits, now: now).run()
  }

  /// Whether the template mentions a variable of this name, for instance `tools`.
  public func mentions(_ variable: String) -> Bool { program.symbolIndex[variable] != nil }
}
