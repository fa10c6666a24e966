internal import Glibc
internal import MartletModels

/// One request before it is sent.
struct PlannedRequest: Sendable, Equatable {
  /// When it arrives, after the start; nil for as soon as there is room.
  let arrival: Duration?
  let promptTokens: Int
  let generateTokens: Int
  /// Of the prompt's words: no two requests have the same, so that no cache of prompts helps unless it is meant to.
  let seed: UInt64
}

/// All requests of a run. The same settings make the same plan, whatever the server does.
struct LoadPlan: Sendable, Equatable {
  let requests: [PlannedRequest]

  init(_ settings: LoadSettings) {
    var lengths = SplitMix64(seed: settings.seed, name: "lengths")
    var gaps = SplitMix64(seed: settings.seed, name: "arrivals")
    var prompts = SplitMix64(seed: settings.seed, name: "prompts")
    var seconds = 0.0
    requests = (0..<settings.requests).map { _ in
      // Gaps of a Poisson process are exponential; 1 - u is never 0.
      if let rate = settings.rate { seconds -= log(1 - Double.random(in: 0..<1, using: &gaps)) / rate }
      return PlannedRequest(
        arrival: settings.rate.map { _ in .seconds(seconds) },
        promptTokens: Int.random(in: settings.promptTokens, using: &lengths),
        generateTokens: Int.random(in: settings.generateTokens, using: &lengths),
        seed: prompts.next())
    }
  }
}

/// Texts of about so many tokens for a model whose tokenizer is not here.
///
/// Every word below is a token of its own in most vocabularies, and where it is not, two requests tell how many it is
/// (``WordScale``).
enum WordPrompt {
  static func text(words count: Int, seed: UInt64) -> String {
    var random = SplitMix64(seed: seed)
    return (0..<max(count, 1)).map { _ in words[Int.random(in: words.indices, using: &random)] }.joined(separator: " ")
  }

  private static let words = """
    time year people way day man thing woman life child world school state family student group country problem hand part \
    place case week company system program question work government number night point home water room mother area money \
    story fact month lot right study book eye job word business issue side kind head house service friend father power \
    hour game line end member law car city community name president team minute idea body information back parent face \
    level office door health person art war history party result change morning reason research girl guy moment air \
    teacher force education foot boy age policy music market sense nation plan college interest death experience effect \
    use class control field development role effort rate heart drug show leader light voice wife police mind price report \
    decision son view relationship town road arm difference value building action season society tax director position \
    player record paper space ground form event official matter center couple site project star base table court oil \
    situation cost industry figure street image phone data picture practice piece land product doctor wall patient worker \
    news test movie north love support technology step baby computer type attention film tree source truth hair window \
    culture chance brother energy period course summer plant opportunity term letter condition choice rule south husband \
    floor campaign material population call economy hospital church risk fire future bank
    """.split(separator: " ").map(String.init)
}

/// How many tokens a prompt of so many words is: a template's own and so many a word.
struct WordScale: Sendable, Equatable {
  /// Words of the two prompts that find it out.
  static let probes = (few: 16, many: 272)

  private let fixed: Double
  private let perWord: Double

  /// One token a word, where the server says nothing.
  static let guess = WordScale(fixed: 0, perWord: 1)

  private init(fixed: Double, perWord: Double) {
    self.fixed = fixed
    self.perWord = perWord
  }

  /// From the tokens of the two prompts; nil where they make no sense.
  init?(few: Int, many: Int) {
    let perWord = Double(many - few) / Double(Self.probes.many - Self.probes.few)
    guard perWord > 0.1 else { return nil }
    self.init(fixed: Double(few) - perWord * Double(Self.probes.few), perWord: perWord)
  }

  /// Words for a prompt of so many tokens; at least one.
  func words(for tokens: Int) -> Int { max(1, Int(((Double(tokens) - fixed) / perWord).rounded())) }
}
