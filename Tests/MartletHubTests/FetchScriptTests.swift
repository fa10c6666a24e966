import Foundation
import MartletHub
import Testing

@Suite("The script that brings the default model")
struct FetchScriptTests {
  @Test("brings what the locator looks for")
  func sameFacts() throws {
    let repository = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let script = try String(contentsOf: repository.appendingPathComponent("scripts/fetch-model.sh"), encoding: .utf8)
    let model = BuiltInModel.all[0]
    #expect(script.contains("\nfile='\(model.fileName)'\n"))
    #expect(script.contains("\nsize='\(model.size)'\n"))
    #expect(script.contains("\nsha256='\(model.sha256)'\n"))
  }

  @Test("looks for the cache where the locator does", arguments: ["MARTLET_CACHE", "XDG_CACHE_HOME", "HOME"])
  func sameFolder(variable: String) throws {
    let folder = try TemporaryFolder()
    let locator = ModelLocator(environment: HubEnvironment { $0 == variable ? folder.path : nil })
    let expected = try #require(locator.environment.modelFolder) + "/" + BuiltInModel.all[0].fileName
    // A file of the wrong size makes the script say where it stands; without python3's pip it goes no further.
    try folder.write(String(expected.dropFirst(folder.path.count + 1)), "too short")
    let tools = try folder.write("tools/python3", "#!/bin/sh\nexit 1\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tools)

    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../scripts/fetch-model.sh"
    ]
    process.environment = [variable: folder.path, "PATH": folder.path + "/tools:/usr/bin:/bin"]
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 69)
    #expect(text.contains(expected + " is not the file it should be"), "\(text)")
    #expect(text.contains("python3 has no pip"), "\(text)")
  }
}
