internal import CMartlet

// Every C function is one of the two calls below around its body, so that no error and no trap crosses the boundary and
// every call leaves its outcome with the thread.

/// Runs the body of a function that returns a status.
func boundary(_ body: () throws -> Void) -> martlet_status {
  do {
    try body()
    ThreadState.withCurrent { $0.succeed() }
    return MARTLET_OK
  } catch {
    let failure = Failure(error)
    ThreadState.withCurrent { $0.fail(failure) }
    return failure.status
  }
}

/// Runs the body of one of LLAISYS's functions, which have no status to return: a failure is written to standard error,
/// and `failed` takes the place of the result.
func boundary<Result>(_ function: String, failed: Result, _ body: () throws -> Result) -> Result {
  do {
    let result = try body()
    ThreadState.withCurrent { $0.succeed() }
    return result
  } catch {
    let failure = Failure(error)
    ThreadState.withCurrent { $0.fail(failure) }
    StandardOutput.report("\(function): \(failure.message)")
    return failed
  }
}

/// The pointer, which must not be null.
func required<Pointee>(_ pointer: UnsafeMutablePointer<Pointee>?, _ name: String) throws(Failure)
  -> UnsafeMutablePointer<Pointee>
{
  guard let pointer else { throw .argument(name, expected: "an address", found: "null") }
  return pointer
}

/// The pointer, which must not be null.
func required<Pointee>(_ pointer: UnsafePointer<Pointee>?, _ name: String) throws(Failure) -> UnsafePointer<Pointee> {
  guard let pointer else { throw .argument(name, expected: "an address", found: "null") }
  return pointer
}

/// A list of the caller: an address and a count. Null is an empty list.
func list<Element>(_ pointer: UnsafePointer<Element>?, _ count: Int, _ name: String) throws(Failure)
  -> UnsafeBufferPointer<Element>
{
  // A count beyond half the addresses arrives as a negative one.
  guard count >= 0, count <= Int.max / max(1, MemoryLayout<Element>.stride) else {
    throw .argument("the count of \(name)", expected: "what memory can hold", found: "\(UInt(bitPattern: count))")
  }
  guard pointer != nil || count == 0 else {
    throw .argument(name, expected: "the address of \(count) elements", found: "null")
  }
  return UnsafeBufferPointer(start: pointer, count: count)
}

/// Text of the caller that ends with a zero byte; what is not UTF-8 becomes U+FFFD.
func string(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(Failure) -> String {
  String(cString: try required(pointer, name))
}

/// Text of the caller with a length.
func bytes(_ pointer: UnsafePointer<CChar>?, _ length: Int, _ name: String) throws(Failure) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(try list(pointer, length, name))
}
