internal import MartletJSON
package import MartletRuntime
package import MartletTensor

/// Where a tensor of a safetensors file lies.
package struct SafetensorsInfo: Sendable, Equatable {
  package let name: String
  /// Outermost first.
  package let shape: [Int]
  package let type: DType
  /// Bytes of the file.
  package let byteRange: Range<Int>
}

/// A safetensors file, mapped into memory: a length of 8 bytes, a JSON header of that length, then the tensors' bytes.
/// (The format of Hugging Face's `safetensors` library.)
///
/// Opening checks the whole header: every tensor lies inside the file, has the size that its shape and type say, and
/// shares no byte with another.
package final class SafetensorsFile: Sendable {
  package let mapping: MappedFile
  /// In the order of their bytes.
  package let tensors: [SafetensorsInfo]
  private let positions: [String: Int]

  /// The longest header that the reference implementation accepts.
  private static let headerLimit = 100_000_000
  private static let types: [String: DType] = [
    "F32": .f32, "F16": .f16, "BF16": .bf16, "I32": .i32, "I64": .i64, "U8": .u8,
  ]

  package var path: String { mapping.path }

  /// Reads the header of a file that is mapped, or in memory.
  /// - Throws: ``SafetensorsError`` that names the file, the thing and the numbers.
  package init(_ mapping: MappedFile) throws(SafetensorsError) {
    self.mapping = mapping
    let path = mapping.path
    func failure(_ message: String) -> SafetensorsError { SafetensorsError(path: path, message: message) }
    let bytes = mapping.bytes
    guard bytes.count >= 8 else {
      throw failure("is \(bytes.count) bytes long, too short for a safetensors file" + ForeignFile.hint(bytes))
    }
    let length = bytes.loadUnaligned(as: UInt64.self)
    guard length <= Self.headerLimit, Int(length) <= bytes.count - 8 else {
      throw failure(
        "claims a header of \(length) bytes in a file of \(bytes.count): it is cut off or no safetensors file"
          + ForeignFile.hint(bytes))
    }
    let dataStart = 8 + Int(length)
    let header: JSONValue
    do {
      header = try JSONValue(parsing: bytes[8..<dataStart])
    } catch {
      throw failure("has a damaged header: \(error)")
    }
    guard let members = header.object?.members else { throw failure("has a header that is not a JSON object") }
    var tensors: [SafetensorsInfo] = []
    for member in members where member.key != "__metadata__" {
      do {
        tensors.append(try Self.info(member.key, member.value, dataStart: dataStart, fileBytes: bytes.count))
      } catch {
        throw failure("tensor \(quoted(member.key)) \(error.message)")
      }
    }
    tensors.sort { $0.byteRange.lowerBound < $1.byteRange.lowerBound }
    for (first, second) in zip(tensors, tensors.dropFirst())
    where second.byteRange.lowerBound < first.byteRange.upperBound {
      throw failure("tensors \(quoted(first.name)) and \(quoted(second.name)) share bytes")
    }
    let end = tensors.last?.byteRange.upperBound ?? dataStart
    guard end == bytes.count else {
      throw failure("has \(bytes.count - end) bytes after its last tensor: it is damaged or was appended to")
    }
    var positions: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() where positions.updateValue(index, forKey: tensor.name) != nil {
      throw failure("tensor \(quoted(tensor.name)) is listed twice")
    }
    self.tensors = tensors
    self.positions = positions
  }

  /// The tensor of this name, or nil.
  package func tensor(named name: String) -> SafetensorsInfo? { positions[name].map { tensors[$0] } }

  /// The data of a tensor of this file: valid while this object lives.
  package func bytes(of tensor: SafetensorsInfo) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: mapping.bytes[tensor.byteRange])
  }

  private struct Fault: Error {
    let message: String
  }

  private static func info(
    _ name: String, _ value: JSONValue, dataStart: Int, fileBytes: Int
  ) throws(Fault) -> SafetensorsInfo {
    guard let typeName = value["dtype"]?.string else { throw Fault(message: "has no dtype") }
    guard let type = types[typeName] else {
      let known = types.keys.sorted().joined(separator: ", ")
      throw Fault(message: "has the type \(quoted(typeName)); Martlet reads \(known)")
    }
    guard let extents = value["shape"]?.array, extents.count <= Dimensions.capacity else {
      throw Fault(message: "has no shape of at most \(Dimensions.capacity) dimensions")
    }
    var shape: [Int] = []
    for extent in extents {
      guard case .int(let number) = extent, number >= 0 else {
        throw Fault(message: "has the extent \(extent.summary) in its shape")
      }
      shape.append(number)
    }
    guard let offsets = value["data_offsets"]?.array, offsets.count == 2, case .int(let begin) = offsets[0],
      case .int(let end) = offsets[1], 0 <= begin, begin <= end, end <= fileBytes - dataStart
    else {
      throw Fault(message: "has no data_offsets within the \(fileBytes - dataStart) bytes of data")
    }
    guard let count = Shape(shape).checkedProduct, type.byteCount(elements: count) == end - begin else {
      throw Fault(message: "takes \(end - begin) bytes, which its shape \(shape) of \(typeName) does not")
    }
    return SafetensorsInfo(name: name, shape: shape, type: type, byteRange: dataStart + begin..<dataStart + end)
  }
}

/// Why a safetensors file, or a folder of them, was refused.
package struct SafetensorsError: Error, Sendable, Equatable, CustomStringConvertible {
  package let path: String
  /// The reason in words, to be read after the path.
  package let message: String
  /// Whether there is no such file.
  package var isMissing = false

  package var description: String { "\(path): \(message)" }
}
