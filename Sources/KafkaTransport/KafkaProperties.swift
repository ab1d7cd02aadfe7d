// librdkafka properties that a user gives: from the pipeline file, from `FRESHET_KAFKA_*`, from `-X key=value`; the later of these wins,
// and all of them win over the defaults of `KafkaSink` and `KafkaSource`. Secrets come from a file or the environment, never from a flag,
// and are printed as `***`.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Properties in the order in which they are to be set.
public struct KafkaProperties: Sendable, CustomStringConvertible {
  public private(set) var entries: [(name: String, value: String)]

  public init(_ entries: [(name: String, value: String)] = []) {
    self.entries = entries
  }

  /// Reads `-X` arguments, each `key=value`. A secret among them is refused.
  public init(arguments: [String]) throws {
    entries = []
    for argument in arguments {
      guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
        throw Failure(.usage, "-X \(argument): expected a librdkafka property as key=value")
      }
      let name = String(argument[..<equals])
      guard !Self.isSecret(name) else {
        throw Failure(
          .usage,
          "-X \(name)=***: a secret is not taken from the command line, where others can read it; set "
            + "\(Self.environmentName(name)) or \(Self.environmentName(name))_FILE")
      }
      entries.append((name, String(argument[argument.index(after: equals)...])))
    }
  }

  /// Reads `FRESHET_KAFKA_SASL_PASSWORD` and its like (`sasl.password`), and `FRESHET_KAFKA_SASL_PASSWORD_FILE` and its like (the first
  /// line of that file). Only the names in `environmentProperties` are looked for.
  public init(environment: [String: String]) throws {
    entries = []
    for property in Self.environmentProperties {
      let name = Self.environmentName(property)
      if let value = environment[name] {
        entries.append((property, value))
      } else if let path = environment[name + "_FILE"] {
        entries.append((property, try Self.firstLine(ofFile: path, for: name + "_FILE")))
      }
    }
  }

  /// These properties, then `others`, which win.
  public func overlaid(with others: KafkaProperties) -> KafkaProperties {
    KafkaProperties(entries + others.entries)
  }

  /// The value that wins for `name`.
  public subscript(name: String) -> String? { entries.last { $0.name == name }?.value }

  /// `key=value`, comma-separated, secrets as `***`.
  public var description: String {
    entries.map { "\($0.name)=\(Self.isSecret($0.name) ? "***" : $0.value)" }.joined(separator: ",")
  }

  /// What may be set through the environment: the connection and its secrets.
  static let environmentProperties = [
    "security.protocol", "sasl.mechanisms", "sasl.username", "sasl.password", "sasl.oauthbearer.config",
    "sasl.oauthbearer.client.secret", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
    "ssl.key.pem", "ssl.keystore.password",
  ]

  static func isSecret(_ name: String) -> Bool {
    name.hasSuffix("password") || name.hasSuffix("secret") || name == "ssl.key.pem" || name == "sasl.oauthbearer.config"
  }

  static func environmentName(_ property: String) -> String {
    "FRESHET_KAFKA_" + property.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
  }

  private static func firstLine(ofFile path: String, for name: String) throws -> String {
    guard let file = fopen(path, "r") else {
      throw Failure(.badConfiguration, "\(name): cannot read \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    let count = getline(&line, &capacity, file)
    guard count > 0, let line else { throw Failure(.badConfiguration, "\(name): \(path) is empty") }
    return String(String(cString: line).prefix { $0 != "\n" && $0 != "\r\n" && $0 != "\r" })
  }
}
