/// What an API key may be used for. Every route declares the scope that it needs.
package enum Scope: String, Sendable, CaseIterable {
  /// Completions and chats.
  case generate
  /// Tokens of texts, texts of tokens, rendered conversations.
  case text
  /// The list of models.
  case models
  /// The figures for Prometheus.
  case metrics
}
