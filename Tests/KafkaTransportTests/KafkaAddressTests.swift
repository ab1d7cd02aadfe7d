import Base
import Testing

@testable import KafkaTransport

struct KafkaAddressTests {
  @Test(arguments: [
    ("kafka://localhost:9092/clicks", "localhost:9092", "clicks"),
    ("kafka://a:1,b:2/x.y_z-1", "a:1,b:2", "x.y_z-1"),
    ("kafka://broker/clicks", "broker:9092", "clicks"),
    ("kafka://[::1]:9093/clicks", "[::1]:9093", "clicks"),
    ("kafka://embedded/clicks", nil, "clicks"),
  ])
  func `an address gives its servers and its topic`(text: String, servers: String?, topic: String) throws {
    let address = try KafkaAddress(text)
    #expect(address.servers == servers)
    #expect(address.topic == topic)
  }

  @Test(arguments: [
    ("kafka://localhost:9092", "kafka://localhost:9092: no topic"),
    ("kafka://localhost:9092/", "kafka://localhost:9092/: no topic"),
    ("kafka://localhost:99999/x", "kafka://localhost:99999/x: 'localhost:99999' is not HOST:PORT"),
    ("kafka://,b:1/x", "kafka://,b:1/x: '' is not HOST:PORT"),
    ("kafka://b:1/x y", "kafka://b:1/x y: 'x y' is not a topic name (letters, digits, '.', '_' and '-', at most 249)"),
    (
      "kafka://me:secret@b:1/x",
      "kafka://***@b:1/x: credentials do not belong in an address (use -X sasl.username and FRESHET_KAFKA_SASL_PASSWORD)"
    ),
    ("redis://b:1", "redis://b:1: not a Kafka address"),
  ])
  func `a malformed address says what was expected`(text: String, message: String) {
    let failure = #expect(throws: Failure.self) { try KafkaAddress(text) }
    #expect(
      failure?.message == message + "; expected kafka://HOST:PORT[,HOST:PORT]/TOPIC or kafka://embedded/TOPIC")
    #expect(failure?.code == .usage)
  }

  @Test func `later properties win and secrets are not printed`() throws {
    let file = KafkaProperties([("linger.ms", "5"), ("sasl.password", "s3cret")])
    let flags = try KafkaProperties(arguments: ["linger.ms=50", "ssl.ca.location=/a=b"])
    let all = file.overlaid(with: flags)
    #expect(all["linger.ms"] == "50")
    #expect(all["ssl.ca.location"] == "/a=b")
    #expect(all.description == "linger.ms=5,sasl.password=***,linger.ms=50,ssl.ca.location=/a=b")
  }

  @Test func `a secret comes from the environment and not from a flag`() throws {
    #expect(try KafkaProperties(environment: ["FRESHET_KAFKA_SASL_PASSWORD": "x"])["sasl.password"] == "x")
    let failure = #expect(throws: Failure.self) { try KafkaProperties(arguments: ["sasl.password=hunter2"]) }
    #expect(failure?.code == .usage)
    #expect(
      failure?.message == "-X sasl.password=***: a secret is not taken from the command line, where others can read it; "
        + "set FRESHET_KAFKA_SASL_PASSWORD or FRESHET_KAFKA_SASL_PASSWORD_FILE")
  }

  @Test(arguments: [
    (("linger.mss", "5"), "Kafka property linger.mss=5: No such configuration property: \"linger.mss\""),
    (("acks", "x"), "Kafka property acks=x: Invalid value for configuration property \"request.required.acks\""),
    (("delivery.report.only.error", "true"), "Kafka property delivery.report.only.error cannot be set: every delivery is counted"),
  ])
  func `a property that librdkafka refuses is a bad configuration`(property: (String, String), message: String) {
    let failure = #expect(throws: Failure.self) {
      try KafkaSink(KafkaAddress(servers: "localhost:1", topic: "x"), properties: KafkaProperties([(property.0, property.1)]))
    }
    #expect(failure?.code == .badConfiguration)
    #expect(failure?.message == message)
  }
}
