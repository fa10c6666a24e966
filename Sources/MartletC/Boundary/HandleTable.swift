internal import CMartlet
internal import Synchronization

/// What a handle stands for. Raw values are part of handles.
enum HandleKind: UInt64 {
  case model = 1
  case generation
  case tensor
  case qwen2

  var name: String {
    switch self {
    case .model: "a model"
    case .generation: "a generation"
    case .tensor: "a tensor"
    case .qwen2: "a Qwen2 model"
    }
  }
}

/// An object that programs hold by a handle.
protocol HandleObject: AnyObject, Sendable {
  static var handleKind: HandleKind { get }
}

/// The objects behind handles.
///
/// A handle is a number in the clothes of a pointer: a mark that no address of a process has, the kind of object, a
/// generation and a place in the table. A place gives each object that it holds another generation and is retired when it
/// has used them all, so that a handle that was freed is never valid again; and whatever is not a handle is known without
/// looking at memory.
final class HandleTable: Sendable {
  static let shared = HandleTable()

  private struct Slot {
    var generation: UInt64 = 0
    var object: (any HandleObject)?
    /// What `object` is.
    var kind = HandleKind.model
    /// The next free place, or -1.
    var next = -1
  }

  private struct State {
    var slots: [Slot] = []
    /// Free places in the order in which they became free: the longer one rests, the longer its generations last.
    var firstFree = -1
    var lastFree = -1
  }

  // Bits of a handle from the highest: mark 8, kind 4, generation 28, place 24.
  private static let mark: UInt64 = 0x4D
  private static let placeBits: UInt64 = 24
  private static let generationBits: UInt64 = 28
  private static let kindShift = placeBits + generationBits
  private static let markShift: UInt64 = 56
  private static let mostPlaces = 1 << Int(placeBits)
  private static let lastGeneration: UInt64 = 1 << generationBits - 1

  private let state = Mutex(State())

  /// The handle of an object, which lives at least until the handle is removed.
  func insert<Object: HandleObject>(_ object: Object) throws(Failure) -> OpaquePointer {
    let handle: UInt64? = state.withLock { state in
      let place: Int
      if state.firstFree >= 0 {
        place = state.firstFree
        state.firstFree = state.slots[place].next
        if state.firstFree < 0 { state.lastFree = -1 }
      } else {
        guard state.slots.count < Self.mostPlaces else { return nil }
        place = state.slots.count
        state.slots.append(Slot())
      }
      state.slots[place].object = object
      state.slots[place].kind = Object.handleKind
      return Self.mark << Self.markShift | Object.handleKind.rawValue << Self.kindShift
        | state.slots[place].generation << Self.placeBits | UInt64(place)
    }
    guard let handle, let pointer = OpaquePointer(bitPattern: UInt(handle)) else {
      throw Failure(MARTLET_INTERNAL_ERROR, "there are \(Self.mostPlaces) handles: free some")
    }
    return pointer
  }

  /// The handles of several objects: all or none.
  func insert<Object: HandleObject>(_ objects: [Object]) throws(Failure) -> [OpaquePointer] {
    var handles: [OpaquePointer] = []
    do {
      for object in objects { handles.append(try insert(object)) }
    } catch {
      for handle in handles { try remove(handle, as: Object.self, "handle") }
      throw error
    }
    return handles
  }

  /// The object behind a handle.
  /// - Parameter name: the argument, for messages.
  func object<Object: HandleObject>(
    _ handle: OpaquePointer?, as type: Object.Type = Object.self, _ name: @autoclosure () -> String
  ) throws(Failure) -> Object {
    let place = try Self.place(handle, type, name())
    let object: Object? = state.withLock { state in
      Self.isCurrent(handle, place, type, state) ? Self.typed(state.slots[place].object) : nil
    }
    guard let object else { throw Self.freed(name()) }
    return object
  }

  /// Makes a handle invalid and returns what was behind it. Whoever uses the object at the time keeps it alive.
  @discardableResult
  func remove<Object: HandleObject>(
    _ handle: OpaquePointer?, as type: Object.Type = Object.self, _ name: @autoclosure () -> String
  ) throws(Failure) -> Object {
    let place = try Self.place(handle, type, name())
    let object: Object? = state.withLock { state in
      guard Self.isCurrent(handle, place, type, state) else { return nil }
      let object: Object? = Self.typed(state.slots[place].object)
      state.slots[place].object = nil
      guard state.slots[place].generation < Self.lastGeneration else { return object }
      state.slots[place].generation += 1
      state.slots[place].next = -1
      if state.lastFree >= 0 { state.slots[state.lastFree].next = place } else { state.firstFree = place }
      state.lastFree = place
      return object
    }
    guard let object else { throw Self.freed(name()) }
    return object
  }

  private static func bits(_ handle: OpaquePointer?) -> UInt64 { UInt64(UInt(bitPattern: handle)) }

  private static func isCurrent<Object: HandleObject>(
    _ handle: OpaquePointer?, _ place: Int, _ type: Object.Type, _ state: borrowing State
  ) -> Bool {
    place < state.slots.count && state.slots[place].kind == Object.handleKind
      && bits(handle) >> placeBits & lastGeneration == state.slots[place].generation
  }

  /// The object as what `kind` says that it is; asking the runtime would take as long as the rest.
  private static func typed<Object: HandleObject>(_ object: (any HandleObject)?) -> Object? {
    object.map { unsafeDowncast($0, to: Object.self) }
  }

  private static func place<Object: HandleObject>(
    _ handle: OpaquePointer?, _ type: Object.Type, _ name: @autoclosure () -> String
  ) throws(Failure) -> Int {
    let wanted = Object.handleKind
    guard handle != nil else { throw invalid(name(), wanted, "null") }
    let bits = bits(handle)
    guard bits >> markShift == mark, let kind = HandleKind(rawValue: bits >> kindShift & 0xF) else {
      throw invalid(name(), wanted, "a pointer that is no handle")
    }
    guard kind == wanted else { throw invalid(name(), wanted, "that of \(kind.name)") }
    return Int(bits & UInt64(mostPlaces - 1))
  }

  private static func invalid(_ name: String, _ kind: HandleKind, _ found: String) -> Failure {
    Failure(MARTLET_INVALID_HANDLE, "\(name) must be the handle of \(kind.name), not \(found)")
  }

  private static func freed(_ name: String) -> Failure {
    Failure(MARTLET_INVALID_HANDLE, "\(name) is a handle that was freed or never given out")
  }
}
