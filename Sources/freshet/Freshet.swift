// The program: one command per file in `Commands`, what they share in `Support`. Every command ends through `main`, so that each
// failure prints one message on stderr and leaves with the exit code that the command line promises.

import ArgumentParser
import Base
import LocalTransport

@main
struct Freshet: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "freshet",
    abstract: "Synthetic event streams, windowed features and their freshness.", version: version,
    subcommands: [
      DemoCommand.self, GenerateCommand.self, ProcessCommand.self, ArchiveCommand.self, BatchCommand.self,
      TrainingSetCommand.self, ServeCommand.self, GetCommand.self, MonitorCommand.self, ProbeCommand.self, LoadCommand.self,
      TestCommand.self, ValidateCommand.self, ExplainCommand.self,
      VerifyCommand.self, EvalCommand.self, InitCommand.self, VersionCommand.self,
    ])

  static func main() {
    Terminal.ignoreBrokenPipe()
    StandardErrorLog.install()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      Terminal.printError(failure.message)
      _exit(failure.code)
    } catch is ClosedPipe {
      // `freshet ... | head`: the reader has had enough.
      _exit(.success)
    } catch is StopRequested {
      // Ctrl-C while a connection was being made: nothing has begun.
      _exit(.success)
    } catch {
      exit(withError: error)
    }
  }
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")
  func run() { print("freshet \(Freshet.version)") }
}
