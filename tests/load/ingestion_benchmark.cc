// Tracking events a second, acknowledged as durable over a stream with scorecards kept,
// in turns with the engine's own bulk insert (SQLite) or COPY (PostgreSQL) of the same
// rows with one index; then how long scorecards take, and a like question in SQL over the
// yardstick's rows.
//
//   ingestion_benchmark <store> <yardstick> <events> <events in a line of the report>
//
// for example `ingestion_benchmark sqlite:/tmp/b.db /tmp/yardstick.db 1000000 200000`, or with
// PostgreSQL `postgresql:host=... dbname=...` and the yardstick `host=... dbname=...`. Both
// are new. The service is a process of its own, whose memory is told; client and generator share
// its cores, but the generator rests while the clock runs. The service's time is that of the
// stream. Turns are of 100,000 events: announcements, the stream, late announcements, and the
// yardstick, one behind the other. A number that a parcel gets at hand-over is announced with it:
// so many links by themselves would take longer than all else.
#include <libpq-fe.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "caravan/logistics/v1/working_calendars.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/support/sync_stream.h"
#include "services/common/testing/random.h"
#include "services/common/testing/test_server.h"
#include "services/logistics/logistics.h"
#include "services/logistics/testing/stream_generator.h"

namespace caravan::load {
namespace {

namespace v1 = logistics::v1;
using logistics::testing::StreamGenerator;
using logistics::testing::StreamItem;

constexpr int64_t kEventsOfTurn = 100'000;
constexpr int kAnnounced = 1000;  // at once
constexpr int kQueries = 1000;
// Parcels set out in two years, so that twenty couriers have 480 months of them.
constexpr absl::CivilMonth kBegin(2024, 9);
constexpr int kMonths = 24;

void NeedOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <class T>
T Need(absl::StatusOr<T> result) {
  NeedOk(result.status());
  return *std::move(result);
}

double Seconds(absl::Time since) { return absl::ToDoubleSeconds(absl::Now() - since); }

// The service, in a process of its own for as long as this lives. Makes that process by
// fork(), so there may be no thread before.
class ServiceProcess {
 public:
  explicit ServiceProcess(std::string store) : now_(SharedClock()) {
    int to_child[2], from_child[2];
    if (pipe(to_child) != 0 || pipe(from_child) != 0 || (pid_ = fork()) < 0) {
      std::perror("fork");
      std::exit(1);
    }
    if (pid_ == 0) {
      close(to_child[1]);
      close(from_child[0]);
      Serve(std::move(store), to_child[0], from_child[1]);
    }
    close(to_child[0]);
    close(from_child[1]);
    lives_ = to_child[1];
    std::string address;
    char byte;
    while (read(from_child[0], &byte, 1) == 1) address.push_back(byte);
    close(from_child[0]);
    if (address.empty()) std::exit(1);
    caller_ = std::make_unique<testing::Caller>(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }
  ~ServiceProcess() {
    caller_.reset();
    close(lives_);
    waitpid(pid_, nullptr, 0);
  }

  const testing::Caller& caller() const { return *caller_; }

  void AdvanceTo(absl::Time now) { *now_ = std::max<int64_t>(*now_, absl::ToUnixMicros(now)); }

  // Of that process, now.
  int64_t MemoryMiB() const {
    int64_t pages = 0, resident = 0;
    std::ifstream(absl::StrCat("/proc/", pid_, "/statm")) >> pages >> resident;
    return resident * sysconf(_SC_PAGESIZE) >> 20;
  }

 private:
  using SharedMicros = std::atomic<int64_t>;

  static SharedMicros* SharedClock() {
    void* page = mmap(nullptr, sizeof(SharedMicros), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
      std::perror("mmap");
      std::exit(1);
    }
    return new (page)
        SharedMicros(absl::ToUnixMicros(absl::FromUnixSeconds(1725148800)));  // 2024-09-01
  }

  // Until nobody holds the other end of `lives`.
  [[noreturn]] void Serve(std::string store, int lives, int told) const {
    auto server =
        testing::TestServer::Start({.definition = logistics::LogisticsDefinition(),
                                    .access = testing::PolicyOf({{"users/admin", "*"}}),
                                    .store = std::move(store),
                                    .clock = [now = now_] { return absl::FromUnixMicros(*now); },
                                    .adjust =
                                        [](settings::ServerSettings& settings) {
                                          settings.add_peer("zones=unix:/nonexistent/zones.sock");
                                        }});
    const std::string& address = server->address();
    if (write(told, address.data(), address.size()) == static_cast<ssize_t>(address.size())) {
      close(told);
      char byte;
      while (read(lives, &byte, 1) > 0) {
      }
    }
    server.reset();
    _exit(0);
  }

  SharedMicros* const now_;
  pid_t pid_ = 0;
  int lives_ = -1;
  std::unique_ptr<testing::Caller> caller_;
};

// What is inserted of an event by the yardstick.
struct RawEvent {
  const std::string* carrier;
  const v1::TrackingEvent* event;
};

class Yardstick {
 public:
  virtual ~Yardstick() = default;
  // Inserts rows in transactions of the service's batches' size, each durable.
  virtual void Insert(const std::vector<RawEvent>& rows, size_t at_once) = 0;
  // Asks for the days between first and last event by carrier and month: how many, the
  // share within five days, p50 and p90. That is less than a scorecard's question, which
  // knows milestones, commitments and corrections. How many groups there are.
  virtual int Ask() = 0;
};

class SqliteYardstick : public Yardstick {
 public:
  explicit SqliteYardstick(const std::string& path) {
    Check(sqlite3_open(path.c_str(), &db_));
    for (const char* sql :
         {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -262144",
          "CREATE TABLE events (carrier TEXT, number TEXT, event_id TEXT, code TEXT, place TEXT, "
          "time TEXT, receipt INTEGER, correction INTEGER)",
          "CREATE INDEX by_number ON events (number)"}) {
      Check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr));
    }
    Check(sqlite3_prepare_v2(db_, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", -1,
                             &insert_, nullptr));
  }
  ~SqliteYardstick() override {
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
  }

  void Insert(const std::vector<RawEvent>& rows, size_t at_once) override {
    for (size_t begin = 0; begin < rows.size(); begin += at_once) {
      Check(sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr));
      for (size_t i = begin; i < std::min(rows.size(), begin + at_once); ++i) {
        const v1::TrackingEvent& event = *rows[i].event;
        Bind(1, *rows[i].carrier);
        Bind(2, event.tracking_number());
        Bind(3, event.event_id());
        Bind(4, event.code());
        Bind(5, event.place());
        Bind(6, event.event_time());
        sqlite3_bind_int64(insert_, 7, event.receipt_time().seconds());
        sqlite3_bind_int64(insert_, 8, event.correction());
        if (sqlite3_step(insert_) != SQLITE_DONE) Check(SQLITE_ERROR);
        sqlite3_reset(insert_);
      }
      Check(sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr));
    }
  }

  int Ask() override {
    sqlite3_stmt* ask = nullptr;
    Check(sqlite3_prepare_v2(
        db_,
        "WITH legs AS (SELECT carrier, strftime('%Y-%m', max(receipt), 'unixepoch') AS month, "
        "max(receipt) - min(receipt) AS took FROM events GROUP BY carrier, number), "
        "ranked AS (SELECT carrier, month, took, row_number() OVER (PARTITION BY carrier, month "
        "ORDER BY took) AS rank, count(*) OVER (PARTITION BY carrier, month) AS n FROM legs) "
        "SELECT carrier, month, n, avg(took <= 432000), min(CASE WHEN rank >= 0.5 * n THEN took "
        "END), min(CASE WHEN rank >= 0.9 * n THEN took END) FROM ranked GROUP BY carrier, month",
        -1, &ask, nullptr));
    int groups = 0;
    int code = SQLITE_OK;
    for (; (code = sqlite3_step(ask)) == SQLITE_ROW; ++groups) {
    }
    sqlite3_finalize(ask);
    if (code != SQLITE_DONE) Check(code);
    return groups;
  }

 private:
  void Bind(int column, const std::string& text) {
    sqlite3_bind_text(insert_, column, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  void Check(int code) {
    if (code == SQLITE_OK) return;
    std::fprintf(stderr, "%s\n", sqlite3_errmsg(db_));
    std::exit(1);
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

class PostgresYardstick : public Yardstick {
 public:
  explicit PostgresYardstick(const std::string& conninfo)
      : connection_(PQconnectdb(conninfo.c_str())) {
    Execute(
        "CREATE TABLE yardstick_events (carrier text, number text, event_id text, code text, "
        "place text, time text, receipt bigint, correction int)");
    Execute("CREATE INDEX yardstick_by_number ON yardstick_events (number)");
  }
  ~PostgresYardstick() override {
    Execute("DROP TABLE yardstick_events");
    PQfinish(connection_);
  }

  void Insert(const std::vector<RawEvent>& rows, size_t at_once) override {
    for (size_t begin = 0; begin < rows.size(); begin += at_once) {
      Execute("COPY yardstick_events FROM STDIN", PGRES_COPY_IN);
      std::string text;
      for (size_t i = begin; i < std::min(rows.size(), begin + at_once); ++i) {
        const v1::TrackingEvent& event = *rows[i].event;
        absl::StrAppend(&text, *rows[i].carrier, "\t", event.tracking_number(), "\t",
                        event.event_id(), "\t", event.code(), "\t", event.place(), "\t",
                        event.event_time());
        absl::StrAppend(&text, "\t", event.receipt_time().seconds(), "\t", event.correction(),
                        "\n");
      }
      if (PQputCopyData(connection_, text.data(), static_cast<int>(text.size())) != 1 ||
          PQputCopyEnd(connection_, nullptr) != 1) {
        Fail();
      }
      PGresult* result = PQgetResult(connection_);
      if (PQresultStatus(result) != PGRES_COMMAND_OK) Fail();
      PQclear(result);
      PQgetResult(connection_);
    }
  }

  int Ask() override {
    PGresult* result = PQexec(
        connection_,
        "SELECT carrier, month, count(*), avg((took <= 432000)::int), "
        "percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY took) FROM (SELECT carrier, "
        "date_trunc('month', to_timestamp(max(receipt))) AS month, max(receipt) - min(receipt) "
        "AS took FROM yardstick_events GROUP BY carrier, number) AS legs GROUP BY carrier, month");
    if (PQresultStatus(result) != PGRES_TUPLES_OK) Fail();
    const int groups = PQntuples(result);
    PQclear(result);
    return groups;
  }

 private:
  void Execute(const char* sql, ExecStatusType expected = PGRES_COMMAND_OK) {
    PGresult* result = PQexec(connection_, sql);
    if (PQresultStatus(result) != expected) Fail();
    PQclear(result);
  }
  [[noreturn]] void Fail() {
    std::fprintf(stderr, "%s\n", PQerrorMessage(connection_));
    std::exit(1);
  }

  PGconn* connection_;
};

// The vocabularies of the reference data.
std::vector<v1::TrackingVocabulary> Vocabularies() {
  std::map<std::string, v1::TrackingVocabulary> vocabularies;
  const auto for_each_row = [](const char* file, auto row) {
    std::ifstream in(absl::StrCat(CARAVAN_REFERENCE_DATA, "/", file));
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) row(std::vector<std::string>(absl::StrSplit(line, ',')));
  };
  for_each_row("tracking_vocabularies.csv", [&](const std::vector<std::string>& cells) {
    v1::TrackingVocabulary& vocabulary = vocabularies[cells[0]];
    vocabulary.set_name(absl::StrCat("trackingVocabularies/", cells[0]));
    vocabulary.set_display_name(cells[0]);
    vocabulary.set_time_rule(cells[1]);
  });
  for_each_row("tracking_codes.csv", [&](const std::vector<std::string>& cells) {
    auto& code = *vocabularies.at(cells[0]).add_codes();
    code.set_code(cells[1]);
    v1::TrackingStatus status = v1::UNKNOWN;
    v1::TrackingReason reason = v1::TRACKING_REASON_UNSPECIFIED;
    v1::TrackingStatus_Parse(cells[2], &status);
    v1::TrackingReason_Parse(cells[3], &reason);
    code.set_status(status);
    code.set_reason(reason);
  });
  std::vector<v1::TrackingVocabulary> all;
  for (auto& [id, vocabulary] : vocabularies) all.push_back(std::move(vocabulary));
  return all;
}

class Benchmark {
 public:
  Benchmark(ServiceProcess& service, Yardstick& yardstick, int64_t events)
      : service_(service), yardstick_(yardstick), generator_(Options(events)) {
    GatherLinks(events);
    for (const v1::TrackingVocabulary& vocabulary : Vocabularies()) {
      v1::CreateTrackingVocabularyRequest request;
      request.set_tracking_vocabulary_id(vocabulary.name().substr(vocabulary.name().find('/') + 1));
      *request.mutable_tracking_vocabulary() = vocabulary;
      Call<v1::TrackingVocabulary>("TrackingVocabularyService/CreateTrackingVocabulary", request);
    }
    const logistics::testing::StreamWorld& world = generator_.world();
    for (const auto& calendar : world.calendar_register) {
      v1::CreateWorkingCalendarRequest request;
      request.set_working_calendar_id(calendar.name().substr(calendar.name().find('/') + 1));
      *request.mutable_working_calendar() = calendar;
      Call<v1::WorkingCalendar>("WorkingCalendarService/CreateWorkingCalendar", request);
    }
    for (const auto& partner : world.partner_register) {
      v1::CreatePartnerRequest request;
      request.set_partner_id(partner.name().substr(partner.name().find('/') + 1));
      *request.mutable_partner() = partner;
      Call<v1::Partner>("PartnerService/CreatePartner", request);
      if (std::find(partner.kinds().begin(), partner.kinds().end(), v1::Partner::COURIER) !=
          partner.kinds().end()) {
        couriers_.push_back(partner.name());
      }
    }
    for (const auto& lane : world.lane_register) {
      v1::CreateLaneRequest request;
      request.set_lane_id(lane.name().substr(lane.name().find('/') + 1));
      *request.mutable_lane() = lane;
      Call<v1::Lane>("LaneService/CreateLane", request);
    }
    v1::LoadPartnershipsRequest request;
    for (const auto& partnership : world.partnership_register) {
      *request.add_partnerships() = partnership;
    }
    Call<v1::LoadPartnershipsResponse>("PartnershipService/LoadPartnerships", request);
  }

  // Takes in so many events, and inserts the same ones into the yardstick, in turns; a line
  // of the report tells of `in_line` events.
  void Run(int64_t events, int64_t in_line) {
    std::printf("%12s %14s %14s %7s %10s\n", "events", "events/s", "yardstick/s", "ratio", "MiB");
    double all_service = 0, all_raw = 0;
    int64_t done = 0;
    for (int64_t end = 0; done < events;) {
      end = std::min(end + in_line, events);
      const int64_t before = done;
      double service = 0, raw = 0;
      while (done < end && Gather(std::min(kEventsOfTurn, end - done))) {
        done += gathered_;
        service += Stream();
        raw += InsertRaw();
      }
      if (done == before) break;
      std::printf("%12lld %14.0f %14.0f %7.2f %10lld\n", static_cast<long long>(done),
                  static_cast<double>(done - before) / service,
                  static_cast<double>(done - before) / raw, raw / service,
                  static_cast<long long>(service_.MemoryMiB()));
      std::fflush(stdout);
      all_service += service;
      all_raw += raw;
    }
    std::printf("%12s %14.0f %14.0f %7.2f\n", "all", static_cast<double>(done) / all_service,
                static_cast<double>(done) / all_raw, all_raw / all_service);
    std::printf("%lld batches, %lld parcels announced; seconds besides: generating %.0f, ",
                static_cast<long long>(all_batches_), static_cast<long long>(all_announced_),
                generating_);
    std::printf("announcing %.0f\n", announcing_);
  }

  // How long a scorecard of a courier and month takes, and all of them.
  void Ask() {
    testing::Random random(7);
    std::vector<double> times;
    for (int i = 0; i < kQueries; ++i) {
      v1::ComputeScorecardRequest request;
      request.set_dimension(v1::COURIER);
      request.set_value(random.Pick(couriers_));
      SetMonth(kBegin + static_cast<int>(random.Below(kMonths)), request.mutable_begin_date());
      const absl::Time start = absl::Now();
      Call<v1::Scorecard>("ScorecardService/ComputeScorecard", request);
      times.push_back(1e3 * Seconds(start));
    }
    std::sort(times.begin(), times.end());
    std::printf("one courier, one month: p50 %.2f ms, p99 %.2f ms\n", times[kQueries / 2],
                times[kQueries * 99 / 100]);
    times.clear();
    int groups = 0;
    for (int i = 0; i < 20; ++i) {
      v1::QueryScorecardsRequest request;
      request.set_dimension(v1::COURIER);
      request.set_granularity(v1::MONTH);
      SetMonth(kBegin, request.mutable_begin_date());
      SetMonth(kBegin + kMonths, request.mutable_end_date());
      const absl::Time start = absl::Now();
      groups = Call<v1::QueryScorecardsResponse>("ScorecardService/QueryScorecards", request)
                   .scorecards_size();
      times.push_back(1e3 * Seconds(start));
    }
    std::sort(times.begin(), times.end());
    std::printf("all couriers by month, %d groups: p50 %.2f ms, most %.2f ms\n", groups,
                times[times.size() / 2], times.back());
    std::fflush(stdout);
    const absl::Time start = absl::Now();
    groups = yardstick_.Ask();
    std::printf("in SQL over raw events, %d groups: %.0f ms\n", groups, 1e3 * Seconds(start));
  }

 private:
  static void SetMonth(absl::CivilMonth month, google::type::Date* date) {
    date->set_year(static_cast<int>(month.year()));
    date->set_month(month.month());
    date->set_day(1);
  }

  static logistics::testing::StreamOptions Options(int64_t events) {
    logistics::testing::StreamOptions options;
    options.events = events;
    options.begin = absl::CivilDay(kBegin);
    options.days = static_cast<int>(absl::CivilDay(kBegin + kMonths) - options.begin);
    options.world.zones = false;
    // Carriers gather what they send: some 500 events, however many there are in a day.
    const double days = 10e6 / static_cast<double>(events);
    options.batch_age = absl::Hours(24) * std::clamp(days, 0.05, 20.0);
    return options;
  }

  template <class Response, class Request>
  Response Call(std::string_view method, const Request& request) {
    return Need(service_.caller().Call<Response>(method, request, {.timeout = absl::Minutes(5)}));
  }

  // The numbers that parcels get by links: the generator tells of them when it comes to them.
  void GatherLinks(int64_t events) {
    StreamGenerator generator(Options(events));
    StreamItem item;
    while (generator.Next(&item)) {
      if (item.kind != StreamItem::Kind::kLink) continue;
      v1::TrackingNumber& number = links_[item.link.name().substr(item.link.name().find('/') + 1)];
      number.set_carrier(item.link.carrier());
      number.set_number(item.link.tracking_number());
    }
  }

  // The next events of the generator, with the announcements between; false
  // where there are none.
  bool Gather(int64_t events) {
    const absl::Time start = absl::Now();
    early_.clear();
    late_.clear();
    batches_.clear();
    StreamItem item;
    gathered_ = 0;
    while (gathered_ < events && generator_.Next(&item)) {
      now_ = std::max(now_, item.time);
      switch (item.kind) {
        case StreamItem::Kind::kAnnouncement: {
          auto& announced = (item.late ? late_ : early_).emplace_back(item.announcement);
          const auto link = links_.find(announced.parcel_id());
          if (link == links_.end()) break;
          *announced.mutable_parcel()->add_tracking_numbers() = std::move(link->second);
          links_.erase(link);
          break;
        } break;
        case StreamItem::Kind::kLink:
          break;
        case StreamItem::Kind::kBatch:
          gathered_ += item.batch.events_size();
          batches_.push_back(item.batch);
          break;
      }
    }
    generating_ += Seconds(start);
    return gathered_ > 0;
  }

  void Announce(const std::vector<v1::CreateParcelRequest>& parcels) {
    for (size_t begin = 0; begin < parcels.size(); begin += kAnnounced) {
      v1::BatchCreateParcelsRequest request;
      for (size_t i = begin; i < std::min(parcels.size(), begin + kAnnounced); ++i) {
        *request.add_requests() = parcels[i];
      }
      Call<v1::BatchCreateParcelsResponse>("ParcelService/BatchCreateParcels", request);
    }
  }

  // Announces, and streams the batches; the seconds that these took.
  double Stream() {
    service_.AdvanceTo(now_);
    const absl::Time announcing = absl::Now();
    Announce(early_);
    announcing_ += Seconds(announcing);
    const absl::Time start = absl::Now();
    grpc::ClientContext context;
    context.AddMetadata("caravan-principal", "users/admin");
    const grpc::internal::RpcMethod rpc("/caravan.logistics.v1.TrackingService/StreamEvents",
                                        grpc::internal::RpcMethod::BIDI_STREAMING);
    std::unique_ptr<grpc::ClientReaderWriter<v1::StreamEventsRequest, v1::StreamEventsResponse>>
        stream(grpc::internal::ClientReaderWriterFactory<
               v1::StreamEventsRequest,
               v1::StreamEventsResponse>::Create(service_.caller().channel().get(), rpc, &context));
    std::thread reader([&] {
      v1::StreamEventsResponse response;
      while (stream->Read(&response)) {
      }
    });
    for (const v1::StreamEventsRequest& batch : batches_) {
      if (!stream->Write(batch)) break;
    }
    stream->WritesDone();
    reader.join();
    const grpc::Status ended = stream->Finish();
    if (!ended.ok()) {
      std::fprintf(stderr, "%s\n", ended.error_message().c_str());
      std::exit(1);
    }
    const double seconds = Seconds(start);
    const absl::Time late = absl::Now();
    Announce(late_);
    announcing_ += Seconds(late);
    all_announced_ += static_cast<int64_t>(early_.size() + late_.size());
    all_batches_ += static_cast<int64_t>(batches_.size());
    return seconds;
  }

  double InsertRaw() {
    std::vector<RawEvent> rows;
    for (const v1::StreamEventsRequest& batch : batches_) {
      for (const v1::TrackingEvent& event : batch.events())
        rows.push_back({&batch.carrier(), &event});
    }
    const absl::Time start = absl::Now();
    yardstick_.Insert(rows, 10'000);
    return Seconds(start);
  }

  ServiceProcess& service_;
  Yardstick& yardstick_;
  StreamGenerator generator_;
  std::vector<std::string> couriers_;
  absl::Time now_ = absl::InfinitePast();
  std::vector<v1::CreateParcelRequest> early_, late_;
  // Of parcels that are yet to be announced, by id.
  absl::flat_hash_map<std::string, v1::TrackingNumber> links_;
  std::vector<v1::StreamEventsRequest> batches_;
  int64_t gathered_ = 0;  // events
  int64_t all_announced_ = 0, all_batches_ = 0;
  double generating_ = 0, announcing_ = 0;
};

}  // namespace
}  // namespace caravan::load

int main(int argc, char** argv) {
  int64_t events = 0, in_line = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[3], &events) || !absl::SimpleAtoi(argv[4], &in_line) ||
      events < 1 || in_line < 1) {
    std::fprintf(stderr,
                 "usage: ingestion_benchmark <store> <yardstick> <events> <events in a line>\n");
    return 2;
  }
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as the services do
  caravan::load::ServiceProcess service(argv[1]);
  std::unique_ptr<caravan::load::Yardstick> yardstick;
  if (absl::StartsWith(argv[1], "sqlite:")) {
    yardstick = std::make_unique<caravan::load::SqliteYardstick>(argv[2]);
  } else {
    yardstick = std::make_unique<caravan::load::PostgresYardstick>(argv[2]);
  }
  caravan::load::Benchmark benchmark(service, *yardstick, events);
  benchmark.Run(events, in_line);
  benchmark.Ask();
  return 0;
}
