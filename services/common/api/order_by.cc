#include "services/common/api/order_by.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/api/scalar.h"
#include "services/common/api/text.h"

namespace caravan::api {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

namespace {

constexpr size_t kMostTerms = 16;

// What is wrong with a path; empty: nothing.
std::string CheckPath(const std::string& path, const Descriptor& message) {
  const Descriptor* type = &message;
  const FieldDescriptor* leaf = nullptr;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(path, '.'))) {
    if (type == nullptr) {
      return absl::StrCat(leaf->name(), " is ", NameOf(KindOf(*leaf)), ", and has no field ",
                          Quoted(name));
    }
    leaf = type->FindFieldByName(name);
    if (leaf == nullptr) return NoSuchField(*type, name);
    if (leaf->is_repeated())
      return absl::StrCat(Quoted(path), " leads to a list, which has no order");
    type = leaf->message_type();
  }
  if (KindOf(*leaf) == ScalarKind::kMessage && !IsWrapper(*type)) {
    return absl::StrCat(Quoted(path), " is a message; order by one of its fields");
  }
  return "";
}

}  // namespace

absl::StatusOr<std::vector<OrderTerm>> ParseOrderBy(std::string_view text,
                                                    const Descriptor* message,
                                                    std::string_view field) {
  const auto error = [&](std::string_view what) -> absl::Status {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_ORDER_BY",
                 absl::StrCat(field, ": ", what))
        .Field(field, std::string(what));
  };
  std::vector<OrderTerm> terms;
  if (absl::StripAsciiWhitespace(text).empty()) return terms;
  for (const std::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> words =
        absl::StrSplit(part, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
    if (words.empty()) return error("a field is missing beside a comma");
    const bool directed = words.size() == 2 && (words[1] == "asc" || words[1] == "desc");
    if (words.size() > 1 && !directed) {
      return error(absl::StrCat(Quoted(absl::StripAsciiWhitespace(part)),
                                " is not a field, or a field and 'desc'"));
    }
    if (std::string what = CheckPath(words[0], *message); !what.empty()) {
      return error(std::move(what));
    }
    if (std::any_of(terms.begin(), terms.end(),
                    [&](const OrderTerm& term) { return term.path == words[0]; })) {
      return error(absl::StrCat(Quoted(words[0]), " comes twice"));
    }
    if (terms.size() == kMostTerms) {
      return error(absl::StrCat("it has more than ", kMostTerms, " fields"));
    }
    terms.push_back({.path = words[0], .descending = directed && words[1] == "desc"});
  }
  return terms;
}

}  // namespace caravan::api
