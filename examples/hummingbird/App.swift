// A web application with a language model inside. `make model` brings the default model; then, in the root of the repository:
//
//     swift run -c release martlet-hummingbird
//     curl 'http://127.0.0.1:8080/haiku?about=rain'
//
// A number behind its name is another port.
//
// In a package of your own, depend on this one and on its products `Martlet` and `MartletServer`.

import HTTPTypes
import Hummingbird
import Martlet
import MartletServer
import NIOCore

@main
struct App {
  static func main() async throws {
    // The model is a service: it loads when the application starts, and running answers end before it stops.
    var options = ModelOptions()
    options.maximumWaiting = 32
    let models = ModelService("smollm2", options: options)

    let router = Router()
    router.get("haiku") { request, context in
      // Any number of requests at once: they are computed together. When a client's task is cancelled, so is its answer.
      let subject = request.uri.queryParameters.get("about") ?? "the sea"
      let answer = try await models.model.respond(
        to: "Write a haiku about \(subject).", options: GenerationOptions(maxTokens: 60))
      return Response(
        status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
        body: ResponseBody { writer in
          for try await piece in answer.text { try await writer.write(ByteBuffer(string: piece)) }
          try await writer.finish(nil)
        })
    }

    let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080
    let configuration = ApplicationConfiguration(address: .hostname("127.0.0.1", port: port))
    try await Application(router: router, configuration: configuration, services: [models]).runService()
  }
}
