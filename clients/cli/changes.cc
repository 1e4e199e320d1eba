#include "clients/cli/changes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "caravan/api/v1/changes.client.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/value.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Message;

constexpr int64_t kMaxPage = 1000;

// The change as the server's own contract has it: with resources in it that this
// program does not know.
absl::StatusOr<std::unique_ptr<Message>> Adopt(const Catalog& catalog,
                                               const api::v1::Change& change) {
  auto adopted = catalog.contracts().Adopt(change);
  if (adopted != nullptr) return adopted;
  return api::Error(absl::StatusCode::kUnimplemented, "NO_SUCH_METHOD",
                    "the server has no change feed (caravan.api.v1.ChangeService)");
}

std::string Text(const Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? "" : Cell(message, *field);
}

std::unique_ptr<Message> Image(const Catalog& catalog, const Message& change, const char* name) {
  const auto* field = change.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || !change.GetReflection()->HasField(change, field)) return nullptr;
  return catalog.Unpack(change.GetReflection()->GetMessage(change, field));
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
  const auto start = flags.Int("from-revision", 0, 1, kAny);
  if (!start.ok()) return start.status();
  const auto limit = flags.Int("limit", kAny, 1, kAny);
  if (!limit.ok()) return limit.status();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  std::string filter = flags.Get("filter");
  const Collection* collection = nullptr;
  if (!flags.args().empty()) {
    const auto found = (*catalog)->Find(flags.args()[0]);
    if (!found.ok()) return found.status();
    collection = *found;
    filter = And(absl::StrCat("resource_type = ", FilterQuote(collection->type)), filter);
  }
  const auto follower = NewFollower(session, collection, *start, std::move(filter));
  if (!follower.ok()) return follower.status();
  ChangePrinter printer(*format, **catalog, session.out());
  int64_t printed = 0;
  const auto status =
      Follow(session, **follower, [&](const Message& change) -> absl::StatusOr<bool> {
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
  const Collection* collection = (*catalog)->Owning(name);
  if (flags.args().size() == 2) {
    const auto found = (*catalog)->Find(flags.args()[0]);
    if (!found.ok()) return found.status();
    collection = *found;
    auto full = collection->NameOf(flags.args()[1]);
    if (!full.ok()) return full.status();
    name = *full;
  } else if (collection == nullptr) {
    return UsageError(absl::StrCat("\"", name,
                                   "\" is no resource of a collection that the server has; give "
                                   "COLLECTION/ID"));
  }
  ChangePrinter printer(*format, **catalog, session.out());
  int64_t count = 0;
  const auto status =
      ListChanges(session, collection, absl::StrCat("resource = ", FilterQuote(name)),
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

absl::Status ListChanges(Session& session, const Collection* collection, const std::string& filter,
                         const std::string& order, int64_t limit,
                         const std::function<absl::Status(const Message&)>& each) {
  const auto options = session.OptionsOf(collection);
  if (!options.ok()) return options.status();
  const auto connection = session.connection();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  api::v1::ListChangesRequest request;
  request.set_filter(filter);
  request.set_order_by(order);
  request.set_page_size(static_cast<int32_t>(std::min(limit, kMaxPage)));
  const api::v1::ChangeServiceClient client(*connection, *options);
  auto changes = client.ListChanges(std::move(request));
  for (auto it = changes.begin(); limit > 0 && it != changes.end(); --limit) {
    if (!it->ok()) return it->status();
    const auto change = Adopt(**catalog, **it);
    auto status = change.ok() ? each(**change) : change.status();
    if (!status.ok()) return status;
    if (limit > 1) ++it;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<client::ChangeFollower>> NewFollower(Session& session,
                                                                    const Collection* collection,
                                                                    int64_t start,
                                                                    std::string filter) {
  auto options = session.OptionsOf(collection);
  if (!options.ok()) return options.status();
  auto connection = session.connection();
  bool warned = false;
  return std::make_unique<client::ChangeFollower>(
      *connection,
      client::FollowOptions{
          .start_revision = start,
          .filter = std::move(filter),
          .on_interrupted =
              [&session, warned](const absl::Status& why, int64_t revision) mutable {
                if (std::exchange(warned, true)) return;
                session.Warn(absl::StrCat("the feed broke off (",
                                          why.ok() ? "ended" : std::string(why.message()),
                                          "); resuming at revision ", revision));
              },
          .call = *std::move(options)});
}

absl::Status Follow(Session& session, client::ChangeFollower& follower,
                    const std::function<absl::StatusOr<bool>(const Message&)>& each) {
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  while (true) {
    const auto next = follower.Next();
    if (!next.ok()) return next.status();
    const auto change = Adopt(**catalog, *next);
    if (!change.ok()) return change.status();
    const auto go_on = each(**change);
    if (!go_on.ok()) return go_on.status();
    if (!*go_on) return absl::OkStatus();
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
          .run = RunWatch,
          .completes = Completes::kCollections};
}

Command ChangesCommand() {
  return {.name = "changes",
          .arguments = "COLLECTION/ID",
          .summary = "list who changed a resource, when and how",
          .details =
              "Lists the changes of a resource from the audit log, the newest first.\n"
              "With -o json, each change is a line.\n",
          .flags = {{"limit", "N", "how many changes at the most (100)"}, OutputFlag()},
          .run = RunChanges,
          .completes = Completes::kResources};
}

}  // namespace caravan::cli
