/// What a misspelt name may have meant.
package enum Suggestions {
  /// The names close to `name`, the closest first, at most three.
  package static func close(to name: String, among names: [String]) -> [String] {
    let wanted = Array(name.lowercased().utf8)
    guard wanted.count <= 96 else { return [] }
    // A third of a name may be wrong; more is another name.
    let limit = max(1, wanted.count / 3)
    let ranked = names.map { (name: $0, distance: editDistance(wanted, Array($0.lowercased().utf8))) }
    return ranked.filter { $0.distance <= limit }.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
      .prefix(3).map(\.name)
  }

  /// How many bytes must be inserted, removed or replaced to get from `a` to `b` (Levenshtein, 1966).
  package static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let replaced = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
      }
    }
    return row[b.count]
  }
}
