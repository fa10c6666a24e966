import Foundation

/// Reads a file that a script in `scripts/goldens` made.
func golden<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
  let file = Bundle.module.bundleURL.appending(path: "Goldens/\(name)")
  return try JSONDecoder().decode(type, from: Data(contentsOf: file))
}
