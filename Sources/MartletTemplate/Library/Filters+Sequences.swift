extension Interpreter {
  func applySequence(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .batch: return try batch(value, arguments)
    case .slice: return try sliceIntoColumns(value, arguments)
    case .first:
      try arguments.none("first")
      return try first(of: value)
    case .last:
      try arguments.none("last")
      if generator(of: value) != nil { throw TemplateError(.type, "a generator has no last item; use 'list' first") }
      return try items(of: value).last ?? .missing(hint: "there is no last item: the sequence is empty")
    case .list:
      try arguments.none("list")
      return try array(try items(of: value))
    case .items:
      try arguments.none("items")
      if case .undefined = value { return try generator([]) }
      guard case .object(let object) = value else { throw TemplateError(.type, "'items' needs a mapping") }
      return try generator(try pairs(of: object))
    case .reverse:
      try arguments.none("reverse")
      if case .string(let text) = value {
        try spend(textBytes: text.utf8.count)
        return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      }
      return try generator(try items(of: value).reversed())
    case .sum: return try sum(value, arguments)
    case .join: return try join(value, arguments)
    default: return try sortObject(value, arguments)
    }
  }

  /// The first item, which is the only one taken from a generator.
  private func first(of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    let none = TemplateValue.missing(hint: "there is no first item: the sequence is empty")
    if let generator = generator(of: value) {
      guard generator.position < generator.items.count else { return none }
      generator.position += 1
      return generator.items[generator.position - 1]
    }
    switch value {
    case .array(let items), .tuple(let items): return items.first ?? none
    case .string(let text): return text.unicodeScalars.first.map { .string(String($0)) } ?? none
    default: return try items(of: value).first ?? none
    }
  }

  private func batch(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("batch", "linecount", "fill_with")
    let size = try values[0].whole("linecount")
    var rows: [TemplateValue] = []
    var row: [TemplateValue] = []
    for item in try items(of: value) {
      if row.count == size {
        rows.append(try array(row))
        row = []
      }
      row.append(item)
    }
    if !row.isEmpty {
      if let fill = values[1].presence, row.count < size {
        try spend(elements: size)
        row += Array(repeating: fill, count: size - row.count)
      }
      rows.append(try array(row))
    }
    return try generator(rows)
  }

  private func sliceIntoColumns(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("slice", "slices", "fill_with")
    let count = try values[0].whole("slices")
    let items = try items(of: value)
    guard count != 0 else { throw TemplateError(.value, "a sequence cannot be cut into 0 slices") }
    guard count > 0 else { return try generator([]) }
    try spend(elements: count)
    var columns: [TemplateValue] = []
    var start = 0
    for column in 0..<count {
      let hasExtra = column < items.count % count
      let size = items.count / count + (hasExtra ? 1 : 0)
      var part = Array(items[start..<(start + size)])
      if let fill = values[1].presence, !hasExtra { part.append(fill) }
      columns.append(try array(part))
      start += size
    }
    return try generator(columns)
  }

  private func sum(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("sum", "attribute", "start")
    let path = try AttributePath(values[0].presence)
    var total = values[1] ?? .int(0)
    if case .string = total { throw TemplateError(.type, "'sum' does not add texts; use 'join'") }
    for item in try items(of: value) { total = try calculate(total, .add, try self.value(at: path, of: item)) }
    return total
  }

  private func join(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("join", "d", "attribute")
    let separator = try text(of: values[0] ?? .string(""))
    let path = try AttributePath(values[1].presence)
    var result = ""
    for (position, item) in try items(of: value).enumerated() {
      if position > 0 { result += separator }
      let part = try text(of: try self.value(at: path, of: item))
      result += part
      try spend(textBytes: part.utf8.count)
      try checkLength(result.utf8.count)
    }
    return .string(result)
  }

  private func sortObject(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("dictsort", "case_sensitive", "by", "reverse")
    let isCaseSensitive = try isTrue(values[0] ?? .bool(false))
    let by = try values[1].text("by", default: "key")
    guard by == "key" || by == "value" else { throw TemplateError(.value, "'by' must be key or value") }
    guard case .object(let object) = value else { throw TemplateError(.type, "'dictsort' needs a mapping") }
    let position = by == "key" ? 0 : 1
    let sorted = try sort(try pairs(of: object), reverse: try isTrue(values[2] ?? .bool(false))) {
      (pair) throws(TemplateError) in
      guard case .tuple(let parts) = pair else { return pair }
      return sortingKey(parts[position], isCaseSensitive: isCaseSensitive)
    }
    return try array(sorted)
  }

  // MARK: Orders

  /// What a value is sorted and grouped by.
  func sortingKey(_ value: TemplateValue, isCaseSensitive: Bool) -> TemplateValue {
    guard !isCaseSensitive, case .string(let text) = value else { return value }
    return .string(CaseMapping.lower(text))
  }

  /// Sorts by keys, keeping the order of equal ones, also in reverse.
  func sort(
    _ items: [TemplateValue], reverse: Bool, by key: (TemplateValue) throws(TemplateError) -> TemplateValue
  ) throws(TemplateError) -> [TemplateValue] {
    var keyed: [(key: TemplateValue, item: TemplateValue)] = []
    for item in items { keyed.append((try key(item), item)) }
    try spend(items.count * max(1, items.count.bitWidth - items.count.leadingZeroBitCount))
    let sorted = try stableSorted(keyed) { (left, right) throws(TemplateError) in
      reverse ? try orderedBefore(right.key, left.key) : try orderedBefore(left.key, right.key)
    }
    return sorted.map(\.item)
  }

  func applyOrdering(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .sort: return try sort(value, arguments)
    case .groupby: return try group(value, arguments)
    default: break
    }
    let values = try arguments.bound(filter.rawValue, "case_sensitive", "attribute")
    let isCaseSensitive = try isTrue(values[0] ?? .bool(false))
    let path = try AttributePath(values[1].presence)
    var seen: Set<ObjectKey> = []
    var unique: [TemplateValue] = []
    var best: (key: TemplateValue, item: TemplateValue)?
    for item in try items(of: value) {
      let key = sortingKey(try self.value(at: path, of: item), isCaseSensitive: isCaseSensitive)
      if filter == .unique {
        if seen.insert(try self.key(key)).inserted { unique.append(item) }
      } else if let current = best {
        let wins = try filter == .min ? orderedBefore(key, current.key) : orderedBefore(current.key, key)
        if wins { best = (key, item) }
      } else {
        best = (key, item)
      }
    }
    if filter == .unique { return try generator(unique) }
    return best?.item ?? .missing(hint: "there is no \(filter.rawValue): the sequence is empty")
  }

  private func sort(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("sort", "reverse", "case_sensitive", "attribute")
    let isCaseSensitive = try isTrue(values[1] ?? .bool(false))
    var paths = [try AttributePath(nil)]
    if case .string(let text)? = values[2].presence {
      paths = []
      for part in TextSearch.pieces(
        of: Array(text.utf8), between: TextSearch.matches([UInt8(ascii: ",")], in: Array(text.utf8)), length: 1)
      {
        paths.append(try AttributePath(.string(part)))
      }
    } else if let attribute = values[2].presence {
      paths = [try AttributePath(attribute)]
    }
    let sorted = try sort(try items(of: value), reverse: try isTrue(values[0] ?? .bool(false))) {
      (item) throws(TemplateError) in
      var keys: [TemplateValue] = []
      for path in paths {
        keys.append(sortingKey(try self.value(at: path, of: item), isCaseSensitive: isCaseSensitive))
      }
      return .array(keys)
    }
    return .array(sorted)
  }

  private func group(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("groupby", "attribute", "default", "case_sensitive")
    let path = try AttributePath(try values[0].required("attribute"))
    let isCaseSensitive = try isTrue(values[2] ?? .bool(false))
    func member(_ item: TemplateValue) throws(TemplateError) -> TemplateValue {
      try self.value(at: path, of: item, fallback: values[1].presence)
    }
    func key(_ item: TemplateValue) throws(TemplateError) -> TemplateValue {
      sortingKey(try member(item), isCaseSensitive: isCaseSensitive)
    }
    var groups: [(key: TemplateValue, items: [TemplateValue])] = []
    for item in try sort(try items(of: value), reverse: false, by: key) {
      let itemKey = try key(item)
      if let last = groups.last, areEqual(last.key, itemKey) {
        groups[groups.count - 1].items.append(item)
      } else {
        groups.append((itemKey, [item]))
      }
    }
    var result: [TemplateValue] = []
    for group in groups {
      let name = isCaseSensitive ? group.key : try member(group.items[0])
      result.append(try tuple([name, .array(group.items)]))
    }
    return .array(result)
  }
}
