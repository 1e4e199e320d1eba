#include "clients/cli/changes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/value.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::MethodDescriptor;

constexpr char kListChanges[] = "caravan.api.v1.ChangeService.ListChanges";
constexpr char kWatchChanges[] = "caravan.api.v1.ChangeService.WatchChanges";
constexpr int64_t kMaxPage = 1000;
constexpr int kMaxFailures = 20;  // some minutes, with the waits between

absl::StatusOr<const MethodDescriptor*> FindMethod(Session& session, const char* name) {
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  if (const auto* method = (*catalog)->FindMethod(name)) return method;
  return api::Error(absl::StatusCode::kUnimplemented, "NO_SUCH_METHOD",
                    absl::StrCat("the server has no change feed (", name, ")"));
}

std::string Text(const Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? "" : Cell(message, *field);
}

int64_t Revision(const Message& change) {
  const auto* field = change.GetDescriptor()->FindFieldByName("revision");
  return field == nullptr ? 0 : change.GetReflection()->GetInt64(change, field);
}

std::unique_ptr<Message> Image(const Catalog& catalog, const Message& change, const char* name) {
  const auto* field = change.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || !change.GetReflection()->HasField(change, field)) return nullptr;
  return catalog.Unpack(change.GetReflection()->GetMessage(change, field));
}

// The stream broke, rather than that the server refused.
bool IsBroken(const absl::Status& status) {
  return status.ok() || IsTransient(status) || status.code() == absl::StatusCode::kInternal ||
         status.code() == absl::StatusCode::kUnknown;
}

std::string And(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a + b;
  return absl::StrCat("(", a, ") AND (", b, ")");
}

// Prints changes in any format, one by one.
class ChangePrinter {
 public:
  ChangePrinter(Format format, const Catalog& catalog, std::ostream& out)
      : format_(format), catalog_(catalog), out_(out), table_(ChangeHeaders(), out) {}

  absl::Status Print(const Message& change) {
    switch (format_) {
      case Format::kJson: {
        auto json = ToJson(change, false);
        if (!json.ok()) return json.status();
        out_ << *json << "\n";
        break;
      }
      case Format::kYaml:
        out_ << "---\n" << ToYaml(catalog_, change);
        break;
      case Format::kName:
        out_ << StringField(change, "resource") << "\n";
        break;
      default:
        AddChange(catalog_, change, &table_);
    }
    return absl::OkStatus();
  }

  void Flush() {
    table_.Flush();
    out_.flush();
  }

 private:
  Format format_;
  const Catalog& catalog_;
  std::ostream& out_;
  Table table_;
};

absl::StatusOr<int> RunWatch(Session& session, const Flags& flags) {
  if (flags.args().size() > 1) return UsageError("watch takes one collection at the most");
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  auto start = flags.Int("from-revision", 0, 1, kAny);
  if (!start.ok()) return start.status();
  const auto limit = flags.Int("limit", kAny, 1, kAny);
  if (!limit.ok()) return limit.status();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  std::string filter = flags.Get("filter");
  if (!flags.args().empty()) {
    const auto collection = (*catalog)->Find(flags.args()[0]);
    if (!collection.ok()) return collection.status();
    filter = And(absl::StrCat("resource_type = ", FilterQuote((*collection)->type)), filter);
  }
  if (*start == 0) {
    start = NextRevision(session);
    if (!start.ok()) return start.status();
  }
  ChangePrinter printer(*format, **catalog, session.out());
  int64_t printed = 0;
  const auto status =
      Follow(session, *start, filter, [&](const Message& change) -> absl::StatusOr<bool> {
        if (auto status = printer.Print(change); !status.ok()) return status;
        printer.Flush();
        // Nobody reads any more: the end of a pipe.
        return ++printed < *limit && session.out().good();
      });
  if (!status.ok()) return status;
  return 0;
}

absl::StatusOr<int> RunChanges(Session& session, const Flags& flags) {
  if (flags.args().empty() || flags.args().size() > 2) {
    return UsageError("changes takes a resource: COLLECTION/ID, or COLLECTION ID");
  }
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto limit = flags.Int("limit", 100, 1, 1'000'000);
  if (!limit.ok()) return limit.status();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  std::string name = flags.args()[0];
  if (flags.args().size() == 2) {
    const auto collection = (*catalog)->Find(flags.args()[0]);
    if (!collection.ok()) return collection.status();
    auto full = (*collection)->NameOf(flags.args()[1]);
    if (!full.ok()) return full.status();
    name = *full;
  } else if ((*catalog)->Owning(name) == nullptr) {
    return UsageError(absl::StrCat("\"", name,
                                   "\" is no resource of a collection that the server has; give "
                                   "COLLECTION/ID"));
  }
  ChangePrinter printer(*format, **catalog, session.out());
  int64_t count = 0;
  const auto status = ListChanges(session, absl::StrCat("resource = ", FilterQuote(name)),
                                  "revision desc", *limit, [&](const Message& change) {
                                    ++count;
                                    return printer.Print(change);
                                  });
  printer.Flush();
  if (!status.ok()) return status;
  if (count == 0) session.err() << "No changes of " << name << " found.\n";
  return 0;
}

}  // namespace

std::string FilterQuote(std::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

absl::Status ListChanges(Session& session, const std::string& filter, const std::string& order,
                         int64_t limit, const std::function<absl::Status(const Message&)>& each) {
  const auto method = FindMethod(session, kListChanges);
  if (!method.ok()) return method.status();
  const auto catalog = session.catalog();
  auto request = (*catalog)->New(*(*method)->input_type());
  std::string token;
  do {
    for (const auto& [field, value] : {std::pair<std::string, std::string>{"filter", filter},
                                       {"order_by", order},
                                       {"page_size", absl::StrCat(std::min(limit, kMaxPage))},
                                       {"page_token", token}}) {
      if (auto status = session.Set(request.get(), field, value); !status.ok()) return status;
    }
    auto response = session.Call(**method, request.get());
    if (!response.ok()) return response.status();
    const auto* changes = (*response)->GetDescriptor()->FindFieldByName("changes");
    const int size =
        changes == nullptr ? 0 : (*response)->GetReflection()->FieldSize(**response, changes);
    for (int i = 0; i < size && limit > 0; ++i, --limit) {
      const auto status =
          each((*response)->GetReflection()->GetRepeatedMessage(**response, changes, i));
      if (!status.ok()) return status;
    }
    token = StringField(**response, "next_page_token");
  } while (!token.empty() && limit > 0);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> NextRevision(Session& session) {
  int64_t next = 0;
  const auto status = ListChanges(session, "", "revision desc", 1, [&](const Message& change) {
    next = Revision(change) + 1;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return next;
}

absl::Status Follow(Session& session, int64_t start, const std::string& filter,
                    const std::function<absl::StatusOr<bool>(const Message&)>& each) {
  const auto method = FindMethod(session, kWatchChanges);
  if (!method.ok()) return method.status();
  const auto client = session.client();
  const auto catalog = session.catalog();
  auto request = (*catalog)->New(*(*method)->input_type());
  auto change = (*catalog)->New(*(*method)->output_type());
  if (auto status = session.Set(request.get(), "filter", filter); !status.ok()) return status;
  if (auto status = session.Set(request.get(), "send_progress", "true"); !status.ok()) {
    return status;
  }
  for (int failures = 0;;) {
    auto status = session.Set(request.get(), "start_revision", absl::StrCat(start));
    if (!status.ok()) return status;
    const auto stream = (*client)->Open(**method, *request);
    while (true) {
      const auto more = stream->Read(change.get());
      if (!more.ok()) return more.status();
      if (!*more) break;
      failures = 0;
      start = std::max(start, Revision(*change) + 1);
      // Progress alone: how far the feed has come, but no change.
      if (StringField(*change, "resource").empty()) continue;
      const auto go_on = each(*change);
      if (!go_on.ok()) return go_on.status();
      if (!*go_on) return absl::OkStatus();
    }
    status = stream->Finish();
    if (!IsBroken(status)) return status;
    // A server that is being replaced is soon back; one that is gone is not.
    if (++failures > kMaxFailures) {
      return status.ok() ? absl::UnavailableError("the server keeps ending the feed") : status;
    }
    if (failures == 1) {
      session.Warn(absl::StrCat(
          "the feed broke off (", status.ok() ? "ended" : std::string(status.message()),
          "); resuming", start > 0 ? absl::StrCat(" at revision ", start) : ""));
    }
    (*client)->settings().sleep(RetryDelay(status, failures));
  }
}

std::string WhatChanged(const Catalog& catalog, const Message& change) {
  const auto before = Image(catalog, change, "before");
  const auto after = Image(catalog, change, "after");
  if (before == nullptr || after == nullptr || before->GetDescriptor() != after->GetDescriptor()) {
    return "";
  }
  std::vector<std::string> parts;
  const auto* descriptor = before->GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto& field = *descriptor->field(i);
    // These differ after every change.
    if (field.name() == "etag" || field.name() == "update_time") continue;
    const std::string old_value = Cell(*before, field);
    const std::string new_value = Cell(*after, field);
    if (old_value == new_value) continue;
    parts.push_back(absl::StrCat(field.name(), ": ", old_value.empty() ? "-" : old_value, " -> ",
                                 new_value.empty() ? "-" : new_value));
  }
  return absl::StrJoin(parts, "; ");
}

std::vector<std::string> ChangeHeaders(bool with_resource) {
  std::vector<std::string> headers = {"REVISION", "TIME", "KIND", "ACTOR", "METHOD", "CHANGED"};
  if (with_resource) headers.insert(headers.begin() + 3, "RESOURCE");
  return headers;
}

void AddChange(const Catalog& catalog, const Message& change, Table* table, bool with_resource) {
  const std::string method = Text(change, "method");
  std::vector<std::string> cells = {Text(change, "revision"),       Text(change, "commit_time"),
                                    Text(change, "kind"),           Text(change, "actor"),
                                    std::string(ShortName(method)), WhatChanged(catalog, change)};
  if (with_resource) cells.insert(cells.begin() + 3, Text(change, "resource"));
  table->Add(std::move(cells));
}

Command WatchCommand() {
  return {.name = "watch",
          .arguments = "[COLLECTION]",
          .summary = "follow the changes of a collection, or of all",
          .details =
              "Prints each change as it is committed, in order, from the next one on or from\n"
              "--from-revision. Where the connection breaks, it goes on after the last change\n"
              "that was printed. With -o json, each change is a line.\n",
          .flags = {{"from-revision", "N", "the first revision to print"},
                    {"filter", "FILTER", "which changes: an AIP-160 filter over their fields"},
                    {"limit", "N", "stop after so many changes"},
                    OutputFlag()},
          .run = RunWatch};
}

Command ChangesCommand() {
  return {.name = "changes",
          .arguments = "COLLECTION/ID",
          .summary = "list who changed a resource, when and how",
          .details =
              "Lists the changes of a resource from the audit log, the newest first.\n"
              "With -o json, each change is a line.\n",
          .flags = {{"limit", "N", "how many changes at the most (100)"}, OutputFlag()},
          .run = RunChanges};
}

}  // namespace caravan::cli
