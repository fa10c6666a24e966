internal import MartletTemplate

/// Reads a conversation: checks every member of every message, and gives them the form that chat templates read.
enum MessageReader {
  private static let members: [String: [String]] = [
    "system": ["role", "content", "name"],
    "user": ["role", "content", "name"],
    "assistant": ["role", "content", "name", "tool_calls", "reasoning_content"],
    "tool": ["role", "content", "name", "tool_call_id"],
  ]
  /// Members that OpenAI's clients send back as null in what a model has answered.
  private static let nullMembers = ["refusal", "audio", "function_call", "annotations"]

  static func read(_ field: FieldValue, count: Int) throws(APIError) -> [TemplateValue] {
    guard case .array(let items) = field.value, (1...count).contains(items.count) else { throw field.wrong }
    var messages: [TemplateValue] = []
    for (index, item) in items.enumerated() {
      messages.append(try message(item, "\(field.name)[\(index)]"))
    }
    return messages
  }

  private static func message(_ value: TemplateValue, _ path: String) throws(APIError) -> TemplateValue {
    guard case .object(let object) = value else {
      throw .field(path, "is \(FieldValue.summary(value)); it must be an object with role and content")
    }
    guard case .string(let role)? = object["role"], let known = members[role] else {
      throw .field(
        "\(path).role",
        "is \(object["role"].map(FieldValue.summary) ?? "missing"); it must be one of "
          + members.keys.sorted().joined(separator: ", "))
    }
    var result = TemplateObject()
    for key in object.keys {
      guard let member = object[key], member != .null else {
        guard known.contains(key) || nullMembers.contains(key) else { throw unknown(key, path, role, known) }
        continue
      }
      switch key {
      case _ where !known.contains(key): throw unknown(key, path, role, known)
      case "content": result[key] = .string(try content(member, "\(path).content"))
      case "tool_calls": result[key] = try toolCalls(member, "\(path).tool_calls")
      default: result[key] = .string(try text(member, "\(path).\(key)"))
      }
    }
    if result["content"] == nil {
      guard role == "assistant", result["tool_calls"] != nil else {
        throw .field("\(path).content", "is missing; it must be a text", code: "missing_field")
      }
      // Templates test for an empty text more often than for none.
      result["content"] = ""
    }
    return .object(result)
  }

  private static func unknown(_ key: String, _ path: String, _ role: String, _ known: [String]) -> APIError {
    .field(
      "\(path).\(key)", "is not a member of a message of role \(role); known are \(known.joined(separator: ", "))",
      code: "unknown_field")
  }

  private static func text(_ value: TemplateValue, _ path: String) throws(APIError) -> String {
    guard case .string(let text) = value else {
      throw .field(path, "is \(FieldValue.summary(value)); it must be a text")
    }
    return text
  }

  /// A text, or a list of parts that are texts; their texts are put together line by line.
  private static func content(_ value: TemplateValue, _ path: String) throws(APIError) -> String {
    guard case .array(let parts) = value else { return try text(value, path) }
    var texts: [String] = []
    for (index, part) in parts.enumerated() {
      let path = "\(path)[\(index)]"
      guard case .object(let object) = part else {
        throw .field(path, "is \(FieldValue.summary(part)); it must be {\"type\": \"text\", \"text\": …}")
      }
      guard object["type"] == "text" else {
        throw .field(
          "\(path).type",
          "is \(object["type"].map(FieldValue.summary) ?? "missing"); this server reads parts of type text only")
      }
      for key in object.keys where key != "type" && key != "text" {
        throw .field("\(path).\(key)", "is not a member of a text part", code: "unknown_field")
      }
      texts.append(try text(object["text"] ?? .null, "\(path).text"))
    }
    return texts.joined(separator: "\n")
  }

  /// `[{"id": …, "type": "function", "function": {"name": …, "arguments": "{…}"}}]`; templates want the arguments as an
  /// object rather than as its JSON text.
  private static func toolCalls(_ value: TemplateValue, _ path: String) throws(APIError) -> TemplateValue {
    guard case .array(let calls) = value, !calls.isEmpty else {
      throw .field(path, "is \(FieldValue.summary(value)); it must be a list of calls")
    }
    var result: [TemplateValue] = []
    for (index, call) in calls.enumerated() {
      let path = "\(path)[\(index)]"
      try refuseOthers(than: ["id", "type", "function"], in: call, path)
      guard call["type"] == nil || call["type"] == "function" else {
        throw .field("\(path).type", "must be \"function\"")
      }
      guard case .object(let function)? = call["function"] else {
        throw .field("\(path).function", "is missing; it must be an object with name and arguments")
      }
      try refuseOthers(than: ["name", "arguments"], in: .object(function), "\(path).function")
      var converted = TemplateObject()
      converted["name"] = .string(try text(function["name"] ?? .null, "\(path).function.name"))
      let arguments = try text(function["arguments"] ?? .null, "\(path).function.arguments")
      guard let parsed = try? TemplateValue(strict: arguments.utf8), case .object = parsed else {
        throw .field("\(path).function.arguments", "must be the JSON text of an object, without a member named twice")
      }
      converted["arguments"] = parsed
      var entry = TemplateObject()
      if let id = call["id"] { entry["id"] = .string(try text(id, "\(path).id")) }
      entry["type"] = "function"
      entry["function"] = .object(converted)
      result.append(.object(entry))
    }
    return .array(result)
  }

  private static func refuseOthers(
    than known: [String], in value: TemplateValue, _ path: String
  ) throws(APIError) {
    guard case .object(let object) = value, let key = object.keys.first(where: { !known.contains($0) }) else { return }
    throw .field("\(path).\(key)", "is not known; known are \(known.joined(separator: ", "))")
  }
}
