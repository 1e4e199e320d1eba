#include <algorithm>

#include "absl/strings/str_cat.h"
#include "clients/cli/changes.h"
#include "clients/cli/commands.h"
#include "clients/cli/printer.h"
#include "clients/cli/value.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::Message;

constexpr int64_t kMaxPage = 1000;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

// What the list is to hold, beside paging: flag and request field.
constexpr std::pair<const char*, const char*> kListFlags[] = {{"filter", "filter"},
                                                              {"order-by", "order_by"},
                                                              {"effective-date", "effective_date"},
                                                              {"parent", "parent"}};

absl::Status ListAll(Session& session, const Collection& collection, const Flags& flags,
                     Printer& printer, int64_t* count) {
  const auto method = collection.Method(StandardMethod::kList);
  if (!method.ok()) return method.status();
  const auto limit = flags.Int("limit", kNoLimit, 1, kNoLimit);
  if (!limit.ok()) return limit.status();
  const auto page_size = flags.Int("page-size", std::min<int64_t>(*limit, 500), 1, kMaxPage);
  if (!page_size.ok()) return page_size.status();
  const auto catalog = session.catalog();
  auto request = (*catalog)->New(*(*method)->input_type());
  for (const auto& [flag, field] : kListFlags) {
    if (!flags.Has(flag)) continue;
    auto status = session.Set(request.get(), field, flags.Get(flag));
    if (!status.ok()) return status;
  }
  if (request->GetDescriptor()->FindFieldByName("parent") != nullptr && !flags.Has("parent")) {
    return UsageError(absl::StrCat(collection.id, " live in another resource (",
                                   collection.patterns[0], "); say in which by --parent"));
  }
  std::string token;
  do {
    auto status = session.Set(request.get(), "page_size", absl::StrCat(*page_size));
    if (status.ok()) status = session.Set(request.get(), "page_token", token);
    if (!status.ok()) return status;
    auto response = session.Call(**method, request.get());
    if (!response.ok()) return response.status();
    const auto* resources = api::RepeatedResource(*(*response)->GetDescriptor());
    const auto* reflection = (*response)->GetReflection();
    const int size = reflection->FieldSize(**response, resources);
    for (int i = 0; i < size && *count < *limit; ++i, ++*count) {
      status = printer.Print(reflection->GetRepeatedMessage(**response, resources, i));
      if (!status.ok()) return status;
    }
    printer.Flush();
    if (!session.out().good()) return absl::OkStatus();
    token = StringField(**response, "next_page_token");
  } while (!token.empty() && *count < *limit);
  return absl::OkStatus();
}

// Prints resources as they change. What was deleted is told on the error
// output: a table of what there is has no row for it.
absl::Status WatchAll(Session& session, const Catalog& catalog, client::ChangeFollower& follower,
                      const std::vector<std::string>& names, int64_t limit, Printer& printer) {
  return Follow(session, follower, [&](const Message& change) -> absl::StatusOr<bool> {
    const std::string name = StringField(change, "resource");
    if (names.size() > 1 && std::find(names.begin(), names.end(), name) == names.end()) return true;
    const auto* after = change.GetDescriptor()->FindFieldByName("after");
    if (!change.GetReflection()->HasField(change, after)) {
      session.err() << name << " was deleted\n";
    } else if (const auto image =
                   catalog.Unpack(change.GetReflection()->GetMessage(change, after))) {
      if (auto status = printer.Print(*image); !status.ok()) return status;
      printer.Flush();
    }
    return --limit > 0 && session.out().good();
  });
}

absl::StatusOr<int> RunGet(Session& session, const Flags& flags) {
  if (flags.args().empty()) return UsageError("get needs a collection, such as pilotZones");
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const bool watch = flags.IsOn("watch");
  if (watch && (*format == Format::kJson)) {
    return UsageError(
        "--watch goes with -o table, wide, yaml or name; `watch -o json` gives the "
        "changes line by line");
  }
  if (watch && (flags.Has("filter") || flags.Has("effective-date"))) {
    return UsageError(
        "--watch follows a whole collection or single resources; for some changes "
        "only, use `caravanctl watch COLLECTION --filter`");
  }
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  // `get pilotZones/hangzhou` is `get pilotZones hangzhou`.
  std::vector<std::string> ids(flags.args().begin() + 1, flags.args().end());
  const Collection* collection = (*catalog)->Owning(flags.args()[0]);
  if (collection != nullptr) {
    ids.insert(ids.begin(), flags.args()[0]);
  } else {
    const auto found = (*catalog)->Find(flags.args()[0]);
    if (!found.ok()) return found.status();
    collection = *found;
  }
  std::vector<std::string> names;
  for (const std::string& id : ids) {
    auto name = collection->NameOf(id, flags.Get("parent"));
    if (!name.ok()) return name.status();
    names.push_back(*std::move(name));
  }
  // Before the list: a change made meanwhile comes twice rather than never.
  std::unique_ptr<client::ChangeFollower> follower;
  if (watch) {
    std::string filter = absl::StrCat("resource_type = ", FilterQuote(collection->type));
    if (names.size() == 1) absl::StrAppend(&filter, " AND resource = ", FilterQuote(names[0]));
    auto made = NewFollower(session, collection, 0, std::move(filter));
    if (!made.ok()) return made.status();
    follower = *std::move(made);
    if (auto status = follower->Begin(); !status.ok()) return status;
  }
  const bool short_names = !collection->IsNested() || flags.Has("parent");
  const auto printer =
      NewPrinter(*format, **catalog, *collection, names.size() != 1, short_names, session.out());
  int code = 0;
  if (names.empty()) {
    int64_t count = 0;
    const auto status = ListAll(session, *collection, flags, *printer, &count);
    if (status.ok() && !watch) printer->Finish();
    if (!status.ok()) {
      // What came before the error is complete as far as it goes.
      if (count > 0) printer->Finish();
      return status;
    }
    if (count == 0) session.err() << "No " << collection->id << " found.\n";
  } else {
    for (const char* flag : {"filter", "order-by", "effective-date"}) {
      if (flags.Has(flag)) {
        return UsageError(absl::StrCat("--", flag, " is for lists, and here resources are named"));
      }
    }
    for (const std::string& name : names) {
      auto resource = session.Get(*collection, name);
      auto status = resource.status();
      if (resource.ok()) status = printer->Print(**resource);
      if (status.ok()) continue;
      PrintError(status, "", session.err());
      if (code == 0) code = ExitCode(status);
    }
    if (watch || (code != 0 && names.size() == 1)) {
      printer->Flush();
    } else {
      printer->Finish();
    }
  }
  if (!watch || code != 0) return code;
  const auto limit = flags.Int("limit", kNoLimit, 1, kNoLimit);
  if (!limit.ok()) return limit.status();
  const auto status = WatchAll(session, **catalog, *follower, names, *limit, *printer);
  if (!status.ok()) return status;
  return 0;
}

absl::StatusOr<int> RunDescribe(Session& session, const Flags& flags) {
  const auto& args = flags.args();
  if (args.empty() || args.size() > 2) return UsageError("describe takes COLLECTION ID");
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const Collection* collection = (*catalog)->Owning(args[0]);
  std::string id = args[0];
  if (collection == nullptr || args.size() == 2) {
    const auto found = (*catalog)->Find(args[0]);
    if (!found.ok()) return found.status();
    if (args.size() < 2) return UsageError(absl::StrCat("describe ", args[0], " needs an id"));
    collection = *found;
    id = args[1];
  }
  const auto name = collection->NameOf(id, flags.Get("parent"));
  if (!name.ok()) return name.status();
  const auto count = flags.Int("changes", 10, 0, kMaxPage);
  if (!count.ok()) return count.status();
  const auto resource = session.Get(*collection, *name);
  if (!resource.ok()) return resource.status();
  DescribeMessage(**catalog, **resource, 0, session.out());
  if (*count == 0) return 0;
  Table table(ChangeHeaders(/*with_resource=*/false), session.out());
  bool any = false;
  const auto add = [&](const Message& change) {
    if (!any) session.out() << "\nRecent changes:\n";
    any = true;
    AddChange(**catalog, change, &table, /*with_resource=*/false);
    return absl::OkStatus();
  };
  const auto status =
      ListChanges(session, collection, absl::StrCat("resource = ", FilterQuote(*name)),
                  "revision desc", *count, add);
  table.Flush();
  // The resource is what was asked for; the feed may be closed to the caller.
  if (!status.ok()) {
    session.Warn(absl::StrCat("its changes cannot be read: ", std::string(status.message())));
  }
  return 0;
}

}  // namespace

Command GetCommand() {
  return {
      .name = "get",
      .arguments = "COLLECTION [ID...]",
      .summary = "show resources: some by name, or all that a filter lets through",
      .details =
          "Shows the resources that are named, else all of the collection, page by page.\n"
          "The collection is written as in resource names (pilotZones), in any spelling.\n",
      .flags = {{"filter", "FILTER", "which: an AIP-160 filter, such as 'batch = 5'"},
                {"order-by", "FIELDS", "order, such as 'approval_date desc, name'"},
                {"effective-date", "DATE", "only what is valid on this legal day (Asia/Shanghai)"},
                {"parent", "NAME", "the resource in which those of the collection live"},
                {"page-size", "N", "how many to ask for at once (500)"},
                {"limit", "N", "how many to show at the most; with --watch: changes"},
                {"watch", "", "go on with what changes", 'w'},
                OutputFlag()},
      .run = RunGet,
      .completes = Completes::kResources};
}

Command DescribeCommand() {
  return {.name = "describe",
          .arguments = "COLLECTION ID",
          .summary = "show all of one resource, with its recent changes",
          .details = "Shows every field that is set, for people, and who changed it lately.\n",
          .flags = {{"parent", "NAME", "the resource in which it lives"},
                    {"changes", "N", "how many recent changes to show (10)"}},
          .run = RunDescribe,
          .completes = Completes::kResources};
}

}  // namespace caravan::cli
