// `logistics announce`: parcels, and links of their further numbers, from a file.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "caravan/client/errors.h"
#include "caravan/logistics/v1/parcels.client.h"
#include "clients/cli/event_file.h"
#include "clients/cli/logistics.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

namespace v1 = logistics::v1;

constexpr size_t kBatch = 500;
// Calls that are under way side by side, where there is no call for many.
constexpr size_t kCallers = 8;

class Announcer {
 public:
  Announcer(Session& session, const Flags& flags,
            const std::shared_ptr<client::Connection>& connection)
      : session_(session), flags_(flags), parcels_(connection), problems_(session) {}

  absl::StatusOr<int> Run();

 private:
  template <class Request>
  struct Row {
    int64_t line = 0;
    Request request;
  };

  absl::Status AnnounceFile(const std::string& file);
  absl::Status Read(const std::string& file, const LineReader& reader, const std::string& line,
                    Progress& progress);
  absl::Status Send(const std::string& file, Progress& progress);
  // Makes a call for each row, and reports those that are refused. An error of the
  // connection ends it.
  template <class Request, class Call>
  absl::Status CallEach(const std::string& file, const std::vector<Row<Request>>& rows, Call call,
                        int64_t* done, Progress& progress);

  Session& session_;
  const Flags& flags_;
  const v1::ParcelServiceClient parcels_;
  RowProblems problems_;
  std::vector<Row<v1::CreateParcelRequest>> announcements_;
  std::vector<Row<v1::LinkTrackingNumberRequest>> links_;
  int64_t announced_ = 0;
  int64_t linked_ = 0;
};

// Whether the server has looked at the row and said no, rather than not being there.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<int> Announcer::Run() {
  const std::vector<std::string> files(flags_.args().begin() + 1, flags_.args().end());
  if (files.empty()) return UsageError("logistics announce takes a file, or several");
  if (auto status = problems_.Open(flags_); !status.ok()) return status;
  for (const std::string& file : files) {
    if (auto status = AnnounceFile(file); !status.ok()) return status;
  }
  if (auto status = problems_.Flush(); !status.ok()) return status;
  session_.out() << announced_ << " parcels are announced, " << linked_
                 << " tracking numbers linked, " << problems_.count() << " rows refused.\n";
  return problems_.count() > 0 ? 2 : 0;
}

absl::Status Announcer::AnnounceFile(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || !std::filesystem::is_regular_file(file)) {
    return UsageError(absl::StrCat("cannot read ", file));
  }
  Progress progress(session_.environment(), static_cast<int64_t>(std::filesystem::file_size(file)));
  LineReader reader(in);
  absl::Status status;
  for (std::string line; status.ok() && reader.Next(&line);) {
    if (absl::StripAsciiWhitespace(line).empty() && !reader.too_long()) continue;
    status = Read(file, reader, line, progress);
  }
  if (status.ok()) status = Send(file, progress);
  progress.Clear();
  if (!status.ok()) {
    session_.err() << file << ": stopped at line " << reader.line()
                   << "; the same command may be given again.\n";
  }
  return status;
}

// An announcement has a parcel, a link the name of one.
absl::Status Announcer::Read(const std::string& file, const LineReader& reader,
                             const std::string& line, Progress& progress) {
  v1::CreateParcelRequest announcement;
  const absl::Status no_announcement = ParseJsonLine(reader, line, &announcement);
  if (no_announcement.ok()) {
    announcements_.push_back({reader.line(), std::move(announcement)});
  } else {
    v1::LinkTrackingNumberRequest link;
    const absl::Status no_link = ParseJsonLine(reader, line, &link);
    if (!no_link.ok()) {
      const bool is_link = !absl::StrContains(line, "\"parcel\"");
      problems_.Report(file, reader.line(), "BAD_JSON",
                       (is_link ? no_link : no_announcement).message(), progress);
      return absl::OkStatus();
    }
    links_.push_back({reader.line(), std::move(link)});
  }
  if (announcements_.size() < kBatch && links_.size() < kBatch) return absl::OkStatus();
  absl::Status status = Send(file, progress);
  progress.Update(reader.offset(), announced_ + linked_, problems_.count());
  return status;
}

template <class Request, class Call>
absl::Status Announcer::CallEach(const std::string& file, const std::vector<Row<Request>>& rows,
                                 Call call, int64_t* done, Progress& progress) {
  std::vector<absl::Status> statuses(rows.size());
  std::atomic<size_t> next = 0;
  std::vector<std::thread> callers;
  for (size_t i = 0; i < std::min(kCallers, rows.size()); ++i) {
    callers.emplace_back([&] {
      for (size_t row = next++; row < rows.size(); row = next++) {
        statuses[row] = call(rows[row].request);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (statuses[i].ok()) {
      ++*done;
    } else if (IsRefusal(statuses[i])) {
      problems_.Report(file, rows[i].line, client::ReasonOf(statuses[i]), statuses[i].message(),
                       progress);
    } else {
      return statuses[i];
    }
  }
  return absl::OkStatus();
}

// Announcements first: links may be of their parcels.
absl::Status Announcer::Send(const std::string& file, Progress& progress) {
  const auto announcements = std::exchange(announcements_, {});
  const auto links = std::exchange(links_, {});
  absl::Status status;
  if (!announcements.empty()) {
    v1::BatchCreateParcelsRequest batch;
    for (const auto& row : announcements) *batch.add_requests() = row.request;
    status = parcels_.BatchCreateParcels(batch).status();
    if (status.ok()) {
      announced_ += static_cast<int64_t>(announcements.size());
    } else if (IsRefusal(status)) {
      // Where one is wrong, none is announced: each by itself says which.
      status = CallEach(
          file, announcements,
          [&](const v1::CreateParcelRequest& request) {
            return parcels_.CreateParcel(request).status();
          },
          &announced_, progress);
    }
    if (!status.ok()) return status;
  }
  return CallEach(
      file, links,
      [&](const v1::LinkTrackingNumberRequest& request) {
        return parcels_.LinkTrackingNumber(request).status();
      },
      &linked_, progress);
}

}  // namespace

absl::StatusOr<int> AnnounceParcels(Session& session, const Flags& flags) {
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  return Announcer(session, flags, *connection).Run();
}

}  // namespace caravan::cli
