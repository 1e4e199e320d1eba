// Checked filters: what the checker makes of the syntax, and the evaluator runs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/api/filter.h"
#include "services/common/api/filter_syntax.h"
#include "services/common/api/scalar.h"

namespace caravan::api::filter {

// One step from a message along a path.
struct Step {
  enum class Kind {
    kField,  // a singular field
    kEach,   // every entry of a list or a map
    kKey,    // the entry of a map with this key
  };
  Kind kind = Kind::kField;
  const google::protobuf::FieldDescriptor* field = nullptr;
  // The value of a map's entry: set wherever the entry is.
  bool always_set = false;
  // Of kKey: the key. Where it is text it points into `key_storage`.
  Scalar key;
  std::string key_storage;
};

// A path from a message to what is compared; shared, as a spread right side
// compares one path many times.
struct Path {
  std::vector<Step> steps;
  std::string text;  // as a filter writes it

  const google::protobuf::FieldDescriptor& leaf() const { return *steps.back().field; }
  // Whether it leads to one value at the most.
  bool single() const {
    for (const Step& step : steps) {
      if (step.kind == Step::Kind::kEach) return false;
    }
    return true;
  }
  bool keyed() const {
    for (const Step& step : steps) {
      if (step.kind == Step::Kind::kKey) return true;
    }
    return false;
  }
};

struct Node {
  enum class Kind {
    kAnd,
    kOr,
    kNot,
    kCompare,  // path, comparator, operand
    kPresent,  // path:*
    kSearch,   // a literal alone
  };

  Node() = default;
  Node(const Node&) = delete;  // `operand` points into `storage`
  Node& operator=(const Node&) = delete;

  Kind kind = Kind::kAnd;
  std::vector<std::unique_ptr<const Node>> children;

  std::shared_ptr<const Path> path;
  // kHas stands before a path of lists only; elsewhere the checker writes
  // kEqual.
  Comparator comparator = Comparator::kEqual;
  std::string storage;
  Scalar operand;
  // Of a string with wildcards, and of a search: what is between them. Where it
  // is not empty, `operand` is not used.
  std::vector<std::string> pieces;
};

// Checks the syntax against a message type.
absl::StatusOr<std::unique_ptr<const Node>> Check(const Source& source,
                                                  const Expression& expression,
                                                  const google::protobuf::Descriptor& message);

Truth Evaluate(const Node& node, const google::protobuf::Message& message);
Explanation Explain(const Node& node, const google::protobuf::Message& message);

}  // namespace caravan::api::filter
