/// A compiled template.
struct Program: Sendable {
  let body: [Statement]
  /// The names of variables; the tree refers to them by position.
  let symbols: [String]
  let symbolIndex: [String: Int]
}

struct Statement: Sendable {
  indirect enum Node: Sendable {
    case data(String)
    case output(Expression)
    case set(Target, Expression)
    case setBlock(Target, [FilterCall], [Statement])
    case conditional([(condition: Expression, body: [Statement])], otherwise: [Statement])
    case loop(Loop)
    case macro(Macro)
    case callBlock(caller: Macro, call: Expression)
    case filterBlock([FilterCall], [Statement])
    case with([(target: Target, value: Expression)], [Statement])
    /// A body with variables of its own: `{% generation %}`.
    case scope([Statement])
    case autoescape(Expression, [Statement])
    case block([Statement], scoped: Bool)
    case breakLoop
    case continueLoop
    /// Something that needs other templates, an error only when it is reached.
    case unavailable(String)
  }

  let node: Node
  let line: Int
}

struct Loop: Sendable {
  let target: Target
  let sequence: Expression
  let test: Expression?
  let isRecursive: Bool
  let body: [Statement]
  let otherwise: [Statement]
}

struct Macro: Sendable {
  struct Parameter: Sendable {
    let name: String
    let symbol: Int
    let fallback: Expression?
  }

  let name: String
  let symbol: Int
  let parameters: [Parameter]
  let body: [Statement]
  /// Symbols of the special variables, where the body mentions them and no parameter has their name.
  let callerSymbol: Int?
  let keywordsSymbol: Int?
  let positionalsSymbol: Int?
}

/// What an assignment stores into.
indirect enum Target: Sendable {
  case variable(Int)
  case member(object: Int, name: String)
  case tuple([Target])
}

struct Expression: Sendable {
  indirect enum Node: Sendable {
    case literal(TemplateValue)
    case variable(Int)
    case array([Expression])
    case tuple([Expression])
    case object([(key: Expression, value: Expression)])
    case attribute(Expression, String)
    case item(Expression, Expression)
    case slice(Expression, lower: Expression?, upper: Expression?, step: Expression?)
    case call(Expression, CallArguments)
    case filter(Expression, FilterCall)
    case test(Expression, TestCall)
    case not(Expression)
    case sign(Expression, negates: Bool)
    /// Operators of one precedence, applied from left to right. Flat, so that long sums need no recursion.
    case chain(Expression, [(operation: BinaryOperator, operand: Expression)])
    case all([Expression])
    case any([Expression])
    case concatenation([Expression])
    case comparison(Expression, [(relation: Relation, operand: Expression)])
    case choice(Expression, condition: Expression, otherwise: Expression?)
  }

  let node: Node
  let line: Int
  /// The longest path to a leaf. The parser bounds it, which bounds every recursion over the tree.
  let height: Int
}

enum BinaryOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case modulo = "%"
  case power = "**"
}

enum Relation: Sendable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn
}

struct CallArguments: Sendable {
  var positional: [Expression] = []
  var keyword: [(name: String, value: Expression)] = []
  var spreadPositional: Expression?
  var spreadKeyword: Expression?

  var height: Int {
    var height = 0
    for expression in positional { height = max(height, expression.height) }
    for pair in keyword { height = max(height, pair.value.height) }
    return max(height, spreadPositional?.height ?? 0, spreadKeyword?.height ?? 0)
  }
}

struct FilterCall: Sendable {
  let name: String
  /// Nil for a name that no filter has, an error only when it is reached.
  let filter: Filter?
  let arguments: CallArguments
}

struct TestCall: Sendable {
  let name: String
  /// Nil for a name that no test has, an error only when it is reached.
  let test: Test?
  let arguments: CallArguments
}
