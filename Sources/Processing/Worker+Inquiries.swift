// Answers to questions about single values: looked for at most once a second, and only where there is a box to look into. A question that
// cannot be answered, or a box that cannot be reached, never disturbs the stream.

import Base
import Features
import Logging
import Records
import Schema
import Windowing

extension Worker {
  static let inquiryEveryMilliseconds: Int64 = 1000

  func answerInquiries() {
    guard let inquiries, now >= inquiryDue else { return }
    inquiryDue = now + Self.inquiryEveryMilliseconds
    do {
      let waiting = try inquiries.waiting()
      answeredInquiries.formIntersection(waiting.keys)
      for (identifier, text) in waiting.sorted(by: { $0.key < $1.key }) where answeredInquiries.insert(identifier).inserted {
        guard let inquiry = try? Inquiry(text: text), let place = plan.place(of: inquiry) else { continue }
        let finding = partitions.keys.sorted().lazy.compactMap { index in
          self.partitions[index]!.finding(place, key: inquiry.key, partition: index)
        }.first
        let answer = InquiryAnswer(partitions: partitions.keys.sorted(), finding: finding)
        try inquiries.answer(identifier, with: answer.text)
      }
    } catch {
      logger.warning("a question could not be answered", metadata: ["reason": "\(error)"])
    }
  }
}

/// Where the feature of a question stands in a plan.
struct InquiryPlace {
  /// The view's place in the plan.
  var view: Int
  /// Of the view's aggregates.
  var aggregate: Int
  var defaultValue: Scalar?
  /// Whether a default is the text of a list.
  var givesList: Bool

  /// What stands for an empty window.
  var emptyValue: ExpectedValue {
    guard let defaultValue else { return .null }
    if givesList, case .string(let text) = defaultValue { return ExpectedValue(json: text.utf8) ?? .string(text) }
    return ExpectedValue(defaultValue)
  }
}

extension ProcessingPlan {
  /// Nil where another source has the view, or nobody, and for features that are made of others.
  func place(of inquiry: Inquiry) -> InquiryPlace? {
    guard let view = views.firstIndex(where: { viewNames[$0] == inquiry.view }) else { return nil }
    let aggregates = pipelineViews[views[view]].aggregates
    guard let aggregate = aggregates.firstIndex(where: { $0.name == inquiry.feature }) else { return nil }
    return InquiryPlace(
      view: view, aggregate: aggregate, defaultValue: aggregates[aggregate].defaultValue,
      givesList: aggregates[aggregate].function.givesList)
  }
}

extension PartitionState {
  /// What the partition holds of a feature of one key; nil where it holds nothing of the key.
  func finding(_ place: InquiryPlace, key: String?, partition: PartitionIndex) -> InquiryAnswer.Finding? {
    let bytes = ByteBuffer()
    guard let found = engine.explain(view: place.view, aggregate: place.aggregate, key: key, bytes: bytes) else { return nil }
    let value = found.value.kind == .missing ? place.emptyValue.text : ExpectedValue(found.value, in: bytes).text
    return InquiryAnswer.Finding(
      partition: partition, nextOffset: nextOffset ?? 0, streamTime: engine.watermark.streamTime, watermark: engine.watermark.value,
      value: value, windowStart: found.window?.lowerBound, windowEnd: found.window?.upperBound,
      parts: found.parts.map { part in
        InquiryAnswer.Part(
          start: part.window?.lowerBound, end: part.window?.upperBound, value: ExpectedValue(part.value, in: bytes).text,
          counts: part.counts)
      }, nextChange: found.nextChange, lastEvent: found.lastEvent)
  }
}

extension ExpectedValue {
  /// A value of a row, whose text stands in `bytes`.
  init(_ value: FeatureValue, in bytes: ByteBuffer) {
    func text() -> UnsafeBufferPointer<UInt8> {
      UnsafeBufferPointer(start: bytes.base + Int(value.bits), count: Int(value.byteCount))
    }
    self =
      switch value.kind {
      case .missing, .null: .null
      case .bool: .bool(value.bits != 0)
      case .integer: .integer(Int64(bitPattern: value.bits))
      case .double: .double(Double(bitPattern: value.bits))
      case .string: .string(String(decoding: text(), as: UTF8.self))
      case .composite: ExpectedValue(json: text()) ?? .string(String(decoding: text(), as: UTF8.self))
      }
  }

  init(_ scalar: Scalar) {
    self =
      switch scalar {
      case .null: .null
      case .bool(let value): .bool(value)
      case .integer(let value): .integer(value)
      case .double(let value): .double(value)
      case .string(let value): .string(value)
      }
  }
}

/// Looks into a saved state, where no worker answers.
public struct CheckpointInspector {
  private let plan: ProcessingPlan

  public init(_ plan: ProcessingPlan) { self.plan = plan }

  /// What a checkpoint holds of a feature of one key; nil where it holds nothing of the key. Fails with 78 where the pipeline is another one now.
  public func finding(_ inquiry: Inquiry, in snapshot: ByteBuffer, of partition: PartitionIndex) throws(Failure) -> InquiryAnswer
    .Finding?
  {
    guard let place = plan.place(of: inquiry) else { return nil }
    let state = PartitionState(WindowEngine(plan.windows, hasSeveralInputs: plan.isRepartitioned), plan, at: 0)
    do throws(SnapshotError) {
      _ = try state.load(UnsafeRawBufferPointer(snapshot.bytes))
    } catch {
      throw Failure(
        .badConfiguration,
        "the checkpoint of partition \(partition) \(Worker.explanation(error))")
    }
    return state.finding(place, key: inquiry.key, partition: partition)
  }
}
