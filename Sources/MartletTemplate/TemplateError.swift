/// Why a template could not be compiled or rendered.
public struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The family that an error belongs to.
  public enum Kind: String, Sendable {
    /// The template, or a text handed to a JSON parser, is malformed.
    case syntax
    /// A variable or attribute that does not exist was used for more than printing or testing it.
    case undefined
    /// An operation met a value of a type that it is not defined for.
    case type
    /// An operation met a value that it cannot take: a division by zero, a number out of range, an unknown name.
    case value
    /// The template tried something that the sandbox forbids.
    case security
    /// The template itself refused its input through `raise_exception`.
    case raised
    /// The template exceeded one of its ``TemplateLimits``.
    case limit
  }

  /// The family of the error.
  public var kind: Kind
  /// What went wrong. For ``Kind/raised`` exactly what the template said.
  public var message: String
  /// The line of the template where it went wrong, counted from 1.
  public var line: Int?

  /// Makes an error.
  public init(_ kind: Kind, _ message: String, line: Int? = nil) {
    self.kind = kind
    self.message = message
    self.line = line
  }

  /// The message with its line.
  public var description: String {
    guard let line else { return message }
    return "line \(line): \(message)"
  }

  /// The same error, told to have happened in `line` unless it knows its line already.
  func located(at line: Int) -> TemplateError {
    var error = self
    error.line = self.line ?? line
    return error
  }
}

/// What one rendering may spend. Templates come from strangers: no template can exceed these, whatever it contains.
public struct TemplateLimits: Sendable, Equatable {
  /// Evaluated expressions and statements, plus a share for every long text or sequence handled.
  public var steps: Int
  /// Calls of macros and recursive loops that are open at the same time.
  public var callDepth: Int
  /// UTF-8 bytes of the output, and of every text made on the way.
  public var textBytes: Int
  /// Elements of one sequence made by the template.
  public var elements: Int
  /// Bytes of the calling thread's stack that the interpreter may use.
  public var stackBytes: Int

  /// Makes limits; each default allows far more than published chat templates use.
  public init(
    steps: Int = 4_000_000, callDepth: Int = 200, textBytes: Int = 64 << 20, elements: Int = 1_000_000,
    stackBytes: Int = 256 << 10
  ) {
    self.steps = steps
    self.callDepth = callDepth
    self.textBytes = textBytes
    self.elements = elements
    self.stackBytes = stackBytes
  }

  /// The limits that apply when none are given.
  public static let `default` = TemplateLimits()
}

/// Measures how much stack was used since it was made, so that recursion over hostile input ends in an error whatever
/// the size of a frame is in this build.
struct StackGuard {
  private let base: UInt
  private let budget: UInt

  init(bytes: Int) {
    base = StackGuard.position()
    budget = UInt(max(bytes, 0))
  }

  /// Throws when more than the budget lies between here and where the guard was made.
  @inline(__always)
  func check() throws(TemplateError) {
    let here = StackGuard.position()
    let used = here > base ? here - base : base - here
    if used > budget { throw TemplateError(.limit, "nested too deeply: more than \(budget) bytes of stack are needed") }
  }

  /// The address of a local variable, which lies in the frame of the function that this is inlined into.
  @inline(__always)
  private static func position() -> UInt {
    var marker: UInt8 = 0
    return withUnsafeMutablePointer(to: &marker) { UInt(bitPattern: $0) }
  }
}
