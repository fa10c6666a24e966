// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
import Glibc
internal import Martlet

@c @implementation
public func martlet_last_status() -> martlet_status { ThreadState.withCurrent { $0.status } }

@c @implementation
public func martlet_last_error() -> UnsafePointer<CChar>! { ThreadState.withCurrent { $0.message } }

/// The version as C text. `nonisolated(unsafe)`: it is made once and nobody writes to it.
private nonisolated(unsafe) let versionText: UnsafePointer<CChar> = {
  let text = MartletVersion.current.utf8CString
  let memory = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
  for (index, byte) in text.enumerated() { memory[index] = byte }
  return UnsafePointer(memory)
}()

@c @implementation
public func martlet_version() -> UnsafePointer<CChar>! { versionText }

@c @implementation
public func martlet_free(_ memory: UnsafeMutableRawPointer?) { free(memory) }
