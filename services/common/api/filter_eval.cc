#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/filter_node.h"

namespace caravan::api::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// How many entries of a list an explanation shows.
constexpr size_t kMostShown = 10;

Truth ToTruth(bool value) { return value ? Truth::kTrue : Truth::kFalse; }

// Kleene: AND is the least, OR the greatest, with FALSE < UNKNOWN < TRUE.
Truth Not(Truth truth) {
  return truth == Truth::kTrue    ? Truth::kFalse
         : truth == Truth::kFalse ? Truth::kTrue
                                  : Truth::kUnknown;
}

// Whether `text` is the pieces with anything between them.
bool MatchesPieces(std::string_view text, const std::vector<std::string>& pieces) {
  const std::string_view first = pieces.front();
  const std::string_view last = pieces.back();
  if (text.size() < first.size() + last.size() || !absl::StartsWith(text, first) ||
      !absl::EndsWith(text, last)) {
    return false;
  }
  text.remove_prefix(first.size());
  text.remove_suffix(last.size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const size_t at = text.find(pieces[i]);
    if (at == text.npos) return false;
    text.remove_prefix(at + pieces[i].size());
  }
  return true;
}

// Whether `text` contains the pieces, in lower case, one behind the other.
bool ContainsPieces(std::string_view text, const std::vector<std::string>& pieces) {
  auto at = text.begin();
  for (const std::string& piece : pieces) {
    at = std::search(at, text.end(), piece.begin(), piece.end(),
                     [](char a, char b) { return absl::ascii_tolower(a) == b; });
    if (at == text.end() && !piece.empty()) return false;
    at += static_cast<std::ptrdiff_t>(piece.size());
  }
  return true;
}

bool Satisfies(const Node& node, const Scalar& seen) {
  const auto equal = [&] {
    return node.pieces.empty() ? seen == node.operand
                               : MatchesPieces(std::get<std::string_view>(seen), node.pieces);
  };
  switch (node.comparator) {
    case Comparator::kEqual:
    case Comparator::kHas:
      return equal();
    case Comparator::kNotEqual:
      return !equal();
    case Comparator::kLess:
      return seen < node.operand;
    case Comparator::kLessOrEqual:
      return seen <= node.operand;
    case Comparator::kGreater:
      return seen > node.operand;
    case Comparator::kGreaterOrEqual:
      return seen >= node.operand;
  }
  return false;
}

// The entry of a map with the step's key; null where there is none.
const Message* FindEntry(const Message& message, const Step& step) {
  const auto* reflection = message.GetReflection();
  const FieldDescriptor& key = *step.field->message_type()->map_key();
  const int count = reflection->FieldSize(message, step.field);
  std::string scratch;
  for (int i = 0; i < count; ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, step.field, i);
    if (ReadScalar(entry, key, -1, scratch) == step.key) return &entry;
  }
  return nullptr;
}

bool IsSet(const Message& message, const Step& step) {
  return step.always_set || message.GetReflection()->HasField(message, step.field);
}

// Walks a path from its step `at` on and visits the values it leads to:
// `visit(holder, field, index)`, until that returns false. Returns whether
// something on the way, or a value itself, was not set.
using Visit = absl::FunctionRef<bool(const Message&, const FieldDescriptor&, int)>;

struct Walked {
  bool missing = false;
  bool stopped = false;
};

Walked Walk(const Path& path, size_t at, const Message& start, Visit visit) {
  const Message* message = &start;
  for (; at < path.steps.size(); ++at) {
    const Step& step = path.steps[at];
    const bool last = at + 1 == path.steps.size();
    const auto* reflection = message->GetReflection();
    switch (step.kind) {
      case Step::Kind::kKey:
        message = FindEntry(*message, step);
        if (message == nullptr) return {.missing = true};
        break;
      case Step::Kind::kField:
        if (last) {
          // A field without presence has its default.
          if (step.field->has_presence() && !IsSet(*message, step)) return {.missing = true};
          return {.stopped = !visit(*message, *step.field, -1)};
        }
        if (!IsSet(*message, step)) return {.missing = true};
        message = &reflection->GetMessage(*message, step.field);
        break;
      case Step::Kind::kEach: {
        Walked walked;
        const int count = reflection->FieldSize(*message, step.field);
        for (int i = 0; i < count && !walked.stopped; ++i) {
          if (last) {
            walked.stopped = !visit(*message, *step.field, i);
          } else {
            const Walked entry =
                Walk(path, at + 1, reflection->GetRepeatedMessage(*message, step.field, i), visit);
            walked.missing |= entry.missing;
            walked.stopped = entry.stopped;
          }
        }
        return walked;
      }
    }
  }
  return {};
}

Truth EvaluateCompare(const Node& node, const Message& message) {
  std::string scratch;
  bool satisfied = false;
  const Walked walked = Walk(
      *node.path, 0, message, [&](const Message& holder, const FieldDescriptor& field, int index) {
        satisfied = Satisfies(node, ReadScalar(holder, field, index, scratch));
        return !satisfied;
      });
  if (satisfied) return Truth::kTrue;
  return walked.missing ? Truth::kUnknown : Truth::kFalse;
}

bool EvaluatePresent(const Path& path, size_t at, const Message& start) {
  const Message* message = &start;
  for (; at < path.steps.size(); ++at) {
    const Step& step = path.steps[at];
    const bool last = at + 1 == path.steps.size();
    const auto* reflection = message->GetReflection();
    if (step.kind == Step::Kind::kKey) {
      message = FindEntry(*message, step);
      if (message == nullptr) return false;
    } else if (step.kind == Step::Kind::kField) {
      if (!IsSet(*message, step)) return false;
      if (!last) message = &reflection->GetMessage(*message, step.field);
    } else {
      const int count = reflection->FieldSize(*message, step.field);
      if (last) return count > 0;
      for (int i = 0; i < count; ++i) {
        if (EvaluatePresent(path, at + 1,
                            reflection->GetRepeatedMessage(*message, step.field, i))) {
          return true;
        }
      }
      return false;
    }
  }
  return true;
}

bool EvaluateSearch(const std::vector<std::string>& pieces, const Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    // An etag is no text that somebody searches for.
    if (field->name() == "etag") continue;
    const bool is_string = field->type() == FieldDescriptor::TYPE_STRING;
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!is_string && !is_message) continue;
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const bool found =
          is_string
              ? ContainsPieces(std::get<std::string_view>(ReadScalar(message, *field, i, scratch)),
                               pieces)
              : EvaluateSearch(pieces, repeated ? reflection->GetRepeatedMessage(message, field, i)
                                                : reflection->GetMessage(message, field));
      if (found) return true;
    }
  }
  return false;
}

// What a term looked at.
Seen SeenBy(const Node& node, const Message& message) {
  if (node.kind == Node::Kind::kSearch) return {.path = "*", .value = std::nullopt};
  Seen seen{.path = node.path->text, .value = std::nullopt};
  std::vector<std::string> values;
  std::string scratch;
  Walk(*node.path, 0, message, [&](const Message& holder, const FieldDescriptor& field, int index) {
    if (KindOf(field) == ScalarKind::kMessage) return false;
    if (values.size() == kMostShown) {
      values.push_back("...");
      return false;
    }
    values.push_back(FormatScalar(ReadScalar(holder, field, index, scratch), field));
    return true;
  });
  if (!values.empty()) seen.value = absl::StrJoin(values, ", ");
  return seen;
}

void AddSeen(std::vector<Seen>& all, std::vector<Seen> more) {
  for (Seen& seen : more) {
    if (std::find(all.begin(), all.end(), seen) == all.end()) all.push_back(std::move(seen));
  }
}

}  // namespace

Truth Evaluate(const Node& node, const Message& message) {
  switch (node.kind) {
    case Node::Kind::kAnd: {
      Truth truth = Truth::kTrue;
      for (const auto& child : node.children) {
        truth = std::min(truth, Evaluate(*child, message));
        if (truth == Truth::kFalse) break;
      }
      return truth;
    }
    case Node::Kind::kOr: {
      Truth truth = Truth::kFalse;
      for (const auto& child : node.children) {
        truth = std::max(truth, Evaluate(*child, message));
        if (truth == Truth::kTrue) break;
      }
      return truth;
    }
    case Node::Kind::kNot:
      return Not(Evaluate(*node.children[0], message));
    case Node::Kind::kCompare:
      return EvaluateCompare(node, message);
    case Node::Kind::kPresent:
      return ToTruth(EvaluatePresent(*node.path, 0, message));
    case Node::Kind::kSearch:
      return ToTruth(EvaluateSearch(node.pieces, message));
  }
  return Truth::kFalse;
}

Explanation Explain(const Node& node, const Message& message) {
  switch (node.kind) {
    case Node::Kind::kNot: {
      Explanation explanation = Explain(*node.children[0], message);
      explanation.truth = Not(explanation.truth);
      return explanation;
    }
    case Node::Kind::kAnd:
    case Node::Kind::kOr: {
      // Those children decide that came to what the whole comes to: all of them
      // where AND is TRUE or OR is FALSE.
      const bool is_and = node.kind == Node::Kind::kAnd;
      Explanation explanation{.truth = is_and ? Truth::kTrue : Truth::kFalse, .seen = {}};
      for (const auto& child : node.children) {
        Explanation part = Explain(*child, message);
        if (part.truth == explanation.truth) {
          AddSeen(explanation.seen, std::move(part.seen));
        } else if (is_and == (part.truth < explanation.truth)) {
          explanation = std::move(part);
        }
      }
      return explanation;
    }
    default:
      return {.truth = Evaluate(node, message), .seen = {SeenBy(node, message)}};
  }
}

}  // namespace caravan::api::filter
