#include "services/common/api/filter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/filter_node.h"
#include "services/common/api/text.h"

namespace caravan::api {

using filter::Comparator;
using filter::Node;

namespace {

using ColumnValue = std::variant<int64_t, std::string>;

// The value that an indexed column would have; nothing where no column has such
// values.
std::optional<ColumnValue> ToColumn(const Node& node) {
  switch (KindOf(node.path->leaf())) {
    case ScalarKind::kBool:
    case ScalarKind::kInteger:
    case ScalarKind::kEnum:
    case ScalarKind::kDate:
      return std::get<int64_t>(node.operand);
    case ScalarKind::kTimestamp:
      return absl::ToUnixMicros(std::get<absl::Time>(node.operand));
    case ScalarKind::kString: {
      std::string text(std::get<std::string_view>(node.operand));
      // Not every engine has text with NUL.
      if (text.find('\0') != text.npos) return std::nullopt;
      return text;
    }
    default:
      return std::nullopt;
  }
}

// Times are rounded down to microseconds in columns, so a bound which lies
// between two must be widened.
bool IsRounded(const Node& node) {
  const auto* time = std::get_if<absl::Time>(&node.operand);
  return time != nullptr && absl::FromUnixMicros(absl::ToUnixMicros(*time)) != *time;
}

void PushCompare(const Node& node, std::vector<Pushdown>& out) {
  if (node.kind != Node::Kind::kCompare || !node.path->single() || node.path->keyed()) return;
  const auto value = ToColumn(node);
  if (!value) return;
  const auto push = [&](Pushdown::Op op, ColumnValue bound) {
    out.push_back({.path = node.path->text, .op = op, .values = {std::move(bound)}});
  };
  if (!node.pieces.empty()) {
    const std::string& prefix = node.pieces[0];
    if (node.comparator != Comparator::kEqual || prefix.empty()) return;
    push(Pushdown::Op::kGreaterOrEqual, prefix);
    if (std::string end = PrefixEnd(prefix); !end.empty()) push(Pushdown::Op::kLess, end);
    return;
  }
  switch (node.comparator) {
    case Comparator::kEqual:
      return push(Pushdown::Op::kEqual, *value);
    case Comparator::kLess:
      return push(IsRounded(node) ? Pushdown::Op::kLessOrEqual : Pushdown::Op::kLess, *value);
    case Comparator::kLessOrEqual:
      return push(Pushdown::Op::kLessOrEqual, *value);
    case Comparator::kGreater:
      // A value just above the bound is rounded down onto it.
      return push(std::holds_alternative<absl::Time>(node.operand) ? Pushdown::Op::kGreaterOrEqual
                                                                   : Pushdown::Op::kGreater,
                  *value);
    case Comparator::kGreaterOrEqual:
      return push(Pushdown::Op::kGreaterOrEqual, *value);
    case Comparator::kNotEqual:
    case Comparator::kHas:
      return;
  }
}

// `a = 1 OR a = 2`.
void PushOr(const Node& node, std::vector<Pushdown>& out) {
  std::vector<Pushdown> parts;
  for (const auto& child : node.children) {
    const size_t before = parts.size();
    PushCompare(*child, parts);
    if (parts.size() != before + 1 || parts.back().op != Pushdown::Op::kEqual ||
        parts.back().path != parts.front().path) {
      return;
    }
  }
  Pushdown in{.path = parts[0].path, .op = Pushdown::Op::kIn, .values = {}};
  for (Pushdown& part : parts) in.values.push_back(std::move(part.values[0]));
  out.push_back(std::move(in));
}

void Push(const Node& node, std::vector<Pushdown>& out) {
  switch (node.kind) {
    case Node::Kind::kAnd:
      for (const auto& child : node.children) Push(*child, out);
      return;
    case Node::Kind::kOr:
      return PushOr(node, out);
    default:
      return PushCompare(node, out);
  }
}

std::string QuotePieces(const std::vector<std::string>& pieces) {
  std::vector<std::string> quoted;
  for (const std::string& piece : pieces) {
    const std::string whole = QuoteForFilter(piece);
    quoted.push_back(whole.substr(1, whole.size() - 2));
  }
  return absl::StrCat("\"", absl::StrJoin(quoted, "*"), "\"");
}

// Only the parentheses that are needed, so that the canonical form nests no
// deeper than what was parsed.
std::string Print(const Node& node) {
  const auto print = [](const Node& child, bool parentheses) {
    return parentheses ? absl::StrCat("(", Print(child), ")") : Print(child);
  };
  switch (node.kind) {
    case Node::Kind::kAnd:
      return absl::StrJoin(node.children, " AND ", [&](std::string* out, const auto& child) {
        absl::StrAppend(out, print(*child, false));
      });
    case Node::Kind::kOr:
      return absl::StrJoin(node.children, " OR ", [&](std::string* out, const auto& child) {
        absl::StrAppend(out, print(*child, child->kind == Node::Kind::kAnd));
      });
    case Node::Kind::kNot: {
      const Node& child = *node.children[0];
      return absl::StrCat(
          "NOT ", print(child, child.kind == Node::Kind::kAnd || child.kind == Node::Kind::kOr ||
                                   child.kind == Node::Kind::kNot));
    }
    case Node::Kind::kCompare:
      return absl::StrCat(node.path->text, node.comparator == Comparator::kHas ? "" : " ",
                          SymbolOf(node.comparator), node.comparator == Comparator::kHas ? "" : " ",
                          node.pieces.empty() ? FormatScalar(node.operand, node.path->leaf())
                                              : QuotePieces(node.pieces));
    case Node::Kind::kPresent:
      return absl::StrCat(node.path->text, ":*");
    case Node::Kind::kSearch:
      break;
  }
  return QuotePieces(node.pieces);
}

}  // namespace

absl::StatusOr<Filter> Filter::Parse(std::string_view text,
                                     const google::protobuf::Descriptor* message,
                                     std::string_view field) {
  const filter::Source source{.text = text, .field = field};
  auto expression = filter::ParseSyntax(source);
  if (!expression.ok()) return expression.status();
  Filter result;
  if (*expression == nullptr) return result;
  auto root = filter::Check(source, **expression, *message);
  if (!root.ok()) return root.status();
  result.root_ = *std::move(root);
  return result;
}

Truth Filter::Evaluate(const google::protobuf::Message& message) const {
  return root_ == nullptr ? Truth::kTrue : filter::Evaluate(*root_, message);
}

Explanation Filter::Explain(const google::protobuf::Message& message) const {
  return root_ == nullptr ? Explanation{} : filter::Explain(*root_, message);
}

std::vector<Pushdown> Filter::pushdown() const {
  std::vector<Pushdown> out;
  if (root_ != nullptr) Push(*root_, out);
  return out;
}

std::string Filter::ToString() const { return root_ == nullptr ? "" : Print(*root_); }

}  // namespace caravan::api
