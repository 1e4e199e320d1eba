#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/filter_node.h"
#include "services/common/api/text.h"

namespace caravan::api::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

bool IsPlain(std::string_view name) {
  if (name.empty() || name == "AND" || name == "OR" || name == "NOT" || name[0] == '-') {
    return false;
  }
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-') return false;
  }
  return true;
}

class Checker {
 public:
  Checker(const Source& source, const Descriptor& message) : source_(source), message_(message) {}

  using Result = absl::StatusOr<std::unique_ptr<const Node>>;

  Result Build(const Expression& expression) {
    if (expression.kind != Expression::Kind::kTerm) {
      return BuildChildren(expression, [this](const Expression& child) { return Build(child); });
    }
    if (!expression.comparator) return Search(Join(expression.member));
    return Restriction(expression);
  }

 private:
  template <typename BuildChild>
  Result BuildChildren(const Expression& expression, BuildChild build) {
    auto node = std::make_unique<Node>();
    node->kind = expression.kind == Expression::Kind::kAnd  ? Node::Kind::kAnd
                 : expression.kind == Expression::Kind::kOr ? Node::Kind::kOr
                                                            : Node::Kind::kNot;
    for (const auto& child : expression.children) {
      Result result = build(*child);
      if (!result.ok()) return result;
      node->children.push_back(*std::move(result));
    }
    return node;
  }

  Result Search(const Word& word) {
    auto node = std::make_unique<Node>();
    node->kind = Node::Kind::kSearch;
    for (const std::string& piece : word.pieces) {
      node->pieces.push_back(absl::AsciiStrToLower(piece));
    }
    return node;
  }

  Result Restriction(const Expression& term) {
    auto path = Resolve(term.member);
    if (!path.ok()) return path.status();
    if (term.spread == nullptr) return Compare(term, *path, *term.comparator, term.word);
    return Spread(term, *path, *term.spread);
  }

  // `field = (a OR b)`: the comparison with each value.
  Result Spread(const Expression& term, const std::shared_ptr<const Path>& path,
                const Expression& values) {
    if (values.kind != Expression::Kind::kTerm) {
      return BuildChildren(values,
                           [&](const Expression& child) { return Spread(term, path, child); });
    }
    if (values.comparator) {
      return source_.Error(values.member[0].begin,
                           "in parentheses on the right stand values, joined by AND, OR, NOT");
    }
    return Compare(term, path, *term.comparator, Join(values.member));
  }

  // The path that words name. A list or map at its end is kEach; a map's entry
  // is then still to be told apart by its key.
  absl::StatusOr<std::shared_ptr<const Path>> Resolve(const std::vector<Word>& words) {
    auto path = std::make_shared<Path>();
    const Descriptor* message = &message_;
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string name = words[i].Text();
      if (message == nullptr) {
        return source_.Error(words[i].begin,
                             absl::StrCat(path->text, " is ", NameOf(KindOf(path->leaf())),
                                          ", and has no field ", Quoted(name)));
      }
      const FieldDescriptor* field = message->FindFieldByName(name);
      if (field == nullptr) {
        return source_.Error(words[i].begin, NoSuchField(*message, name));
      }
      absl::StrAppend(&path->text, path->text.empty() ? "" : ".", name);
      Step step;
      step.field = field;
      if (field->is_map() && i + 1 < words.size()) {
        if (absl::Status status = AddKey(words[++i], step, *path); !status.ok()) return status;
        message = path->leaf().message_type();
        continue;
      }
      step.kind = field->is_repeated() ? Step::Kind::kEach : Step::Kind::kField;
      path->steps.push_back(std::move(step));
      message = field->message_type();
    }
    Rebind(*path);
    return path;
  }

  // The steps to the value of a key.
  absl::Status AddKey(const Word& word, Step& step, Path& path) {
    if (word.wildcard()) {
      return source_.Error(word.begin,
                           "the key of a map has no wildcards; write \\* in quotes for '*'");
    }
    const Descriptor* entry = step.field->message_type();
    step.kind = Step::Kind::kKey;
    path.steps.push_back(std::move(step));
    Step& added = path.steps.back();
    auto key = ParseScalar(word.Text(), *entry->map_key(), added.key_storage);
    if (!key.ok()) {
      return source_.Error(word.begin,
                           absl::StrCat("a key of ", path.text, ": ", key.status().message()));
    }
    added.key = *std::move(key);
    absl::StrAppend(&path.text, ".",
                    IsPlain(word.Text()) ? word.Text() : QuoteForFilter(word.Text()));
    Step value;
    value.field = entry->map_value();
    value.always_set = true;
    path.steps.push_back(std::move(value));
    return absl::OkStatus();
  }

  Result Compare(const Expression& term, const std::shared_ptr<const Path>& path,
                 Comparator comparator, const Word& word) {
    const size_t begin = term.member[0].begin;
    if (comparator == Comparator::kHas) {
      if (word.IsStar()) return Present(path);
      const Step& last = path->steps.back();
      if (last.kind == Step::Kind::kEach && last.field->is_map()) {
        return Leaf(term, WithField(*path, last.field->message_type()->map_key()), comparator,
                    word);
      }
      if (last.kind == Step::Kind::kField && KindOf(*last.field) == ScalarKind::kMessage &&
          !IsWrapper(*last.field->message_type())) {
        std::vector<Word> member = term.member;
        member.push_back(word);
        auto field = Resolve(member);
        if (!field.ok()) return field.status();
        return Present(*field);
      }
    } else if (!path->single()) {
      return source_.Error(begin,
                           absl::StrCat(path->text,
                                        " leads through a list or map, where only ':' can ask "
                                        "for an entry, not '",
                                        SymbolOf(comparator), "'"));
    }
    return Leaf(term, path, comparator, word);
  }

  static Result Present(const std::shared_ptr<const Path>& path) {
    auto node = std::make_unique<Node>();
    node->kind = Node::Kind::kPresent;
    node->path = path;
    return node;
  }

  // `path` and a field of what it leads to, without a change of its text.
  static std::shared_ptr<const Path> WithField(const Path& path, const FieldDescriptor* field) {
    auto longer = std::make_shared<Path>(path);
    Step step;
    step.field = field;
    step.always_set = true;
    longer->steps.push_back(std::move(step));
    Rebind(*longer);
    return longer;
  }

  // Points text keys at their own step, which may have been copied or moved.
  static void Rebind(Path& path) {
    for (Step& step : path.steps) {
      if (auto* key = std::get_if<std::string_view>(&step.key)) *key = step.key_storage;
    }
  }

  // A comparison with a value.
  Result Leaf(const Expression& term, std::shared_ptr<const Path> path, Comparator comparator,
              const Word& word) {
    const FieldDescriptor* field = &path->leaf();
    if (field->message_type() != nullptr && IsWrapper(*field->message_type())) {
      path = WithField(*path, field->message_type()->FindFieldByNumber(1));
      field = &path->leaf();
    }
    const ScalarKind kind = KindOf(*field);
    if (kind == ScalarKind::kMessage) {
      return source_.Error(term.member[0].begin,
                           absl::StrCat(path->text,
                                        " is a message; compare one of its fields, or "
                                        "ask with ':*' whether it is set"));
    }
    const bool ordered = comparator != Comparator::kEqual && comparator != Comparator::kNotEqual &&
                         comparator != Comparator::kHas;
    if (ordered && (kind == ScalarKind::kBool || kind == ScalarKind::kEnum)) {
      return source_.Error(term.member[0].begin, absl::StrCat(path->text, " is ", NameOf(kind),
                                                              " and has no order; use = or !="));
    }
    auto node = std::make_unique<Node>();
    node->kind = Node::Kind::kCompare;
    // On one value `:` is `=`.
    node->comparator =
        comparator == Comparator::kHas && path->single() ? Comparator::kEqual : comparator;
    auto operand = ParseScalar(word.Text(), *field, node->storage);
    if (!operand.ok()) {
      return source_.Error(word.begin, absl::StrCat(path->text, ": ", operand.status().message()));
    }
    node->operand = *std::move(operand);
    if (kind == ScalarKind::kString && !ordered && word.wildcard()) node->pieces = word.pieces;
    node->path = std::move(path);
    return node;
  }

  const Source& source_;
  const Descriptor& message_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Node>> Check(const Source& source,
                                                  const Expression& expression,
                                                  const Descriptor& message) {
  return Checker(source, message).Build(expression);
}

}  // namespace caravan::api::filter
