/// Which Martlet this is.
public enum MartletVersion {
  /// The version by the rules of semantic versioning.
  public static let current = "0.1.0"
}
