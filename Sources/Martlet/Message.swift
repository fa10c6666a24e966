public import MartletTemplate

/// One turn of a conversation.
public struct Message: Sendable, Hashable {
  /// Who speaks, as chat templates name it: `system`, `user`, `assistant`, `tool`.
  public var role: String
  /// What is said.
  public var content: String

  /// A turn of any role.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  /// Instructions for the whole conversation.
  public static func system(_ content: String) -> Message { Message(role: "system", content: content) }
  /// What the person says.
  public static func user(_ content: String) -> Message { Message(role: "user", content: content) }
  /// What the model said.
  public static func assistant(_ content: String) -> Message { Message(role: "assistant", content: content) }

  /// The mapping that chat templates read.
  public var templateValue: TemplateValue {
    var object = TemplateObject()
    object["role"] = .string(role)
    object["content"] = .string(content)
    return .object(object)
  }
}
