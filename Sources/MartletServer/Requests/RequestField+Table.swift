internal import Martlet

/// What a request may ask for at most.
package struct RequestLimits: Sendable, Equatable {
  /// Messages of one conversation.
  package var messages = 1024
  /// Answers to one request, or prompts of one.
  package var samples = 16
  /// Stop strings of one request.
  package var stops = 16
  /// Bytes of one stop string.
  package var stopBytes = 1024
  /// Tokens named in `logit_bias`.
  package var biases = 1024
  /// Bytes of a name: of a model, a user, a salt.
  package var nameBytes = 256
  /// Bytes of a prompt that is not a conversation's.
  package var textBytes = 4 << 20
  /// Token ids to turn into text.
  package var tokens = 1 << 20

  package init() {}
}

extension RequestField {
  /// Every field of every request. Whatever is not here is refused; whatever is here is honoured.
  package static func table(_ limits: RequestLimits = RequestLimits()) -> [RequestField] {
    let both: Set<Endpoint> = [.chat, .completions]
    let name = limits.nameBytes
    return [
      .text(
        "model", maximum: name, [.chat, .completions, .tokenize, .detokenize, .render],
        "the served model's name; may be left out"
      ) { $0.model = $1 },
      .messages("messages", count: limits.messages, [.chat, .render], "the conversation") { $0.messages = $1 },
      .tools("tools", count: 128, [.render], "descriptions of functions, for templates that show them") {
        $0.tools = $1
      },
      .prompts(
        "prompt", count: limits.samples, [.completions], "what to continue: text or token ids, or several of these"
      ) { $0.prompts = $1 },
      .text("prompt", maximum: limits.textBytes, [.tokenize], isRequired: true, "the text to turn into tokens") {
        $0.prompts = [.text($1)]
      },
      .tokens("tokens", count: limits.tokens, [.detokenize], "the tokens to turn into text") { $0.tokens = $1 },
      .integer("max_tokens", 1...Int(Int32.max), [.chat], "the most tokens to generate; default: all that fit") {
        $0.maxTokens = $1
      },
      .integer(
        "max_tokens", 0...Int(Int32.max), [.completions],
        "the most tokens to generate; default: all that fit; 0 only with echo"
      ) { $0.maxTokens = $1 },
      .integer("max_completion_tokens", 1...Int(Int32.max), [.chat], "another name of max_tokens") {
        $0.maxCompletionTokens = $1
      },
      .number("temperature", 0...2, both, "divides the logits; 0 always takes the most probable token; default 1") {
        $0.sampling.temperature = $1
      },
      .number("top_p", 0...1, isAbove: true, both, "keeps the most probable tokens that together reach this") {
        $0.sampling.topP = $1
      },
      .integer("top_k", 0...Int(Int32.max), both, "keeps so many of the most probable tokens; 0 keeps all") {
        $0.sampling.topK = $1
      },
      .number("min_p", 0...1, both, "keeps tokens at least this share as probable as the best") {
        $0.sampling.minP = $1
      },
      .integer("seed", .min ... .max, both, "same seed, same answer; answer i of n has the seed plus i") {
        $0.sampling.seed = UInt64(bitPattern: Int64($1))
      },
      .integer("n", 1...limits.samples, both, "answers to generate") { $0.samples = $1 },
      .texts("stop", count: limits.stops, maximum: limits.stopBytes, both, "texts that end an answer; cut off") {
        $0.stop = $1
      },
      .boolean("stream", both, "whether to send the answer piece by piece, as server-sent events") {
        $0.isStreaming = $1
      },
      .flags("stream_options", ["include_usage"], both, "whether a last event tells the tokens used") {
        $0.includesUsage = $1["include_usage"] ?? false
      },
      .boolean("logprobs", [.chat], "whether to give each token's log-probability") { $0.wantsLogprobs = $1 },
      .integer("top_logprobs", 0...20, [.chat], "how many of the most probable tokens to give beside each") {
        $0.topLogprobs = $1
      },
      .integer("logprobs", 0...20, [.completions], "gives each token's log-probability and so many others") {
        $0.topLogprobs = $1
      },
      .biases("logit_bias", -100...100, count: limits.biases, both, "is added to the logits of tokens by their ids") {
        $0.sampling.logitBias = $1
      },
      .number("frequency_penalty", -2...2, both, "is subtracted from a token's logit for each time it was generated") {
        $0.sampling.frequencyPenalty = $1
      },
      .number("presence_penalty", -2...2, both, "is subtracted from the logit of a token that was generated") {
        $0.sampling.presencePenalty = $1
      },
      .number(
        "repetition_penalty", 0...10, isAbove: true, both,
        "divides positive and multiplies negative logits of tokens of prompt and answer"
      ) { $0.sampling.repetitionPenalty = $1 },
      .integer(
        "prompt_logprobs", 0...20, both, "gives the log-probability of each token of the prompt and so many others"
      ) { $0.promptLogprobs = $1 },
      .boolean("echo", [.completions], "whether the answer begins with the prompt") { $0.echoes = $1 },
      .text("user", maximum: name, both, "whom the request is for; written to the log") { $0.user = $1 },
      .integer("priority", -100...100, both, "higher goes first; an API key may set a limit") { $0.priority = $1 },
      .text("cache_salt", maximum: name, both, "keeps the cached prompt apart from that of other salts") {
        $0.cacheSalt = $1
      },
      .boolean("return_token_ids", both, "whether to give the token ids of prompt and answer") {
        $0.returnsTokenIDs = $1
      },
      .variables(
        "chat_template_kwargs",
        reserved: [
          "messages", "tools", "documents", "add_generation_prompt", "chat_template", "bos_token", "eos_token",
          "unk_token", "pad_token", "sep_token", "cls_token", "mask_token",
        ], [.chat, .render], "more variables for the model's chat template, such as enable_thinking"
      ) { $0.templateVariables = $1 },
      .boolean("continue_final_message", [.chat, .render], "whether the answer continues the last message") {
        $0.continuesFinalMessage = $1
      },
      .boolean("add_generation_prompt", [.render], "whether to end with the words that begin an answer") {
        $0.addsGenerationPrompt = $1
      },
      .boolean("add_special_tokens", [.tokenize], "whether to add what the model wants at begin and end") {
        $0.addsSpecialTokens = $1
      },
      .boolean("parse_special_tokens", [.tokenize], "whether the text of a control token means the token") {
        $0.parsesSpecialTokens = $1
      },
    ]
  }
}
