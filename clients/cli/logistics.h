// The verbs of `caravanctl logistics`, each in a file of its own: logistics_*.cc.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "clients/cli/enum_flag.h"
#include "clients/cli/flags.h"
#include "clients/cli/progress.h"
#include "clients/cli/session.h"

namespace caravan::cli {

// The exit codes of these are those of all commands; 2 also where rows were refused.
absl::StatusOr<int> ImportEventFiles(Session& session, const Flags& flags);
absl::StatusOr<int> AnnounceParcels(Session& session, const Flags& flags);
absl::StatusOr<int> ShowScorecard(Session& session, const Flags& flags);
absl::StatusOr<int> ListScorecards(Session& session, const Flags& flags);
absl::StatusOr<int> CompareCouriers(Session& session, const Flags& flags);
absl::StatusOr<int> TrackParcel(Session& session, const Flags& flags);
absl::StatusOr<int> WatchLogistics(Session& session, const Flags& flags);

// Tells of rows that were refused: on the screen, and in the file of --errors, where
// there is one.
class RowProblems {
 public:
  explicit RowProblems(Session& session) : session_(session) {}

  // Begins the file of errors, where one is asked for.
  absl::Status Open(const Flags& flags);
  void Report(const std::string& file, int64_t line, std::string_view reason,
              std::string_view message, Progress& progress);
  absl::Status Flush();

  int64_t count() const { return count_; }

 private:
  Session& session_;
  std::ofstream out_;
  int64_t count_ = 0;
};

// The full name of a resource of a collection that is known by its plural: `nordkurier` is
// `partners/nordkurier`.
std::string NameIn(std::string_view plural, std::string_view id);

// A name of an enum for people: `first attempt`.
std::string Words(std::string_view enum_name);

// `93.12 %` of `0.931234`, rounded half up.
std::string Percent(std::string_view decimal);
// `3d 4h`, `4h 5m`, `5m 20s`.
std::string Span(int64_t seconds);

// A scorecard for people, and the question that asks for it: --courier partners/x and the
// like, with --month 2024-08, --week 2024-08-05, --day 2024-08-05 or --from and --until.
void PrintScorecard(const logistics::v1::Scorecard& scorecard, std::ostream& out);
absl::StatusOr<logistics::v1::ComputeScorecardRequest> ScorecardQuestion(const Flags& flags);
bool AsksForScorecard(const Flags& flags);

// The days of --month and the like: the first, and the day behind the last.
struct Days {
  google::type::Date begin, end;
};
absl::StatusOr<Days> DaysOf(const Flags& flags);

}  // namespace caravan::cli
