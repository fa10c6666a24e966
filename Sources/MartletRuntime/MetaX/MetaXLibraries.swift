package import CMartletDriver

/// MetaX's library, opened at its first use and kept for the life of the process. One file has the run-time functions, modules,
/// graphs and the run-time compiler; it comes in two flavours, MACA and HPCC, that differ in their names' first letters.
///
/// Never looked for: libraries by which MetaX's devices pass for NVIDIA's.
package enum MetaXLibraries {
  /// Lets a library stand in for MetaX's, so that no result can pass for one of MetaX's by accident.
  package static let standInVariable = "MARTLET_ALLOW_STAND_IN"

  /// How all of them were looked for.
  package static var searches: [LibrarySearch] { [MetaXDriver.shared.search] }

  /// The places, in order: toolkits that the environment names, where toolkits lie, then the system's own order.
  static func places(_ environment: (String) -> String?) -> [String] {
    let flavours = [
      ("libmcruntime.so", ["MACA_PATH", "MACA_HOME"], "/opt/maca"), ("libhcruntime.so", ["HPCC_PATH"], "/opt/hpcc"),
    ]
    return flavours.flatMap { name, variables, root in
      var roots: [String] = []
      for root in variables.compactMap(environment) + [root] where !roots.contains(root) { roots.append(root) }
      return roots.map { "\($0)/lib/\(name)" } + [name]
    }
  }

  /// - Parameter environment: the values of variables; the process's own unless given.
  package static func open(
    _ environment: (String) -> String? = { VendorLibrary.environment($0) }
  ) -> (functions: martlet_mc_functions?, search: LibrarySearch) {
    var search = LibrarySearch(purpose: "MetaX runtime", variable: "MARTLET_MACA_RUNTIME")
    let functions: martlet_mc_functions? = VendorLibrary.open(
      &search, places: environment(search.variable).map { [$0] } ?? places(environment),
      refusal: { table in
        guard let standIn = table.stand_in, environment(standInVariable) != "1" else { return nil }
        return "\(String(cString: standIn)); set \(standInVariable)=1 to compute with it"
      },
      fill: martlet_mc_fill)
    guard let functions else { return (nil, search) }
    var (major, minor): (Int32, Int32) = (0, 0)
    if let version = functions.program_version, version(&major, &minor) == MARTLET_MC_SUCCESS {
      search.version = "\(major).\(minor)"
    }
    search.lacking = withUnsafePointer(to: functions) { table in
      sequence(state: Int32(0)) { (index: inout Int32) -> String? in
        defer { index += 1 }
        return martlet_mc_lacking(table, index).map { String(cString: functions.prefix) + String(cString: $0) }
      }.map { $0 }
    }
    return (functions, search)
  }
}
