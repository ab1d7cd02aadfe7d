// A copy of Pipelines/shop_features.yaml with a topic, a group and a prefix of its own, so that tests can share a broker and a Redis.

import Foundation
import TestSupport

struct ShopPipeline {
  let path: String
  let group: String

  /// - Parameter replacing: Further texts of the file and what stands for them.
  init(in folder: TestFolder, topic: String = "clicks", prefix: String = "fv", replacing: [String: String] = [:]) throws {
    var text = try String(contentsOfFile: "\(Products.packageFolder)/Pipelines/shop_features.yaml", encoding: .utf8)
    group = "group-\(topic)"
    let changes = [
      "topic: clicks": "topic: \(topic)", "group: shop-features": "group: \(group)", "prefix: fv }": "prefix: \(prefix) }",
      "../Schemas/": "\(Products.packageFolder)/Schemas/",
    ]
    for (old, new) in changes.merging(replacing, uniquingKeysWith: { $1 }) {
      precondition(text.contains(old), "shop_features.yaml has no '\(old)' any more")
      text = text.replacingOccurrences(of: old, with: new)
    }
    path = try folder.write(text, as: "shop_features.yaml")
  }
}
