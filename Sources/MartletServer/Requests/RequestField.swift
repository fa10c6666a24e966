internal import Martlet
internal import MartletTemplate

/// A field of the API's requests: its name, what it takes, where it may stand and where its value goes.
package struct RequestField: Sendable {
  package let name: String
  package let kind: FieldKind
  package let endpoints: Set<Endpoint>
  package let isRequired: Bool
  /// One line for the documentation.
  package let meaning: String
  let read: @Sendable (FieldValue, inout APIRequest) throws(APIError) -> Void

  private init(
    _ name: String, _ kind: FieldKind, _ endpoints: Set<Endpoint>, isRequired: Bool = false, _ meaning: String,
    _ read: @escaping @Sendable (FieldValue, inout APIRequest) throws(APIError) -> Void
  ) {
    self.name = name
    self.kind = kind
    self.endpoints = endpoints
    self.isRequired = isRequired
    self.meaning = meaning
    self.read = read
  }

  // One function for each kind, so that a field's kind and what its value becomes cannot disagree.

  static func integer(
    _ name: String, _ range: ClosedRange<Int>, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, Int) -> Void
  ) -> RequestField {
    RequestField(name, .integer(range), endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, try value.integer(range))
    }
  }

  static func number(
    _ name: String, _ range: ClosedRange<Double>, isAbove: Bool = false, _ endpoints: Set<Endpoint>,
    _ meaning: String, _ set: @escaping @Sendable (inout APIRequest, Float) -> Void
  ) -> RequestField {
    RequestField(name, .number(range, isAbove: isAbove), endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, Float(try value.number(range, isAbove: isAbove)))
    }
  }

  static func boolean(
    _ name: String, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, Bool) -> Void
  ) -> RequestField {
    RequestField(name, .boolean, endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, try value.boolean())
    }
  }

  static func text(
    _ name: String, maximum: Int, _ endpoints: Set<Endpoint>, isRequired: Bool = false, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, String) -> Void
  ) -> RequestField {
    RequestField(name, .text(maximum: maximum), endpoints, isRequired: isRequired, meaning) {
      (value, request) throws(APIError) in
      set(&request, try value.text(maximum: maximum))
    }
  }

  static func texts(
    _ name: String, count: Int, maximum: Int, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [String]) -> Void
  ) -> RequestField {
    RequestField(name, .texts(count: count, maximum: maximum), endpoints, meaning) {
      (value, request) throws(APIError) in
      set(&request, try value.texts(count: count, maximum: maximum))
    }
  }

  static func flags(
    _ name: String, _ names: [String], _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [String: Bool]) -> Void
  ) -> RequestField {
    RequestField(name, .flags(names), endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, try value.flags(names))
    }
  }

  static func biases(
    _ name: String, _ range: ClosedRange<Double>, count: Int, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [Int32: Float]) -> Void
  ) -> RequestField {
    RequestField(name, .biases(range, count: count), endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, try value.biases(range, count: count))
    }
  }

  static func variables(
    _ name: String, reserved: [String], _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [String: TemplateValue]) -> Void
  ) -> RequestField {
    RequestField(name, .variables(reserved: reserved), endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, try value.variables(reserved: reserved))
    }
  }

  static func messages(
    _ name: String, count: Int, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [TemplateValue]) -> Void
  ) -> RequestField {
    RequestField(name, .messages(count: count), endpoints, isRequired: true, meaning) {
      (value, request) throws(APIError) in
      set(&request, try MessageReader.read(value, count: count))
    }
  }

  static func tools(
    _ name: String, count: Int, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, TemplateValue) -> Void
  ) -> RequestField {
    RequestField(name, .tools(count: count), endpoints, meaning) { (value, request) throws(APIError) in
      set(&request, try value.objects(count: count))
    }
  }

  static func prompts(
    _ name: String, count: Int, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [PromptInput]) -> Void
  ) -> RequestField {
    RequestField(name, .prompts(count: count), endpoints, isRequired: true, meaning) {
      (value, request) throws(APIError) in
      set(&request, try value.prompts(count: count))
    }
  }

  static func tokens(
    _ name: String, count: Int, _ endpoints: Set<Endpoint>, _ meaning: String,
    _ set: @escaping @Sendable (inout APIRequest, [Int32]) -> Void
  ) -> RequestField {
    RequestField(name, .tokens(count: count), endpoints, isRequired: true, meaning) {
      (value, request) throws(APIError) in
      set(&request, try value.tokens(count: count))
    }
  }
}
