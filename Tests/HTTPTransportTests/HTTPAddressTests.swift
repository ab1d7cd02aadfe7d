import Base
import TestSupport
import Testing

@testable import HTTPTransport

struct HTTPAddressTests {
  @Test(arguments: [
    ("http://h/x", "http://h/x"), ("HTTPS://h:8443/", "HTTPS://h:8443/"), ("http://h/x?key=1", "http://h/x?***"),
    ("http://[::1]:80", "http://[::1]:80"),
  ])
  func `an address is shown without its query`(text: String, shown: String) throws {
    #expect(try HTTPAddress(text).description == shown)
  }

  @Test(arguments: [
    ("ftp://h/x", "ftp://h/x: not an HTTP address"), ("http://", "http://: no host"), ("http:///x", "http:///x: no host"),
    ("http://h:99999/", "http://h:99999/: 99999 is not a port"),
    (
      "http://me:s3cret@h/x",
      "http://***@h/x: credentials do not belong in an address (use FRESHET_HTTP_AUTHORIZATION)"
    ),
  ])
  func `a malformed address says what was expected`(text: String, message: String) {
    let failure = #expect(throws: Failure.self) { try HTTPAddress(text) }
    #expect(failure?.message == message + "; expected http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH")
    #expect(failure?.code == .usage)
  }

  @Test func `headers come from flags, secrets from the environment or a file`() throws {
    let folder = TestFolder()
    try folder.write("Bearer abc\nrest\n", as: "token")
    let environment = try HTTPHeaders(environment: [
      "FRESHET_HTTP_AUTHORIZATION_FILE": folder.file("token"), "FRESHET_HTTP_X_API_KEY": "k",
    ])
    let all = try environment.overlaid(with: HTTPHeaders(arguments: ["X-A: b: c", "Empty:"]))
    #expect(all.entries.map { "\($0.name)=\($0.value)" } == ["Authorization=Bearer abc", "X-Api-Key=k", "X-A=b: c", "Empty="])
  }

  @Test(arguments: [
    ("X-A", "--header X-A: expected a header as 'Name: value'"),
    ("X A: b", "--header X A: 'X A' is not the name of a header"),
    (": b", "--header : '' is not the name of a header"),
    ("X-A: b\r\nX-B: c", "--header X-A: the value has control characters"),
    ("content-length: 5", "--header content-length: this header is written by the transport itself"),
    (
      "authorization: Bearer s3cret",
      "--header authorization: ***: a secret is not taken from the command line, where others can read it; "
        + "set FRESHET_HTTP_AUTHORIZATION or FRESHET_HTTP_AUTHORIZATION_FILE"
    ),
  ])
  func `a header that cannot be sent is refused`(argument: String, message: String) {
    let failure = #expect(throws: Failure.self) { try HTTPHeaders(arguments: [argument]) }
    #expect(failure?.message == message)
    #expect(failure?.code == .usage)
  }

  @Test func `a file without a secret is bad configuration`() {
    let failure = #expect(throws: Failure.self) { try HTTPHeaders(environment: ["FRESHET_HTTP_COOKIE_FILE": "/nowhere"]) }
    #expect(failure?.message == "FRESHET_HTTP_COOKIE_FILE: cannot read /nowhere")
    #expect(failure?.code == .badConfiguration)
  }
}
